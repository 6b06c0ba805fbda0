"""The sender killed with SIGKILL at each step of a delivery: the partner sees each release once, and whole.

A sample of the kills by default; all of them with AFLUENTE_PROOF=full.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import asyncssh
import pytest
from products_sending_openssh import OpenSshServer, missing_openssh
from products_sending_world import World, seen, send_in_process

from afluente.demo.loopback.sftp_server import Account, SftpServer
from afluente.products.release.sshsig import make_key

IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
KILLS = 200 if IS_FULL else 10
FILE_KILLS = 60 if IS_FULL else 4
SEED = 20260303
SIZES = (1500, 1_200_000, 90_000)
LEASE_SECONDS = 1000.0
STEPS = ("before connect", "in the middle of a file", "before rename", "before .ok", "before the commit")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["products_sending_world", "asyncssh", "afluente.products.deliveries.sftp.deliver"])
    return context


class Killer:
    """Kills the sender when the partner's server sees it at the chosen step."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self.announced: Counter[str] = Counter()
        self.step = ""
        self.pid = 0
        self.left = 0
        self.kills: Counter[str] = Counter()

    def aim(self, step: str, *, skipped: int) -> None:
        self.step, self.left = step, skipped

    def see(self, operation: str, name: str) -> None:
        """Called by the server before it carries an operation out."""
        is_announcing = operation == "rename" and name.endswith(".ok")
        if self._is_chosen(operation, is_announcing=is_announcing):
            if self.step == "before the commit":
                self._announce(name)
            self.kills[self.step] += 1
            self.step = ""
            os.kill(self.pid, signal.SIGKILL)
            raise asyncssh.SFTPConnectionLost("the client was killed")
        if is_announcing:
            self.announced[name] += 1

    def _announce(self, name: str) -> None:
        (self.inbox / f"{name}.tmp").rename(self.inbox / name)
        self.announced[name] += 1

    def _is_chosen(self, operation: str, *, is_announcing: bool) -> bool:
        match self.step:
            case "before connect":
                return operation == "connect"
            case "in the middle of a file":
                chosen = operation == "write"
            case "before rename":
                chosen = operation == "rename" and not is_announcing
            case "before .ok" | "before the commit":
                return is_announcing
            case _:
                return False
        self.left -= chosen
        return chosen and self.left < 0


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[tuple[World, Killer]]:
    key = make_key()
    private, public = key.private, key.public
    inbox, root = tmp_path / "inbox", tmp_path / "project"
    inbox.mkdir()
    root.mkdir()
    (root / "key").write_text(private)
    (root / "key").chmod(0o600)
    killer = Killer(inbox)
    with SftpServer(inbox, Account("aiqfome", public), on_operation=killer.see) as server:
        options = {"host": "127.0.0.1", "port": server.port, "user": "aiqfome", "private_key": "secret:file:key"}
        world = World(root)
        world.configure({"arquivos": {"sftp": {**options, "host_key": server.public_host_key}}})
        yield world, killer


@pytest.mark.proof
def test_a_sender_killed_at_each_step_leaves_each_release_visible_once(
    partner: tuple[World, Killer], processes: ForkServerContext
) -> None:
    world, killer = partner
    chance = random.Random(SEED)
    later, number = 0.0, 0
    while killer.kills.total() < KILLS:
        number += 1
        world.release(number, sizes=SIZES)
        ok = f"vendas-{number:06d}.ok"
        collected: dict[str, bytes] = {}
        for _ in range(chance.randint(1, 3)):
            if killer.announced[ok]:
                break
            step = STEPS[(killer.kills.total()) % len(STEPS)]
            killer.aim(step, skipped=0 if step == "before rename" else chance.randint(0, 3))
            kill_one(world, killer, processes, later)
            later += LEASE_SECONDS
        if killer.announced[ok] and chance.random() < 0.5:
            collected = take_away(killer.inbox)
        outcomes = world.send(seconds_later=later)
        later += LEASE_SECONDS
        assert [outcome.status for outcome in outcomes] == ["delivered"]
        assert collected or take_away(killer.inbox) == world.expected(number)
        assert not collected or (collected == world.expected(number) and seen(killer.inbox) == {})
        assert killer.announced[ok] == 1
    assert set(killer.kills) == set(STEPS)
    delivered = Counter(entry.subject for entry in world.audit("delivery.delivered"))
    assert delivered == {f"delivery/vendas#{one}/arquivos": 1 for one in range(1, number + 1)}
    assert Counter(event.subject for event in world.events("delivery.delivered")) == delivered


