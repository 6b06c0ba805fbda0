"""Agents, hubs, databases and lines struck at random while they work: no row is lost, and none stands twice.

By default each kind of fault once; 300 with AFLUENTE_PROOF=full. AFLUENTE_STORM_SEED takes
another sequence of them.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import psycopg
import pytest
from tests.fleet_world.storm_faults import Faults
from tests.fleet_world.storm_oracle import Found, check
from tests.fleet_world.storm_world import StormWorld, storm_world

IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
SEED = int(os.environ.get("AFLUENTE_STORM_SEED", "20260921"))
FAULTS = 300
LOOK_EVERY = 25


@pytest.mark.proof
def test_whatever_is_killed_no_row_is_lost_and_none_stands_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    with storm_world(tmp_path, chance) as world:
        faults = Faults(world, chance)
        world.settle()
        world.record_hub_as_durable()
        sequence = drawn(list(faults.kinds), chance)
        began = time.monotonic()
        try:
            for number, kind in enumerate(sequence, 1):
                faults.strike(kind)
                if number % LOOK_EVERY == 0 or number == len(sequence):
                    faults.mend()
                    world.settle()
                    found = check(world)
                    with capsys.disabled():
                        print(f"\n{number} faults in {time.monotonic() - began:.0f} s: {found}", flush=True)
        except BaseException:
            story = tell_all(faults, world, tmp_path)
            with capsys.disabled():
                print(f"\nseed {SEED}, {faults.struck.total()} faults, the last: {faults.history[-6:]}; all in {story}")
            raise
        with capsys.disabled():
            print(told(faults, world, found))


def drawn(kinds: list[str], chance: random.Random) -> list[str]:
    """The faults in their order, each kind about as often as the others."""
    rounds = -(-FAULTS // len(kinds)) if IS_FULL else 1
    sequence = kinds * rounds
    chance.shuffle(sequence)
    return sequence[:FAULTS]


def tell_all(faults: Faults, world: StormWorld, folder: Path) -> Path:
    """What happened, what the hubs know of the transmissions, and what the agents told: for whoever looks for the cause."""
    path = folder / "story.txt"
    lines = list(faults.history)
    with psycopg.connect(world.state.uri()) as connection:
        for query in (
            "SELECT id, site, list_name, kind, base, rows, state, error_code, started_at, loaded_at FROM transmissions "
            "ORDER BY started_at",
            "SELECT site, code, at, received_at, evidence FROM facts ORDER BY received_at",
        ):
            lines += [" ".join(map(str, row)) for row in connection.execute(query)]  # type: ignore[arg-type]
    path.write_text("\n".join(lines))
    return path


def told(faults: Faults, world: StormWorld, found: Found) -> str:
    by_kind = ", ".join(f"{kind} {count}" for kind, count in sorted(faults.struck.items()))
    starts = sum(agent.starts for agent in world.agents.values()), sum(hub.starts for hub in world.hubs)
    return f"seed {SEED}; {by_kind}; taken by power cuts: {dict(faults.taken)}; starts of agents and hubs: {starts}; {found}"
