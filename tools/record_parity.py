"""Record the parity vectors from Apache Spark: run by a Python that has pyspark and pyarrow, with Java 17.

    python tools/record_parity.py [--all]    # writes tests/contract/parity/vectors.jsonl

Only statements without a recorded answer are run, unless `--all` asks for every one again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pyarrow.parquet as pq  # noqa: E402

from tests.contract.parity import edge, vectors  # noqa: E402


def main() -> int:
    os.environ["TZ"] = edge.TIMEZONE
    time.tzset()
    with tempfile.TemporaryDirectory() as folder:
        session = _session()
        try:
            pq.write_table(edge.edge_table(), f"{folder}/edge.parquet")
            session.read.parquet(f"{folder}/edge.parquet").coalesce(1).cache().createOrReplaceTempView("silver__edge")
            known = {} if "--all" in sys.argv or not vectors.RECORDED.exists() else _recorded()
            lines = [
                known.get(key) or json.dumps(_record(session, *key), ensure_ascii=False) for key in vectors.statements()
            ]
        finally:
            session.stop()
    vectors.RECORDED.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _recorded() -> dict[tuple[str, str], str]:
    lines = vectors.RECORDED.read_text(encoding="utf-8").splitlines()
    return {(vector["kind"], vector["sql"]): line for line in lines for vector in [json.loads(line)]}


def _session() -> Any:
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.ansi.enabled", "true")
        .config("spark.sql.session.timeZone", edge.TIMEZONE)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.adaptive.enabled", "false")
        .getOrCreate()
    )


def _record(session: Any, kind: str, sql: str) -> dict[str, Any]:
    if kind == "query":
        try:
            frame = session.sql(vectors.spark_text(sql))
            answers: list[Any] = sorted(
                ([vectors.encode(v) for v in vectors.plain(row)] for row in frame.collect()), key=vectors.row_key
            )
        except Exception as failure:  # noqa: BLE001 - whatever Spark raises is the answer
            return {"sql": sql, "kind": kind, "types": {}, "answers": [{"error": _class(failure)}]}
        return {"sql": sql, "kind": kind, "types": vectors.types(frame), "answers": answers}
    try:
        frame = session.sql(f"SELECT {sql} AS r, id AS edge_id FROM silver__edge")
        types = {"r": vectors.types(frame)["r"]}
    except Exception as failure:  # noqa: BLE001
        return {"sql": sql, "kind": kind, "types": {}, "answers": [{"error": _class(failure)}] * edge.ROW_COUNT}
    try:
        rows = {row["edge_id"]: {"value": vectors.encode(vectors.plain(row)[0])} for row in frame.collect()}
    except Exception:  # noqa: BLE001
        rows = {number: _one(session, sql, number) for number in range(1, edge.ROW_COUNT + 1)}
    return {"sql": sql, "kind": kind, "types": types, "answers": [rows[number] for number in sorted(rows)]}


def _one(session: Any, sql: str, number: int) -> dict[str, Any]:
    try:
        row = session.sql(f"SELECT {sql} AS r FROM silver__edge WHERE id = {number}").collect()[0]
    except Exception as failure:  # noqa: BLE001
        return {"error": _class(failure)}
    return {"value": vectors.encode(vectors.plain(row)[0])}


def _class(failure: Exception) -> str:
    condition = getattr(failure, "getCondition", None) or getattr(failure, "getErrorClass", None)
    return str((condition() if condition else None) or type(failure).__name__)


if __name__ == "__main__":
    sys.exit(main())