def kill_one(world: World, killer: Killer, processes: ForkServerContext, later: float) -> None:
    go = processes.Event()
    sender = processes.Process(target=send_in_process, args=(world.root, later, go))
    sender.start()
    assert sender.pid is not None
    killer.pid = sender.pid
    go.set()
    sender.join()
    assert sender.exitcode == -signal.SIGKILL, killer.step


def take_away(inbox: Path) -> dict[str, bytes]:
    """The partner's own program takes all it finds, temporary files excepted."""
    found = {name: content for name, content in seen(inbox).items() if not name.endswith(".tmp")}
    for path in list(inbox.iterdir()):
        path.unlink()
    return found


@pytest.mark.proof
def test_a_sender_to_a_folder_killed_at_any_file_leaves_each_release_visible_once(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    world, inbox = World(tmp_path / "project"), tmp_path / "inbox"
    world.configure({"copia": {"folder": {"path": str(inbox)}}})
    kill_at_files(world, inbox, processes, name="copia")


@pytest.mark.proof
def test_a_sender_to_openssh_killed_at_any_file_leaves_each_release_visible_once(
    tmp_path: Path, processes: ForkServerContext
) -> None:
    if missing := missing_openssh():
        pytest.skip(missing)
    key = make_key()
    private, public = key.private, key.public
    world, inbox = World(tmp_path / "project"), tmp_path / "inbox"
    inbox.mkdir()
    world.root.mkdir()
    (world.root / "key").write_text(private)
    (world.root / "key").chmod(0o600)
    with OpenSshServer(tmp_path / "sshd", public) as server:
        options = {"host": "127.0.0.1", "port": server.port, "user": server.user, "private_key": "secret:file:key"}
        world.configure({"real": {"sftp": {**options, "host_key": server.public_host_key, "folder": str(inbox)}}})
        kill_at_files(world, inbox, processes, name="real")


def kill_at_files(world: World, inbox: Path, processes: ForkServerContext, *, name: str) -> None:
    """A release after the other, each one's sender killed when a file chosen by chance comes up."""
    chance = random.Random(SEED)
    later = 0.0
    for number in range(1, FILE_KILLS + 1):
        world.release(number, sizes=(1500, 8_000_000))
        names = [part for told in sorted(world.expected(number), key=_order) for part in (f"{told}.tmp", told)]
        kill_at_file(world, inbox / chance.choice(names), processes, later)
        later += LEASE_SECONDS
        world.send(seconds_later=later)
        later += LEASE_SECONDS
        assert take_away(inbox) == world.expected(number)
    delivered = Counter(entry.subject for entry in world.audit("delivery.delivered"))
    assert delivered == {f"delivery/vendas#{one}/{name}": 1 for one in range(1, FILE_KILLS + 1)}
    assert all(row.status == "delivered" for row in world.rows())


def kill_at_file(world: World, path: Path, processes: ForkServerContext, later: float) -> None:
    """Kill the sender as soon as a file is there; it may be too late, and the release whole by then."""
    go = processes.Event()
    sender = processes.Process(target=send_in_process, args=(world.root, later, go))
    sender.start()
    go.set()
    while sender.exitcode is None and not path.exists():
        time.sleep(0)
    sender.kill()
    sender.join()


def _order(name: str) -> tuple[bool, bool, str]:
    return name.endswith(".ok"), "manifest" in name, name
