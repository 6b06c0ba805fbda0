"""Both engines, opened the way a project opens them. Sail runs in a process of its own, on a port of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings

TIMEZONE = "America/Sao_Paulo"
SERVER = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def sail_url() -> Iterator[str]:
    if importlib.util.find_spec("pysail") is None:
        pytest.skip("pysail is not installed: Spark Connect is not tested")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair"},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"sc://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


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
