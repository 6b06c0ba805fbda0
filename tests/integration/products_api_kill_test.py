"""The sender of an API delivery killed with SIGKILL, again and again: the partner still has each chunk once."""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Answered, Asked, Fault, PartnerBehaviour
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_delivery_package import make_package
from tests.until import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
SENDER = Path(__file__).with_name("products_api_sender.py")
ROWS = 200
FAULTS = ("cut_before", "cut_after", "error_after", "in_flight", "busy", "twice")


class Killing(PartnerBehaviour):
    """Kills the sender at the request it is aimed at, before it is carried out or after, and answers nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._pid: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._left, self._is_after = 0, False

    def aim(self, left: int, *, is_after: bool) -> None:
        """At the request that comes so many requests from now; 0 is none."""
        self._left, self._is_after = left, is_after
        self._pid = queue.SimpleQueue()

    def tell(self, pid: int) -> None:
        self._pid.put(pid)

    def answer(self, asked: Asked) -> Answered:
        self._left -= 1
        if self._left:
            return super().answer(asked)
        if self._is_after:
            super().answer(asked)
        os.kill(self._pid.get(timeout=PATIENCE_SECONDS), signal.SIGKILL)
        return Answered(0, is_sent=False)


def start(root: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SENDER), str(root), url, str(ROWS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sender_killed_anywhere_delivers_each_chunk_exactly_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "received"
    scratch = tmp_path / ".afluente" / "spill" / "api"
    kills, most_left = 0, 0
    partner_kills = Killing(folder)
    partner_kills.inject(*(Fault(chance.choice(FAULTS)) for _ in range(25)))
    with PartnerApi(folder) as partner:
        partner._server.behaviour = partner_kills
        while True:
            partner_kills.aim(chance.randint(1, 12) if kills < 6 else 0, is_after=chance.random() < 0.5)
            sender = start(tmp_path, partner.url)
            partner_kills.tell(sender.pid)
            sender.communicate()
            left = len(list(scratch.iterdir())) if scratch.exists() else 0
            most_left = max(most_left, left)
            if sender.returncode == 0:
                break
            assert sender.returncode == -signal.SIGKILL
            kills += 1
    assert kills >= 3
    assert most_left > 0
    assert left == 0
    assert_exactly_once(folder, make_package(tmp_path / "release", {"vendas_mes": ROWS}), {"vendas_mes"})


def test_two_senders_of_one_release_at_once_deliver_each_chunk_exactly_once(tmp_path: Path) -> None:
    folder = tmp_path / "received"
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    with PartnerApi(folder) as partner:
        partner.behaviour.inject(*(Fault(kind) for kind in FAULTS))
        senders = [start(root, partner.url) for root in roots]
        for sender in senders:
            with sender:
                assert sender.wait() == 0
    assert_exactly_once(folder, make_package(tmp_path / "release", {"vendas_mes": ROWS}), {"vendas_mes"})
