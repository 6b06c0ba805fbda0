"""Two hub processes over one PostgreSQL and one folder, and an agent: killed at random, each list lands once."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from tests.fleet_world.upload_world import landed_bytes, register_sites

from afluente.state.database import open_state
from afluente.state.fleet_schema import FACTS, TRANSMISSIONS

ROOT = Path(__file__).parents[2]
COUNT = 36
KILLS = 14


class Processes:
    """Hubs and an agent, each of which can be killed and begun again."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.hubs = [self.hub(), self.hub()]
        self.tell_ports()
        self.agent = self.new_agent()

    def hub(self) -> tuple[subprocess.Popen[str], str]:
        process = self.python("fleet_upload_hub", self.url, str(self.folder / "landing"))
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def new_agent(self) -> subprocess.Popen[str]:
        return self.python("fleet_upload_agent", str(self.folder), str(COUNT))

    def python(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.integration.{module}", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell_ports(self) -> None:
        beside = self.folder / "ports.new"
        beside.write_text(" ".join(port for _, port in self.hubs))
        beside.replace(self.folder / "ports")

    def kill_hub(self, number: int) -> None:
        end(self.hubs[number][0])
        self.hubs[number] = self.hub()
        self.tell_ports()

    def kill_agent(self) -> None:
        if self.agent.poll() is None:
            end(self.agent)
            self.agent = self.new_agent()

    def stop(self) -> None:
        for process in (self.agent, *(hub for hub, _ in self.hubs)):
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_killed_at_random_every_committed_list_lands_once(
    new_postgres: Callable[..., str], migrated_postgres: str, tmp_path: Path
) -> None:
    chance = random.Random(5)
    url = new_postgres(copy_of=migrated_postgres)
    with open_state(url, tmp_path) as database:
        register_sites(database)
        processes = Processes(url, tmp_path)
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 0.6))
                victim = chance.choice(["hub", "hub", "agent"])
                processes.kill_agent() if victim == "agent" else processes.kill_hub(chance.randrange(2))
            assert processes.agent.wait(timeout=300) == 0
        finally:
            processes.stop()
        told = dict(line.split() for line in (tmp_path / "committed").read_text().splitlines())
        landed = dict(landed_bytes(database, tmp_path / "landing"))
        with database.read() as connection:
            states = list(connection.execute(sa.select(TRANSMISSIONS.c.state)).scalars())
            facts = list(connection.execute(sa.select(FACTS.c.code)).scalars())
    assert len(told) == COUNT
    assert set(told) <= set(landed)
    assert len(landed) <= COUNT + KILLS
    assert set(states) == {"landed"}
    assert facts == []
    for transmission, digest in told.items():
        assert hashlib.sha256(landed[transmission]).hexdigest() == digest
    files = {path.name for path in (tmp_path / "landing").rglob("*") if path.is_file()}
    assert files == {f"{transmission}.landed" for transmission in landed}
