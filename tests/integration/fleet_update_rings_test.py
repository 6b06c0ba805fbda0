"""Update rings with real processes: good versions pass, bad ones are rolled back where they were tried and nowhere else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.fleet_update_world import Fleet, open_fleet

from afluente.fleet import rollouts
from afluente.fleet.rollout_gate import GateRule
from afluente.state import audit_chain
from afluente.state.database import open_state

GATE = GateRule(least_healthy=1, least_healthy_share=1.0, least_offered_share=1.0, soak_seconds=0)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with open_state("sqlite:///state.db", tmp_path) as database, open_fleet(tmp_path, database) as opened:
        yield opened


def start(fleet: Fleet, version: str, mode: str) -> rollouts.Rollout:
    fleet.add_version(version, mode)
    with fleet.database.write() as connection:
        return rollouts.start(
            connection,
            version,
            by="ana",
            reason="new",
            at=fleet.clock.now(),
            order=("canary", "early", "all"),
            gate=GATE,
            previous="1.0.0",
        )


def standing(fleet: Fleet) -> rollouts.Rollout:
    with fleet.database.read() as connection:
        found = rollouts.newest(connection)
    assert found is not None
    return found


def test_a_good_version_goes_ring_by_ring_and_an_order_takes_it_back(fleet: Fleet) -> None:
    for site, ring in (("a", "canary"), ("b", "general")):
        fleet.enrol(site, ring)
        fleet.watch(site)
    fleet.until(lambda: len(fleet.seen) == 2, "first heartbeats")
    started = start(fleet, "1.1.0", "good")
    assert started.rings == ("canary", "all")
    fleet.until(lambda: standing(fleet).status == "done", "the end of the rollout")
    assert all(fleet.pointer(site).current == "1.1.0" and not fleet.pointer(site).is_on_trial for site in "ab")
    with fleet.database.read() as connection:
        words = [entry.action for entry in audit_chain.entries(connection, subject="update/1.1.0")]
    assert words == ["rollout.started", "rollout.advanced", "rollout.done"]
    with fleet.database.write() as connection:
        rollouts.roll_back(connection, started.id, by="ana", reason="seen later", at=fleet.clock.now())
    fleet.until(lambda: all(fleet.pointer(site).current == "" for site in "ab"), "the way back")
    assert all(any(fact["code"] == "update.returned" for fact in fleet.facts(site)) for site in "ab")


@pytest.mark.parametrize("mode", ["crash", "hang", "no_hub"])
def test_a_bad_version_is_rolled_back_on_the_first_ring_and_the_second_never_sees_it(fleet: Fleet, mode: str) -> None:
    for site, ring in (("a", "canary"), ("b", "canary"), ("c", "general")):
        fleet.enrol(site, ring)
        fleet.watch(site, trying=mode)
    fleet.until(lambda: len(fleet.seen) == 3, "first heartbeats")
    start(fleet, "1.1.0", mode)
    fleet.until(lambda: all(fleet.pointer(site).is_bad("1.1.0") for site in "ab"), "the roll back")
    fleet.until(lambda: standing(fleet).status == "held", "the hold")
    for site in "ab":
        pointer = fleet.pointer(site)
        assert (pointer.current, pointer.status) == ("", f"rolled_back 1.1.0 {mode}")
        told = [fact for fact in fleet.facts(site) if fact["code"] == "update.rolled_back"]
        assert told == [{"code": "update.rolled_back", "version": "1.1.0", "reason": mode, "to": "1.0.0"}]
    held = standing(fleet)
    assert (held.ring, "rolled back" in held.reason) == ("canary", True)
    assert fleet.seen["c"] == {"1.0.0"}
    assert not (fleet.home("c") / "versions").exists()
    with fleet.database.read() as connection:
        assert rollouts.counts(connection, held.id)["canary"].get("healthy", 0) == 0


def test_killing_watcher_or_agent_leaves_one_agent_that_goes_on(fleet: Fleet) -> None:
    fleet.enrol("a", "canary")
    watcher = fleet.watch("a")
    fleet.until(lambda: "a" in fleet.seen, "the first heartbeat")
    agent = int((fleet.home("a") / "pid").read_text())
    os.kill(agent, signal.SIGKILL)
    fleet.until(lambda: int((fleet.home("a") / "pid").read_text()) != agent, "another agent")
    agent = int((fleet.home("a") / "pid").read_text())
    watcher.kill()
    watcher.wait()
    fleet.until(lambda: not is_running(agent), "the end of the agent that nobody watches")
    fleet.watch("a")
    fleet.until(lambda: int((fleet.home("a") / "pid").read_text()) != agent, "an agent that is watched")


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
