"""Which values of a column are valid for a semantic type: the verdict alone, for notebooks and filters.

Invariant: the verdict of the full cleaning, of a column that must have a value. A glance at the bytes settles what
is plain; the type's own SQL settles the rest, and every column whose options change how it is read.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
import pyarrow as pa

from afluente.conform.compile import ORIGIN, compile_contract
from afluente.conform.engine_dialect import dialect_of
from afluente.conform.execute import register_reference_tables
from afluente.conform.expressions import translate
from afluente.conform.given_contract import column_contract
from afluente.conform.glance.answer import NO, UNSURE, YES
from afluente.conform.glance.block import Flags
from afluente.conform.glance.look import GLANCES, look
from afluente.conform.one_column import flags_like, to_column
from afluente.conform.registry import load_type
from afluente.core.errors import UsageError
from afluente.project.contract import Contract

if TYPE_CHECKING:
    from afluente.engines.engine import Engine

Value = TypeVar("Value")
Values = TypeVar("Values")
_POLICIES = ("required", "on_missing", "on_invalid", "default")
_NUMBERS = itertools.count()


@overload
def is_valid(
    values: list[Value] | tuple[Value, ...], semantic_type: str, /, *, timezone: str = ..., **options: object
) -> list[bool]: ...
@overload
def is_valid(values: Values, semantic_type: str, /, *, timezone: str = ..., **options: object) -> Values: ...
def is_valid(
    values: object, semantic_type: str, /, *, timezone: str = "America/Sao_Paulo", **options: object
) -> object:
    """Whether each value is one of the type, where a missing value is none; repairs that are certain count as valid.

    An Arrow array, a pandas or Polars series gives its own kind of booleans; a DuckDB relation of one column a
    relation `is_valid`; any other iterable a list. `options` are the fields of a contract's Column (`formats`,
    `locale`, …). UsageError names what is no column and an option that there is not, ProjectError a type.
    """
    for policy in _POLICIES:
        if policy in options:
            raise UsageError(
                "conform.option_unknown",
                f"a verdict has no option '{policy}'",
                hint="a missing value is never valid; what becomes of invalid ones is for apply",
            )
    contract = column_contract(semantic_type, {**options, "required": True})
    load_type(contract.columns[0])
    column = to_column(values)
    return flags_like(_verdicts(column.chunks, contract, timezone, has_options=bool(options)), values)


def _verdicts(arrays: Sequence[pa.Array], contract: Contract, timezone: str, *, has_options: bool) -> Flags:
    """The verdicts on arrays of one type."""
    if not arrays:
        return np.zeros(0, np.bool_)
    kind = arrays[0].type
    if pa.types.is_null(kind):
        return np.zeros(sum(map(len, arrays)), np.bool_)
    if pa.types.is_dictionary(kind):
        return np.concatenate([_of_dictionary(array, contract, timezone, has_options=has_options) for array in arrays])
    if pa.types.is_string_view(kind):
        arrays = [array.cast(pa.large_string()) for array in arrays]
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return _by_sql(pa.chunked_array(arrays), contract, timezone)
    glance = GLANCES.get(contract.columns[0].format or "")
    if glance is None or has_options:
        return _by_sql(pa.chunked_array(arrays), contract, timezone)
    said = look(arrays, glance)
    if any(array.null_count for array in arrays):
        said[~np.concatenate([_flags(array.is_valid()) for array in arrays])] = NO
    found: Flags = said == YES
    unsure = np.flatnonzero(said == UNSURE)
    if unsure.size:
        found[unsure] = _by_sql(pa.chunked_array(arrays).take(pa.array(unsure)), contract, timezone)
    return found


def _of_dictionary(array: pa.DictionaryArray, contract: Contract, timezone: str, *, has_options: bool) -> Flags:
    of_words = _verdicts([array.dictionary], contract, timezone, has_options=has_options)
    return _flags(pa.array(of_words).take(array.indices))


def _flags(flags: pa.BooleanArray) -> Flags:
    found: Flags = flags.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _by_sql(values: pa.ChunkedArray, contract: Contract, timezone: str) -> Flags:
    engine = _engine(os.getpid(), timezone)
    view = f"is_valid_{next(_NUMBERS)}"
    table = pa.table({"value": values})
    compiled = compile_contract(contract, table.schema, dialect_of(engine), timezone=timezone, translate=translate)
    origin = ", ".join(f"NULL AS {name}" for name in ORIGIN if name != "_source_row")
    register_reference_tables(engine, compiled)
    engine.register_arrow(view, table.append_column("_source_row", pa.array(np.arange(len(values)))))
    try:
        rows = engine.query(
            f"SELECT _source_row FROM ({compiled.select(f'(SELECT *, {origin} FROM {view})')}) AS conformed"
            f" WHERE NOT {compiled.any_of('quarantine', 'drop')}"
        )
    finally:
        engine.drop(view)
    found = np.zeros(len(values), np.bool_)
    found[rows.column(0).to_numpy()] = True
    return found


@cache
def _engine(_process: int, timezone: str) -> Engine:
    """Opened once in a process: opening takes longer than the verdict on ten thousand values.

    Its queries read and filter, so nothing is ever spilled to its folder.
    """
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    with tempfile.TemporaryDirectory(prefix="afluente-") as folder:
        return open_engine(EngineSettings(kind="duckdb"), timezone=timezone, temp_folder=Path(folder))
