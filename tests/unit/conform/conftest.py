"""One DuckDB for the unit tests of conform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    settings = EngineSettings(kind="duckdb", memory_limit="1GB", threads=2)
    opened = open_engine(settings, timezone="America/Sao_Paulo", temp_folder=tmp_path_factory.mktemp("duckdb"))
    yield opened
    opened.close()
