"""The cleaning alone, for notebooks: a frame and a contract in, the accepted rows, the quarantine and a report out.

Invariant: the answer is of the kind that was given (a DuckDB relation, an Arrow table, a pandas or Polars frame), in
the order the rows came; no table of a lake is read or written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

import pyarrow as pa

from afluente.conform.compile import ORIGIN, compile_contract
from afluente.conform.engine_dialect import dialect_of
from afluente.conform.execute import conform_table
from afluente.conform.expressions import translate
from afluente.conform.frames import from_arrow, to_arrow
from afluente.conform.given_contract import column_contract, given_contract
from afluente.conform.one_column import texts_of
from afluente.conform.report import Report
from afluente.core.errors import DataRefused
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.contract import Contract

if TYPE_CHECKING:
    from afluente.engines.engine import Engine

Frame = TypeVar("Frame")
_RUN = "apply"


@dataclass(frozen=True, slots=True)
class Applied(Generic[Frame]):
    """`accepted` has the contract's columns; `quarantine` the columns as they came, and what failed.

    `report` counts the rows and the findings; its samples name rows by `_source_row`, from 1.
    """

    accepted: Frame
    quarantine: Frame
    report: Report


class Cleaned(NamedTuple):
    """One value read. `value` is None where it is missing or not valid; `reason` says why it is not."""

    value: object
    is_valid: bool
    reason: str


def apply(
    data: Frame,
    contract: Contract | Path | str | Mapping[str, object],
    *,
    table: str = "",
    engine: Engine | None = None,
    timezone: str = "America/Sao_Paulo",
    references: Mapping[str, object] | None = None,
) -> Applied[Frame]:
    """Conform a frame by a contract: a Contract, the path of an ODCS file, or an ODCS document as text or mapping.

    `table` says which one is meant where the document describes several (`silver.clientes`).
    `references` are frames by table name (`silver.estados`), for the tables the contract refers to. Without `engine`
    a DuckDB in memory does the work. CheckFailed holds the mistakes of a contract; DataRefused and ProjectError say
    what does not fit the frame.
    """
    read = given_contract(contract, table=table)
    tables = _references(read, references or {})
    with _opened(engine, timezone) as ready:
        for view, frame in tables.items():
            ready.register_arrow(view, frame)
        try:
            done = _conform(ready, read, _with_origin(to_arrow(data)), timezone)
        finally:
            for view in tables:
                ready.drop(view)
    accepted, quarantine, report = done
    return Applied(from_arrow(accepted, data), from_arrow(quarantine, data), report)


def column(
    values: Iterable[object],
    semantic_type: str,
    /,
    *,
    language: Literal["pt", "en"] = "pt",
    timezone: str = "America/Sao_Paulo",
    **options: object,
) -> list[Cleaned]:
    """Read a list or series as one semantic type, each value by itself: what it means, or why it cannot be read.

    `options` are the fields of a contract's Column (`formats`, `locale`, `values`, `missing_tokens`, …).
    """
    texts = texts_of(values)
    contract = column_contract(semantic_type, options)
    table = _with_origin(pa.table({"value": texts}))
    with _opened(None, timezone) as engine:
        accepted, quarantine, _ = _conform(engine, contract, table, timezone)
    reason = "reason" if language == "pt" else "reason_en"
    refused = {row["_source_row"]: row["failures"][0][reason] for row in quarantine.to_pylist()}
    read = iter(accepted.column("value").to_pylist())
    return [
        Cleaned(None, is_valid=False, reason=refused[row])
        if row in refused
        else Cleaned(next(read), is_valid=True, reason="")
        for row in range(1, len(texts) + 1)
    ]


def _conform(engine: Engine, contract: Contract, table: pa.Table, timezone: str) -> tuple[pa.Table, pa.Table, Report]:
    dialect = dialect_of(engine)
    compiled = compile_contract(contract, table.schema, dialect, timezone=timezone, translate=translate)
    done = conform_table(engine, compiled, table, moment=datetime.now(UTC).isoformat())
    hidden = ["_quarantine_id", "_table", "quarantined_at", "replayed_at", "_ingested_at", "_run_id"]
    return done.accepted, done.quarantine.drop_columns(hidden), done.report


def _with_origin(table: pa.Table) -> pa.Table:
    """The table with the columns of origin every bronze table has; those it brings are left.

    Columns without any value have no type in Arrow: they are taken for text.
    """
    for position, field in enumerate(table.schema):
        if pa.types.is_null(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(pa.string()))
    rows = table.num_rows
    now = datetime.now(UTC)
    origin = {
        "_source": pa.repeat(pa.scalar("frame"), rows),
        "_source_row": pa.array(range(1, rows + 1), pa.int64()),
        "_ingested_at": pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), rows),
        "_run_id": pa.repeat(pa.scalar(_RUN), rows),
    }
    for name in ORIGIN:
        if name not in table.column_names:
            table = table.append_column(name, origin[name])
    return table


def _references(contract: Contract, given: Mapping[str, object]) -> dict[str, pa.Table]:
    frames = {str(TableName.parse(name)): frame for name, frame in given.items()}
    for reference in contract.references:
        if str(reference.table) not in frames:
            raise DataRefused(
                "data.reference_not_given",
                f"contract {contract.table} refers to {reference.table}, which was not given",
                hint=did_you_mean(str(reference.table), frames)
                if frames
                else f"references={{'{reference.table}': frame}}",
                place=reference.place,
            )
    return {TableName.parse(name).view: to_arrow(frame) for name, frame in frames.items()}


@contextmanager
def _opened(engine: Engine | None, timezone: str) -> Iterator[Engine]:
    if engine is not None:
        yield engine
        return
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    with tempfile.TemporaryDirectory(prefix="afluente-") as folder:
        opened = open_engine(EngineSettings(kind="duckdb"), timezone=timezone, temp_folder=Path(folder))
        try:
            yield opened
        finally:
            opened.close()
