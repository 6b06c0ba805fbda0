"""Both engines, opened the way a project opens them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings

TIMEZONE = "America/Sao_Paulo"


@pytest.fixture(scope="session", params=["duckdb", "spark"])
def shared_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of a process: a Spark session takes seconds to open."""
    temp_folder = tmp_path_factory.mktemp("engine")
    if request.param == "duckdb":
        settings = EngineSettings(kind="duckdb", memory_limit="512MB", threads=2)
    else:
        settings = EngineSettings(kind="spark", url=request.getfixturevalue("sail_url"))
    opened = open_engine(settings, timezone=TIMEZONE, temp_folder=temp_folder)
    yield opened
    opened.close()


@pytest.fixture
def engine(shared_engine: Engine) -> Engine:
    return shared_engine


@pytest.fixture
def table_folder(tmp_path: Path) -> str:
    return str(tmp_path / "lake" / "silver" / "vendas")
