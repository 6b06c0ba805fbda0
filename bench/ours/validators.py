"""Our semantic types over a column of text, for `bench.benchmarks.validators`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from afluente.engines.engine import Engine

MISSING = ""


@cache
def _engine() -> Engine:
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    return open_engine(EngineSettings(), timezone="UTC", temp_folder=Path(tempfile.mkdtemp()))


def count_valid(table: pa.Table, formats: Mapping[str, str]) -> int:
    """Rows of `table` whose every column is valid for its semantic type (`{"cpf": "br.cpf"}`).

    The compiled contract as conform runs it, every value normalised and every finding counted; as the peers do, only
    the verdict is kept.
    """
    from afluente.conform.compile import ORIGIN, compile_contract
    from afluente.conform.duckdb_dialect import DuckDbDialect
    from afluente.core.errors import Place
    from afluente.core.tables import TableName
    from afluente.project.contract import Column, Contract

    place = Place("bench")
    columns = tuple(Column(name, "string", name, place, format=kind, required=True) for name, kind in formats.items())
    contract = Contract("bench", "1", TableName("silver", "values"), columns, place, "")
    origin = ", ".join(f"NULL AS {name}" for name in ORIGIN)
    compiled = compile_contract(contract, table.schema, DuckDbDialect(), timezone="UTC", translate=lambda sql, *_: sql)
    engine = _engine()
    engine.register_arrow("given", pa.Table.from_batches(table.to_batches(max_chunksize=122_880)))
    rows = compiled.select(f"(SELECT *, {origin} FROM given)")
    names = ", ".join(f'"{name}"' for name in formats)
    engine.materialise("read", f"SELECT {names}, {', '.join(compiled.words)} FROM ({rows}) AS conformed")
    bad = compiled.any_of("quarantine", "drop")
    return int(engine.query(f"SELECT count(*) AS valid FROM read WHERE NOT {bad}").column(0)[0].as_py())
