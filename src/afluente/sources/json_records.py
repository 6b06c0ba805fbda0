"""JSON objects as rows of text: the columns are the union of the keys, in the order they were first met.

Invariant: nothing is rounded or retyped: a number keeps its digits as written, a nested value is kept as JSON text,
null and an absent key are null, true and false are those words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa

from afluente.sources.delimited.layout import name_columns
from afluente.sources.source import BATCH_ROWS, SOURCE_ROW, Batch, Reject

MAX_REJECT_CHARACTERS = 64 * 1024
_BATCH_CHARACTERS = 8 * 1024 * 1024


class Number(str):
    """A number as it was written."""

    __slots__ = ()


JsonValue: TypeAlias = None | bool | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject: TypeAlias = dict[str, JsonValue]
_MAX_DEPTH = 200
_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
_decoder = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Number)


def decode(text: str) -> JsonValue:
    """One JSON value, numbers verbatim. ValueError when it is none, nested too deep, or holds half a character."""
    try:
        value: JsonValue = _decoder.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if text.count("[") + text.count("{") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        raise ValueError("nested too deep")
    if _SURROGATE.search(text):
        _encode(value).encode()
    return value


def _depth(value: JsonValue) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def text_of(value: JsonValue) -> str | None:
    """A cell's text."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case _:
            return _encode(value)


def _encode(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_encode, value))}]"
        case dict():
            return (
                f"{{{', '.join(f'{json.dumps(key, ensure_ascii=False)}: {_encode(v)}' for key, v in value.items())}}}"
            )


@dataclass
class KeyUnion:
    """Collects keys over a first pass."""

    keys: dict[str, None] = field(default_factory=dict)

    def add(self, record: JsonObject) -> None:
        if not self.keys.keys() >= record.keys():
            self.keys.update(dict.fromkeys(record))


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record and its number from 1; or a reject that took the number."""

    row: int
    record: JsonObject | Reject
    characters: int = 0


class TextRows:
    """Turns numbered records into batches of one schema."""

    def __init__(self, keys: Iterable[str], *, unit: str, max_columns: int) -> None:
        self._keys = tuple(keys)
        names, self.warnings = name_columns(self._keys, unit=unit, max_columns=max_columns)
        self.schema = pa.schema([*(pa.field(name, pa.string()) for name in names), pa.field(SOURCE_ROW, pa.int64())])

    def batches(self, records: Iterable[Numbered]) -> Iterator[Batch]:
        rows: list[JsonObject] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        characters = 0
        for numbered in records:
            characters += numbered.characters
            if isinstance(numbered.record, Reject):
                rejects.append(numbered.record)
            else:
                rows.append(numbered.record)
                numbers.append(numbered.row)
            if len(rows) + len(rejects) >= BATCH_ROWS or characters >= _BATCH_CHARACTERS:
                yield self._batch(rows, numbers, rejects)
                rows, numbers, rejects, characters = [], [], [], 0
        if rows or rejects:
            yield self._batch(rows, numbers, rejects)

    def _batch(self, rows: list[JsonObject], numbers: list[int], rejects: list[Reject]) -> Batch:
        columns = [pa.array([text_of(row.get(key)) for row in rows], pa.string()) for key in self._keys]
        batch = pa.RecordBatch.from_arrays([*columns, pa.array(numbers, pa.int64())], schema=self.schema)
        return Batch(batch, tuple(rejects))
