from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from afluente_agent.enrol import enrol
from afluente_agent.settings import DataFolder
from tests.unit.agent.core.small_hub import TOKEN, SmallHub


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    server = SmallHub()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "agent")


@pytest.fixture
def enrolled(hub: SmallHub, folder: DataFolder) -> DataFolder:
    enrol(folder, hub=hub.url, token=TOKEN, now=time.time, proxy="none")
    return folder
