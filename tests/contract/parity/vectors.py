"""How recorded answers are written and compared: one line of JSON a statement, each value in a form both sides reach."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "vectors.jsonl"
_RELATIVE = 1e-12


@dataclass(frozen=True, slots=True)
class Vector:
    """One statement and what Spark answered: the value of each row of the edge table, or the rows of a query."""

    sql: str
    kind: str
    types: dict[str, str]
    answers: list[Any]


def statements() -> list[tuple[str, str]]:
    """(kind, text) of everything that is recorded."""
    found: list[tuple[str, str]] = []
    for kind, name in (("expression", "expressions.txt"), ("query", "queries.txt")):
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        found += [(kind, line) for line in lines if line.strip() and not line.startswith("#")]
    return found


def load() -> list[Vector]:
    return [Vector(**json.loads(line)) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def encode(value: Any) -> Any:
    """A value as JSON: decimals, dates and instants as text, binaries as hex, maps as sorted pairs."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return format(value, "f")
        case dt.datetime():
            return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
        case dt.date():
            return value.isoformat()
        case bytes() | bytearray():
            return bytes(value).hex()
        case dict():
            return {str(key): encode(item) for key, item in value.items()}
        case list() | tuple():
            return [encode(item) for item in value]
        case _:
            raise TypeError(f"no encoding for {type(value)}")


def spark_text(sql: str) -> str:
    """A query of the vectors with the view's name in the place of the table's."""
    text = sql.replace("silver.edge.", "edge.").replace("silver.edge WHERE edge", "silver__edge edge WHERE edge")
    return text.replace("silver.edge", "silver__edge")


def types(frame: Any) -> dict[str, str]:
    """The columns of a Spark frame and their types."""
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}


def plain(row: Any) -> list[Any]:
    """A Spark row's values, structs as dicts."""
    return [item.asDict(recursive=True) if hasattr(item, "asDict") else item for item in row]


def same(left: Any, right: Any) -> bool:
    """Equal values; floats within 1e-12 of each other."""
    if isinstance(left, float) or isinstance(right, float):
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            return math.isclose(left, right, rel_tol=_RELATIVE, abs_tol=1e-300)
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def row_key(row: list[Any]) -> str:
    """Orders the rows of a query the same way on every engine; floats to nine digits."""
    return json.dumps([f"{v:.9g}" if isinstance(v, float) else v for v in row], ensure_ascii=False)
