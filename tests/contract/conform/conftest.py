"""Both engines for the tests of conform, opened the way a project opens them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings

TIMEZONE = "America/Sao_Paulo"


@pytest.fixture(scope="session")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = EngineSettings(kind="duckdb", memory_limit="1GB", threads=2)
    opened = open_engine(settings, timezone=TIMEZONE, temp_folder=tmp_path_factory.mktemp("duckdb"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def spark_engine(sail_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = EngineSettings(kind="spark", url=sail_url)
    opened = open_engine(settings, timezone=TIMEZONE, temp_folder=tmp_path_factory.mktemp("spark"))
    yield opened
    opened.close()


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    opened: Engine = request.getfixturevalue(f"{request.param}_engine")
    return opened
