"""A power cut after some commits: what was committed is there, and the table opens."""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path

import pytest
from afluente.lake import Lake
from lake_hand import TABLE, Hand
from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_power_cut import PowerCut

CHECKPOINT = 100
"""The version before the first checkpoint, from delta-rs's default interval."""


def row(number: int) -> dict[str, object]:
    return {"id": number, "uf": "SP", "valor": None}


def commit_with_one_that_nobody_forced(root: Path, ledger: Path, commits: int) -> None:
    """Commits, among them one by other software, which forces nothing to the disk, as one of a killed process."""
    from deltalake import DeltaTable

    lake = Lake(str(root), project_name="teste")
    hand = Hand(lake)
    hand.write("append", [row(0)])
    storm_ledger.begin(ledger, root)
    storm_ledger.keep(ledger)
    for number in range(1, commits):
        if number == commits // 2:
            DeltaTable(lake.address(TABLE)).alter.set_table_properties(
                {"delta.logRetentionDuration": "interval 40 days"}
            )
        hand.write("append", [row(number)])


def not_forced(log: Path, ledger: Path) -> list[str]:
    """The files of a log that are not on the disk as they are."""
    forced = ledger / "files"
    return [
        path.name
        for path in log.iterdir()
        if not (forced / str(path.stat().st_ino)).exists()
        or (forced / str(path.stat().st_ino)).read_bytes() != path.read_bytes()
    ]


@pytest.mark.parametrize(("commits", "seeds"), [(4, range(5)), (CHECKPOINT + 2, range(1))])
def test_a_table_outlives_a_power_cut(tmp_path: Path, commits: int, seeds: range) -> None:
    for seed in seeds:
        root, ledger = tmp_path / f"lago{seed}", tmp_path / f"ledger{seed}"
        arguments = (root, ledger, commits)
        process = multiprocessing.get_context("spawn").Process(
            target=commit_with_one_that_nobody_forced, args=arguments
        )
        process.start()
        process.join()
        assert process.exitcode == 0
        assert not_forced(Path(Lake(str(root)).address(TABLE)) / "_delta_log", ledger) == []
        PowerCut(ledger, random.Random(seed)).strike(root)
        hand = Hand(Lake(str(root), project_name="teste"))
        assert sorted(one["id"] for one in hand.rows()) == list(range(commits))
