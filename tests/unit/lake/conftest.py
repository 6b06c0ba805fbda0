"""A lake in a temporary folder and a hand that writes into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from afluente.lake import Lake
from lake_hand import Hand


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lago"), project_name="teste")


@pytest.fixture
def hand(lake: Lake) -> Hand:
    return Hand(lake)
