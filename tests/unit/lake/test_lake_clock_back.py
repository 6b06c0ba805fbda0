"""A vacuum after the clock stood wrong: nothing goes that a version within the retention needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from afluente.core.clock import SetClock
from afluente.lake import Lake
from lake_hand import TABLE, Hand

ROWS = [{"id": i, "uf": "SP", "valor": None} for i in range(6)]
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def stamp(lake: Lake, version: int, moment: datetime) -> None:
    """Make a commit say that it was made at a moment, as the machine's clock would have had it."""
    path = Path(lake.address(TABLE)) / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = int(moment.timestamp() * 1000)
    path.write_text("".join(json.dumps(action) + "\n" for action in actions), encoding="utf-8")


@pytest.mark.parametrize(
    "behind", [timedelta(days=56 * 365), timedelta(days=30)], ids=["a clock that began in 1970", "a month behind"]
)
def test_a_commit_stamped_by_a_clock_that_was_behind_is_not_old(behind: timedelta, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lago"), project_name="teste", clock=SetClock(NOW))
    hand = Hand(lake)
    for mode in ("append", "replace", "replace"):
        hand.write(mode, ROWS)
    stamp(lake, 0, NOW - timedelta(hours=3))
    stamp(lake, 1, NOW - behind)
    stamp(lake, 2, NOW - timedelta(hours=1))
    assert lake.vacuum(TABLE, 168, dry_run=False, full=True).files == ()
    assert [len(hand.rows(version)) for version in range(3)] == [6, 6, 6]


def test_a_clock_set_back_frees_nothing_early_and_old_versions_in_the_end(tmp_path: Path) -> None:
    clock = SetClock(NOW)
    lake = Lake(str(tmp_path / "lago"), project_name="teste", clock=clock)
    hand = Hand(lake)
    hand.write("append", ROWS)
    hand.write("replace", ROWS)
    for version in range(2):
        stamp(lake, version, NOW)
    clock.moment = NOW - timedelta(days=365)
    assert lake.vacuum(TABLE, 168, dry_run=False, full=True).files == ()
    clock.moment = NOW + timedelta(hours=169)
    assert len(lake.vacuum(TABLE, 168, dry_run=False).files) == 1
