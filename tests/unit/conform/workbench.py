"""What the tests of conform are written with: contracts in one line, bronze tables from lists, and both ways to run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from afluente.conform.compile import Compiled, compile_contract
from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.conform.execute import BronzeFile, Conformed, Folders, conform_files, reference_table
from afluente.conform.finding import word_of
from afluente.conform.quarantine import quarantine_select
from afluente.conform.spark_dialect import SparkDialect
from afluente.core.errors import Place
from afluente.core.tables import DataFile, TableName
from afluente.engines.engine import Engine
from afluente.models.expression_text import translate_expression
from afluente.project.contract import Column, Contract

PLACE = Place("contracts/t.odcs.yaml")
TIMEZONE = "America/Sao_Paulo"
MOMENT = "2026-01-02T03:04:05+00:00"
INGESTED = datetime(2026, 1, 1, tzinfo=UTC)
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """What became of one text. `state` is value, missing or invalid; `rules` are the repairs and warnings."""

    value: object
    state: str
    rules: tuple[str, ...] = ()
    reason: str = ""
    reason_en: str = ""


@dataclass(frozen=True)
class Tables:
    """What a whole conforming left, read back."""

    conformed: Conformed
    silver: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    repairs: list[dict[str, Any]]

    def reasons(self) -> dict[int, list[tuple[str, str]]]:
        """For each quarantined row its failed rules and columns."""
        return {r["_source_row"]: [(f["rule"], f["column"]) for f in r["failures"]] for r in self.quarantine}

    def counts(self) -> dict[tuple[str, str, str], int]:
        return {(c.rule, c.column, c.effect): c.rows for c in self.conformed.report.counts}


def column(name: str = "v", format: str | None = None, logical_type: str = "string", **options: Any) -> Column:  # noqa: A002
    return Column(
        name,
        logical_type,
        options.pop("source", name),
        PLACE,
        format=format,
        **options,  # type: ignore[arg-type]
    )


def contract(*columns: Column, **options: Any) -> Contract:
    return Contract(
        "t", "1.0.0", TableName("silver", "t"), columns, PLACE, "0", source=TableName("bronze", "t"), **options
    )


def bronze(source: str = "a.csv", first_row: int = 1, **columns: Any) -> pa.Table:
    """A bronze table; lists are text, arrays keep their type."""
    return bronze_of(columns, source=source, first_row=first_row)


def bronze_of(columns: Mapping[str, Any], *, source: str = "a.csv", first_row: int = 1) -> pa.Table:
    read = {k: v if isinstance(v, pa.Array) else pa.array(v, pa.string()) for k, v in columns.items()}
    rows = len(next(iter(read.values())))
    return pa.table(
        {
            **read,
            "_source": pa.array([source] * rows, pa.string()),
            "_source_row": pa.array(range(first_row, first_row + rows), pa.int64()),
            "_ingested_at": pa.array([INGESTED] * rows, pa.timestamp("us", tz="UTC")),
            "_run_id": pa.array(["run-1"] * rows, pa.string()),
        }
    )


def compiled(engine: Engine, contract: Contract, schema: pa.Schema) -> Compiled:
    dialect = DuckDbDialect() if engine.describe().dialect == "duckdb" else SparkDialect()
    return compile_contract(contract, schema, dialect, timezone=TIMEZONE, translate=translate_expression)


def read(engine: Engine, column: Column, texts: Sequence[str | None], **beside: Any) -> list[Outcome]:
    """What one column makes of these texts."""
    table = bronze_of({column.source: list(texts), **beside})
    return read_table(engine, contract(column), table, column.name)


def read_table(engine: Engine, contract: Contract, table: pa.Table, name: str) -> list[Outcome]:
    ready = compiled(engine, contract, table.schema)
    number = next(_NUMBERS)
    source, rows = f"in_{number}", f"rows_{number}"
    for reference in ready.tables:
        engine.register_arrow(reference, reference_table(reference))
    engine.register_arrow(source, table)
    engine.materialise(rows, ready.select(source))
    found = engine.query(f"SELECT * FROM {rows} ORDER BY _source_row").to_pylist()
    failures = {
        row["_source_row"]: row["failures"]
        for row in engine.query(quarantine_select(ready, rows, moment=MOMENT)).to_pylist()
    }
    engine.drop(rows)
    engine.drop(source)
    outcomes = []
    for row in found:
        kinds = {}
        for position, finding in enumerate(ready.findings):
            word, bit = word_of(position)
            if row[word] >> bit & 1 and finding.column == name:
                kinds[finding.rule] = finding.effect
        failed = next((f for f in failures.get(row["_source_row"], []) if f["column"] == name), None)
        state = "invalid" if failed else "missing" if row[name] is None else "value"
        outcomes.append(
            Outcome(
                None if failed else row[name],
                state,
                tuple(rule for rule, effect in kinds.items() if effect in ("repair", "warning")),
                failed["reason"] if failed else "",
                failed["reason_en"] if failed else "",
            )
        )
    return outcomes


def conform(
    engine: Engine, contract: Contract, tables: pa.Table | Sequence[pa.Table], folder: Path, **options: Any
) -> Tables:
    """Conform bronze tables, one Parquet file each, and read back everything that was written."""
    tables = [tables] if isinstance(tables, pa.Table) else list(tables)
    root = folder / f"case-{next(_NUMBERS)}"
    files = []
    for number, table in enumerate(tables):
        path = root / "bronze" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        files.append(BronzeFile(str(path), table.num_rows))
    schema = options.pop("schema", tables[0].schema if tables else None)
    folders = Folders(str(root / "silver"), str(root / "quarantine"), str(root / "repairs"))
    if "chunk_rows" in options:
        options.setdefault("whole_cells", 0)
    done = conform_files(
        engine,
        compiled(engine, contract, schema),
        files,
        schema,
        folders,
        run_id="run-2",
        moment=MOMENT,
        **options,
    )
    return Tables(
        done,
        _read(folders.silver, done.silver),
        _read(folders.quarantine, done.quarantine),
        _read(folders.repairs, done.repairs),
    )


def _read(folder: str, files: Sequence[DataFile]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for file in files:
        content = pq.ParquetFile(f"{folder}/{file.path}").read().to_pylist()
        assert len(content) == file.rows
        rows += [{**row, **file.partition_values} for row in content]
    return rows
