"""Compaction and vacuum: no row changes, and nothing goes that someone may need."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from afluente.core.clock import SetClock
from afluente.core.errors import LakeError
from afluente.lake import Lake
from lake_hand import TABLE, Hand

ROWS = [{"id": i, "uf": "SP" if i % 2 else "São Paulo", "valor": None} for i in range(6)]


def test_small_files_become_one_a_partition(lake: Lake) -> None:
    hand = Hand(lake, partition_by=("uf",))
    for row in ROWS:
        hand.write("append", [row])
    done = lake.optimize(TABLE)
    assert (done.files_before, done.files_after, done.version) == (6, 2, 6)
    assert len(hand.rows()) == 6
    again = lake.optimize(TABLE)
    assert (again.version, again.files_before, again.files_after) == (6, 2, 2)


def test_only_small_files_are_written_again(lake: Lake, hand: Hand) -> None:
    hand.write("append", [{"id": i, "uf": str(i), "valor": None} for i in range(20_000)])
    large = lake.snapshot(TABLE).files[0]
    hand.write("append", ROWS)
    hand.write("append", ROWS)
    lake.optimize(TABLE, target_size_bytes=2 * os.path.getsize(large))
    assert large in lake.snapshot(TABLE).files
    assert len(lake.snapshot(TABLE).files) == 2
    assert lake.snapshot(TABLE).rows == 20_012


def test_a_vacuum_keeps_what_the_retention_covers(lake: Lake, hand: Hand) -> None:
    hand.write("append", ROWS)
    hand.write("replace", ROWS[:1])
    assert lake.vacuum(TABLE, 168, full=True, dry_run=False).files == ()
    assert len(hand.rows(0)) == 6
    planned = lake.vacuum(TABLE, 0)
    assert (len(planned.files), planned.is_dry_run) == (1, True)
    assert len(hand.rows(0)) == 6
    done = lake.vacuum(TABLE, 0, dry_run=False)
    assert done.files == planned.files
    assert done.size_bytes > 0
    assert len(hand.rows()) == 1


def test_a_vacuum_after_the_retention_frees_old_versions(tmp_path: Path) -> None:
    clock = SetClock(datetime.now(UTC))
    lake = Lake(str(tmp_path / "lago"), project_name="teste", clock=clock)
    hand = Hand(lake)
    hand.write("append", ROWS)
    hand.write("replace", ROWS[:1])
    clock.advance(seconds=169 * 3600)
    assert len(lake.vacuum(TABLE, 168, dry_run=False).files) == 1
    assert len(hand.rows()) == 1


def test_the_files_of_a_running_write_survive_and_those_of_a_dead_one_go(lake: Lake, hand: Hand) -> None:
    hand.write("append", ROWS)
    dead = hand.plan(lake.find(TABLE), "append", ROWS).files[0].path
    running = hand.plan(lake.find(TABLE), "append", ROWS)
    long_ago = (datetime.now(UTC) - timedelta(hours=30)).timestamp()
    os.utime(Path(lake.address(TABLE)) / dead, (long_ago, long_ago))
    assert lake.vacuum(TABLE, 0, dry_run=False).files == ()
    assert lake.vacuum(TABLE, 0, dry_run=False, full=True).files == (dead,)
    lake.commit(running)
    assert len(hand.rows()) == 12


def test_a_vacuum_that_would_endanger_running_writes_is_refused(lake: Lake, hand: Hand) -> None:
    hand.write("append", ROWS)
    with pytest.raises(LakeError) as caught:
        lake.vacuum(TABLE, 0, full=True, orphan_age_hours=0)
    assert caught.value.code == "lake.retention"
