"""The same project run by DuckDB and through Spark Connect gives equal tables, rejects and repairs.

Sail serves the tests; where Java and the Python of a Spark installation (AFLUENTE_SPARK_PYTHON) are there, Apache
Spark itself does too. `AFLUENTE_PROOF=full` adds the real project olist and more rows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.grown import DATA, IS_FULL, afluente, assert_equal_lakes, make_project, run, tables
from tests.spark_server import sail_server, spark_server

ROWS = 20_000 if IS_FULL else 2_000
APACHE_SPARK = """
import os, socket, sys
os.environ.pop("SPARK_REMOTE", None)
from pyspark.sql import SparkSession
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
settings = {
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.grpc.binding.port": str(port),
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}
builder = SparkSession.builder.master("local[2]")
for name, value in settings.items():
    builder = builder.config(name, value)
session = builder.getOrCreate()
print("port", port, flush=True)
sys.stdin.read()
session.stop()
"""


@pytest.fixture(scope="module")
def sail() -> Iterator[str]:
    with sail_server() as url:
        yield url


@pytest.fixture(scope="module")
def apache_spark() -> Iterator[str]:
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    python = os.environ.get("AFLUENTE_SPARK_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("AFLUENTE_SPARK_PYTHON names no Python that has pyspark with its jars")
    with spark_server(python, APACHE_SPARK, SPARK_LOCAL_IP="127.0.0.1") as url:
        yield url


def steps(report: dict[str, object]) -> dict[str, tuple[object, ...]]:
    """What each step says it did."""
    names = ("status", "rows_in", "rows_out", "rows_rejected", "rows_repaired")
    return {step["name"]: tuple(step[name] for name in names) for step in report["steps"]}


def repairs(report: dict[str, object]) -> list[tuple[object, ...]]:
    return sorted(tuple(repair.values()) for repair in report["repairs"])


def rules(report: dict[str, object]) -> list[tuple[object, ...]]:
    return sorted((rule["table"], rule["rule"], rule["status"], repr(rule["measured"])) for rule in report["rules"])


def assert_same_on_both(name: str, url: str, folder: Path, engine: str, *, env: dict[str, str] | None = None) -> None:
    here = make_project(name, folder / "duckdb", rows=ROWS)
    there = make_project(name, folder / "spark", rows=ROWS, engine=f'{{spark: "{url}"}}')
    ours, theirs = run(here, env=env), run(there, env=env)
    assert ours["engine"] == "duckdb"
    assert theirs["engine"] == engine
    assert theirs["engine_version"]
    assert steps(ours) == steps(theirs)
    assert repairs(ours) == repairs(theirs)
    assert rules(ours) == rules(theirs)
    assert_equal_lakes(tables(str(there / "lake")), tables(str(here / "lake")))
    assert not list((there / "lake").glob(".stage/*")), "materialised tables are gone"

    again = afluente(there, "run", env=env)
    assert again.returncode == 0, again.stderr
    assert "nothing new" in again.stdout + again.stderr


def test_ouchhungry_gives_equal_tables_on_sail(sail: str, tmp_path: Path) -> None:
    assert_same_on_both("ouchhungry", sail, tmp_path, "sail")


@pytest.mark.proof
def test_olist_gives_equal_tables_on_sail(sail: str, tmp_path: Path) -> None:
    if not IS_FULL:
        pytest.skip("olist on Spark is a slow proof: AFLUENTE_PROOF=full")
    if not (DATA / "olist").is_dir():
        pytest.skip(f"no real data in {DATA.name}/olist: set AFLUENTE_DATA")
    assert_same_on_both("olist", sail, tmp_path, "sail", env={"DATA": str(DATA / "olist")})


def test_ouchhungry_gives_equal_tables_on_apache_spark(apache_spark: str, tmp_path: Path) -> None:
    assert_same_on_both("ouchhungry", apache_spark, tmp_path, "apache-spark")


def test_a_run_says_which_engine_and_version_does_it(sail: str, tmp_path: Path) -> None:
    import pysail

    project = make_project("ouchhungry", tmp_path / "spark", rows=100, engine=f'{{spark: "{sail}"}}')
    done = afluente(project, "run", "silver.pracas")
    assert done.returncode == 0, done.stderr
    assert f"engine sail {pysail.__version__}" in done.stderr


def test_a_server_that_is_not_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    project = make_project("ouchhungry", tmp_path / "spark", rows=100, engine='{spark: "sc://127.0.0.1:1"}')
    done = afluente(project, "run", "silver.pracas")
    assert done.returncode == 1
    assert "engine.unreachable" in done.stderr
    assert "Traceback" not in done.stderr
