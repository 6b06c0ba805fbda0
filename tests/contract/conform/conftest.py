"""Both engines for the tests of conform, opened the way a project opens them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

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
