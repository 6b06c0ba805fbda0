"""A checkpoint that a power cut tore keeps nobody out of a table whose log is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from afluente.core.errors import LakeError
from afluente.lake import Lake
from lake_hand import TABLE, Hand

COMMITS = 103
"""Past the first checkpoint, from delta-rs's default interval."""
Tear = Callable[[Path, Path], object]


def zero_half(checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    half = len(content) // 2
    checkpoint.write_bytes(content[:half] + bytes(len(content) - half))


TEARS: dict[str, Tear] = {
    "empty": lambda checkpoint, hint: checkpoint.write_bytes(b""),
    "cut short": lambda checkpoint, hint: checkpoint.write_bytes(checkpoint.read_bytes()[:3000]),
    "zeros": lambda checkpoint, hint: zero_half(checkpoint),
    "gone, and its hint is there": lambda checkpoint, hint: checkpoint.unlink(),
    "cut short, and its hint is gone": lambda checkpoint, hint: (zero_half(checkpoint), hint.unlink()),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake") / "lago"
    hand = Hand(Lake(str(root), project_name="teste"))
    for number in range(COMMITS):
        hand.write("append", [{"id": number, "uf": "SP", "valor": None}])
    return root


@pytest.fixture
def lake(written: Path, tmp_path: Path) -> Lake:
    shutil.copytree(written, tmp_path / "lago")
    return Lake(str(tmp_path / "lago"), project_name="teste")


def log_of(lake: Lake) -> Path:
    return Path(lake.address(TABLE)) / "_delta_log"


def tear(lake: Lake, how: str) -> None:
    checkpoint = next(log_of(lake).glob("*.checkpoint.parquet"))
    TEARS[how](checkpoint, log_of(lake) / "_last_checkpoint")


@pytest.mark.parametrize("how", TEARS)
def test_a_table_with_a_torn_checkpoint_is_read_from_its_log_and_written_on(lake: Lake, how: str) -> None:
    tear(lake, how)
    hand = Hand(lake)
    assert sorted(row["id"] for row in hand.rows()) == list(range(COMMITS))
    assert len(hand.rows(version=COMMITS - 2)) == COMMITS - 1
    hand.write("append", [{"id": COMMITS, "uf": "SP", "valor": None}])
    assert len(hand.rows()) == COMMITS + 1


def test_a_torn_checkpoint_stays_where_the_log_does_not_hold_all_of_it(lake: Lake) -> None:
    (log_of(lake) / f"{7:020d}.json").unlink()
    tear(lake, "cut short")
    before = sorted(path.name for path in log_of(lake).iterdir())
    with pytest.raises(LakeError) as caught:
        lake.find(TABLE)
    assert caught.value.code == "lake.log_corrupted"
    assert sorted(path.name for path in log_of(lake).iterdir()) == before


def test_a_whole_checkpoint_stays_where_the_log_was_cleaned(lake: Lake) -> None:
    (log_of(lake) / f"{7:020d}.json").unlink()
    assert len(Hand(lake).rows()) == COMMITS
    assert list(log_of(lake).glob("*.checkpoint.parquet"))


def test_a_hint_of_a_checkpoint_that_is_gone_gives_way_to_an_older_whole_one(lake: Lake) -> None:
    hint = log_of(lake) / "_last_checkpoint"
    named = json.loads(hint.read_text())
    hint.write_text(json.dumps({**named, "version": named["version"] + 1}))
    assert len(Hand(lake).rows()) == COMMITS
    assert list(log_of(lake).glob("*.checkpoint.parquet"))


def test_asking_for_a_version_that_is_not_there_takes_nothing_away(lake: Lake) -> None:
    before = sorted(path.name for path in log_of(lake).iterdir())
    with pytest.raises(LakeError) as caught:
        lake.snapshot(TABLE, COMMITS + 7)
    assert caught.value.code == "lake.version_missing"
    assert sorted(path.name for path in log_of(lake).iterdir()) == before
