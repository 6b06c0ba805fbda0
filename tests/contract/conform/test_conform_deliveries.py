"""A partition that comes again takes the place of what came before, whatever the engine and the chunks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.engines.engine import Engine
from afluente.project.contract import Contract, Deduplicate, Delivery
from tests.unit.conform.workbench import INGESTED, Tables, bronze, column, conform, contract

Given = tuple[str, str, str]
"""A row's month, key and amount as they are received; `x` is no key and drops nothing but itself."""
Files = Sequence[tuple[int, Sequence[Given]]]
"""Each file's run and its rows."""
FILES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(
            st.tuples(
                st.sampled_from(["2024-01", "2024-02", " 2024-01 ", "never", ""]),
                st.sampled_from(["1", "2", "x"]),
                st.sampled_from(["1", "2", "3"]),
            ),
            max_size=5,
        ),
    ),
    max_size=5,
)


@dataclass(frozen=True)
class Row:
    run: int
    source: str
    number: int
    month: str | None
    key: int | None
    amount: int
    is_refused: bool


def promised(delivery: Delivery, *, has_keys: bool) -> Contract:
    return contract(
        column("mes", "regex", pattern="[0-9]{4}-[0-9]{2}", partition_position=1),
        column("id", None, "integer", required=True),
        column("n", None, "integer"),
        write="replace_partitions",
        delivery=delivery,
        deduplicate=Deduplicate(("id",), "latest", "n") if has_keys else None,
    )


def tables_of(files: Files) -> list[pa.Table]:
    made = []
    for index, (run, rows) in enumerate(files):
        table = bronze(f"f{index}", mes=[r[0] for r in rows], id=[r[1] for r in rows], n=[r[2] for r in rows])
        at = pa.array([INGESTED + timedelta(hours=run)] * len(rows), pa.timestamp("us", tz="UTC"))
        made.append(table.set_column(table.schema.get_field_index("_ingested_at"), "_ingested_at", at))
    return made


def model(files: Files, delivery: Delivery, *, has_keys: bool) -> tuple[list[Any], set[tuple[str, int]], int]:
    """What stands, what is quarantined, and how many rows were superseded."""
    rows = []
    for index, (run, given_rows) in enumerate(files):
        for number, (month, key, amount) in enumerate(given_rows, 1):
            read = month.strip() or None
            is_bad_month = read == "never"
            is_refused = is_bad_month or key == "x"
            rows.append(
                Row(
                    run,
                    f"f{index}",
                    number,
                    None if is_bad_month else read,
                    None if key == "x" else int(key),
                    int(amount),
                    is_refused,
                )
            )
    identity = {r: (r.run, r.source if delivery == "file" else "") for r in rows}
    newest: dict[str | None, tuple[int, str]] = {}
    for row in rows:
        if not row.is_refused:
            newest[row.month] = max(newest.get(row.month, (-1, "")), identity[row])
    superseded = {
        row
        for row in rows
        if row.month in newest and identity[row] < newest[row.month] and not (row.is_refused and row.month is None)
    }
    standing = [row for row in rows if row not in superseded and not row.is_refused]
    if has_keys:
        best: dict[int | None, Row] = {}
        for row in sorted(standing, key=lambda r: (r.amount, r.run, r.source, r.number)):
            best[row.key] = row
        standing = list(best.values())
    quarantined = {(r.source, r.number) for r in rows if r.is_refused and r not in superseded}
    return sorted(((r.month, r.key, r.amount) for r in standing), key=str), quarantined, len(superseded)


def done_as_told(done: Tables, files: Files, delivery: Delivery, *, has_keys: bool) -> None:
    silver, quarantined, superseded = model(files, delivery, has_keys=has_keys)
    report = done.conformed.report
    assert sorted(((r["mes"], r["id"], r["n"]) for r in done.silver), key=str) == silver
    assert {(r["_source"], r["_source_row"]) for r in done.quarantine} == quarantined
    assert report.superseded == superseded
    assert report.accepted == len(silver)
    counted = report.accepted + report.quarantined + report.dropped + report.duplicates.rows + report.superseded
    assert report.rows_in == counted


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, st.sampled_from(["run", "file"]), st.booleans(), st.sampled_from([1, 4, None]))
def test_the_newest_delivery_of_each_partition_stands(
    duckdb_engine: Engine, files: Files, delivery: Delivery, has_keys: bool, chunk_rows: int | None
) -> None:
    options = {} if chunk_rows is None else {"chunk_rows": chunk_rows}
    schema = tables_of([(0, [("2024-01", "1", "1")])])[0].schema
    with tempfile.TemporaryDirectory() as folder:
        asked = promised(delivery, has_keys=has_keys)
        done = conform(duckdb_engine, asked, tables_of(files), Path(folder), schema=schema, **options)
    done_as_told(done, files, delivery, has_keys=has_keys)


@pytest.mark.parametrize("delivery", ["run", "file"])
@pytest.mark.parametrize("has_keys", [False, True])
def test_both_engines_keep_the_same_delivery(
    engine: Engine, tmp_path: Path, delivery: Delivery, has_keys: bool
) -> None:
    files: Files = [
        (0, [("2024-01", "1", "1"), ("2024-01", "2", "9"), ("2024-02", "3", "1"), ("2024-01", "x", "1")]),
        (1, [("2024-01", "1", "2"), ("", "1", "1")]),
        (1, [("2024-01", "2", "3"), ("never", "1", "1")]),
        (2, [("2024-02", "x", "1"), ("", "2", "5")]),
    ]
    done = conform(engine, promised(delivery, has_keys=has_keys), tables_of(files), tmp_path)
    done_as_told(done, files, delivery, has_keys=has_keys)
    stands = {(r["mes"], r["id"], r["n"]) for r in done.silver}
    assert ("2024-02", 3, 1) in stands, "a delivery whose rows are all refused displaces nothing"
    assert (("2024-01", 1, 2) in stands) == (delivery == "run")
    assert ("2024-01", 2, 9) not in stands
