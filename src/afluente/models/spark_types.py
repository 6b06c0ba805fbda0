"""Spark SQL types: read from text, written for either engine, widened as Spark widens them.

Invariant: `str(parse_type(text))` is Spark's own simple string, and `duckdb` names the one DuckDB type that holds
the same values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PRECISION = 38
_INTEGRAL_DIGITS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}
_INTEGRAL_ORDER = tuple(_INTEGRAL_DIGITS)
_DUCKDB_NAMES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "void": "INTEGER",
}
_ALIASES = {
    "integer": "int",
    "long": "bigint",
    "byte": "tinyint",
    "short": "smallint",
    "real": "float",
    "dec": "decimal",
    "numeric": "decimal",
    "timestamp_ltz": "timestamp",
}
_TOKEN = re.compile(r"\s*(`[^`]*`|[A-Za-z_][A-Za-z_0-9]*|\d+|[<>(),:])")


@dataclass(frozen=True, slots=True)
class SparkType:
    """A Spark SQL type. `items` are an array's element, a map's key and value or a struct's fields, named `fields`."""

    name: str
    precision: int = 0
    scale: int = 0
    items: tuple[SparkType, ...] = ()
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.name:
            case "decimal":
                return f"decimal({self.precision},{self.scale})"
            case "array" | "map":
                return f"{self.name}<{','.join(map(str, self.items))}>"
            case "struct":
                return f"struct<{','.join(f'{n}:{t}' for n, t in zip(self.fields, self.items, strict=True))}>"
            case _:
                return self.name

    @property
    def duckdb(self) -> str:
        """The DuckDB type that holds the same values."""
        match self.name:
            case "decimal":
                return f"DECIMAL({self.precision}, {self.scale})"
            case "array":
                return f"{self.items[0].duckdb}[]"
            case "map":
                return f"MAP({self.items[0].duckdb}, {self.items[1].duckdb})"
            case "struct":
                inner = ", ".join(f"{quote(n)} {t.duckdb}" for n, t in zip(self.fields, self.items, strict=True))
                return f"STRUCT({inner})"
            case _:
                return _DUCKDB_NAMES[self.name]

    @property
    def is_integral(self) -> bool:
        return self.name in _INTEGRAL_DIGITS

    @property
    def is_decimal(self) -> bool:
        return self.name == "decimal"

    @property
    def is_fractional(self) -> bool:
        return self.name in ("float", "double")

    @property
    def is_number(self) -> bool:
        return self.is_integral or self.is_decimal or self.is_fractional

    @property
    def as_decimal(self) -> SparkType:
        """The decimal Spark takes an integral type for."""
        return self if self.is_decimal else decimal(_INTEGRAL_DIGITS[self.name], 0)


def decimal(precision: int, scale: int) -> SparkType:
    return SparkType("decimal", precision, scale)


def array_of(element: SparkType) -> SparkType:
    return SparkType("array", items=(element,))


BOOLEAN = SparkType("boolean")
INT = SparkType("int")
BIGINT = SparkType("bigint")
FLOAT = SparkType("float")
DOUBLE = SparkType("double")
STRING = SparkType("string")
BINARY = SparkType("binary")
DATE = SparkType("date")
TIMESTAMP = SparkType("timestamp")
VOID = SparkType("void")
INTERVAL = SparkType("interval")


def quote(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A DuckDB string literal."""
    return "'" + value.replace("'", "''") + "'"


def parse_type(source: str) -> SparkType:
    """Read a Spark SQL type; ValueError says which word is not one."""
    tokens: list[str] = []
    position = 0
    stripped = source.strip()
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        if not found:
            raise ValueError(f"{source!r} is not a Spark SQL type")
        tokens.append(found.group(1))
        position = found.end()
    parsed, rest = _parse(tokens, source)
    if rest:
        raise ValueError(f"{source!r} is not a Spark SQL type: {rest[0]!r} is left over")
    return parsed


def _parse(tokens: list[str], source: str) -> tuple[SparkType, list[str]]:
    if not tokens:
        raise ValueError(f"{source!r} is not a Spark SQL type")
    name = _ALIASES.get(tokens[0].lower(), tokens[0].lower())
    rest = tokens[1:]
    if name == "decimal":
        return _parse_decimal(rest, source)
    if name in ("array", "map"):
        items: list[SparkType] = []
        rest = _expect(rest, "<", source)
        for index in range(1 if name == "array" else 2):
            if index:
                rest = _expect(rest, ",", source)
            item, rest = _parse(rest, source)
            items.append(item)
        return SparkType(name, items=tuple(items)), _expect(rest, ">", source)
    if name == "struct":
        return _parse_struct(rest, source)
    if name not in _DUCKDB_NAMES:
        raise ValueError(f"{source!r}: {tokens[0]!r} is not a Spark SQL type Afluente knows")
    return SparkType(name), rest


def _parse_decimal(rest: list[str], source: str) -> tuple[SparkType, list[str]]:
    if not rest or rest[0] != "(":
        return decimal(10, 0), rest
    try:
        end = rest.index(")")
        numbers = [int(word) for word in rest[1:end] if word != ","]
    except ValueError:
        raise ValueError(f"{source!r} is not a decimal(precision, scale)") from None
    precision, scale = (numbers[0], numbers[1] if len(numbers) > 1 else 0) if numbers else (10, 0)
    if not 1 <= precision <= MAX_PRECISION or not 0 <= scale <= precision:
        raise ValueError(f"{source!r}: precision is 1 to {MAX_PRECISION} and scale at most the precision")
    return decimal(precision, scale), rest[end + 1 :]


def _parse_struct(rest: list[str], source: str) -> tuple[SparkType, list[str]]:
    rest = _expect(rest, "<", source)
    names: list[str] = []
    items: list[SparkType] = []
    while rest and rest[0] != ">":
        if names:
            rest = _expect(rest, ",", source)
        names.append(rest[0].strip("`"))
        rest = rest[1:]
        if rest and rest[0] == ":":
            rest = rest[1:]
        item, rest = _parse(rest, source)
        items.append(item)
    return SparkType("struct", items=tuple(items), fields=tuple(names)), _expect(rest, ">", source)


def _expect(tokens: list[str], wanted: str, source: str) -> list[str]:
    if not tokens or tokens[0] != wanted:
        raise ValueError(f"{source!r} is not a Spark SQL type: {wanted!r} is missing")
    return tokens[1:]


def wider(left: SparkType, right: SparkType) -> SparkType | None:
    """The least common type under ANSI rules, or None when Spark finds none or would need a string cast."""
    if left == right:
        return left
    if left.name == "void":
        return right
    if right.name == "void":
        return left
    if left.is_number and right.is_number:
        return _wider_number(left, right)
    names = {left.name, right.name}
    if names == {"date", "timestamp"}:
        return TIMESTAMP
    if names == {"array"}:
        element = wider(left.items[0], right.items[0])
        return array_of(element) if element else None
    return None


def _wider_number(left: SparkType, right: SparkType) -> SparkType | None:
    if left.is_integral and right.is_integral:
        return max(left, right, key=lambda kind: _INTEGRAL_ORDER.index(kind.name))
    if left.is_fractional or right.is_fractional:
        return DOUBLE
    first, second = left.as_decimal, right.as_decimal
    scale = max(first.scale, second.scale)
    precision = max(first.precision - first.scale, second.precision - second.scale) + scale
    return decimal(precision, scale) if precision <= MAX_PRECISION else None
