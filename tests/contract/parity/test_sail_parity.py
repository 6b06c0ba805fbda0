"""Sail, the Spark Connect server of our tests, answers what Apache Spark answered; each known gap is an xfail."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.contract.parity import edge, vectors
from tests.contract.parity.sail_gaps import GAPS

pytest.importorskip("pysail", reason="pysail is a development dependency")
pytest.importorskip("pyspark", reason="pyspark-client comes with the spark extra")

VECTORS = vectors.load()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pysail.spark import SparkConnectServer

    from afluente.engines.spark.connect import connect

    zone = os.environ.get("TZ")
    os.environ["TZ"] = edge.TIMEZONE
    time.tzset()
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    opened = connect(f"sc://{host}:{port}", timezone=edge.TIMEZONE)
    try:
        opened.conf.set("spark.sql.ansi.enabled", "true")
        opened.conf.set("spark.sql.session.timeZone", edge.TIMEZONE)
        path = Path(tmp_path_factory.mktemp("edge")) / "edge.parquet"
        pq.write_table(edge.edge_table(), path)
        # Without a schema of its own, Sail takes the file's UTC for the zone of the session.
        schema = ", ".join(f"{name} {kind}" for name, kind in edge.SPARK_TYPES.items())
        opened.read.schema(schema).parquet(str(path)).createOrReplaceTempView("silver__edge")
        yield opened
    finally:
        opened.stop()
        server.stop()
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()


def _parameters() -> list[Any]:
    marked = []
    for vector in VECTORS:
        reason = GAPS.get(vector.sql)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        marked.append(pytest.param(vector, id=vector.sql, marks=marks))
    return marked


@pytest.mark.parametrize("vector", _parameters())
def test_sail_gives_what_spark_gave(session: Any, vector: vectors.Vector) -> None:
    assert differences(session, vector) == []


def test_every_gap_is_of_a_statement() -> None:
    assert set(GAPS) - {vector.sql for vector in VECTORS} == set()


def differences(session: Any, vector: vectors.Vector) -> list[str]:
    """What Sail answers otherwise than Spark."""
    if vector.kind == "query":
        try:
            frame = session.sql(vectors.spark_text(vector.sql))
            rows = sorted(
                ([vectors.encode(v) for v in vectors.plain(row)] for row in frame.collect()), key=vectors.row_key
            )
        except Exception as failure:  # noqa: BLE001 - whatever the server raises is its answer
            return [] if vector.answers and isinstance(vector.answers[0], dict) else [str(failure)[:200]]
        wrong = (
            []
            if list(vectors.types(frame).values()) == list(vector.types.values())
            else [f"types {vectors.types(frame)}"]
        )
        return wrong + ([] if vectors.same(rows, vector.answers) else [f"rows {rows}"])
    wrong = []
    for number, (answer, expected) in enumerate(zip(_answers(session, vector, wrong), vector.answers, strict=True), 1):
        if isinstance(answer, Exception) != ("error" in expected):
            wrong.append(f"row {number}: {str(answer)[:120]!r}, and Spark {expected}")
        elif not isinstance(answer, Exception) and not vectors.same(answer, expected["value"]):
            wrong.append(f"row {number}: {answer!r}, and Spark {expected}")
    return wrong


def _answers(session: Any, vector: vectors.Vector, wrong: list[str]) -> list[Any]:
    try:
        frame = session.sql(f"SELECT {vector.sql} AS r, id AS edge_id FROM silver__edge")
        kind = vectors.types(frame)["r"]
        if vector.types and kind != vector.types["r"]:
            wrong.append(f"type {kind}, and Spark {vector.types['r']}")
        rows = {row["edge_id"]: vectors.encode(vectors.plain(row)[0]) for row in frame.collect()}
        return [rows[number] for number in sorted(rows)]
    except Exception:  # noqa: BLE001
        return [_one(session, vector.sql, number) for number in range(1, edge.ROW_COUNT + 1)]


def _one(session: Any, sql: str, number: int) -> Any:
    try:
        row = session.sql(f"SELECT {sql} AS r FROM silver__edge WHERE id = {number}").collect()[0]
        return vectors.encode(vectors.plain(row)[0])
    except Exception as failure:  # noqa: BLE001
        return failure
