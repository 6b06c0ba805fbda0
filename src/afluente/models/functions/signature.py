"""What an allowed function is: its name, the types it takes, the type it gives, and how DuckDB says the same.

Invariant: a call matches a signature only when every argument has, or is silently given by Spark, the type named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from afluente.models.casts import cast
from afluente.models.spark_types import (
    BIGINT,
    BINARY,
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    SparkType,
    wider,
)
from afluente.models.typed import Typed, coerce

OVER, DISTINCT = "\x00over\x00", "\x00distinct\x00"
NESTED = ("array", "map", "struct")
Kind = Literal["scalar", "aggregate", "window", "ranking"]
Result = SparkType | Callable[[Sequence[Typed]], SparkType | None]
Render = str | Callable[[Sequence[Typed]], str | None]

_EXACT = {
    "string": STRING,
    "int": INT,
    "bigint": BIGINT,
    "double": DOUBLE,
    "boolean": BOOLEAN,
    "binary": BINARY,
    "date": DATE,
    "timestamp": TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function.

    A parameter is a type's name, `integral`, `decimal`, `number`, `fractional`, `any`, `plain` (not nested), `array`, `map`, `common` (all of
    them take their least common type), or `constant string` / `constant int`. A last parameter ending in `*`
    repeats. `render` is a template over {0}, {1}, ... and {all}, or computes the SQL; None refuses.
    """

    name: str
    parameters: tuple[str, ...]
    result: Result
    render: Render
    kind: Kind = "scalar"
    takes_distinct: bool = False

    def match(self, arguments: Sequence[Typed]) -> tuple[Typed, ...] | None:
        """The arguments converted to the parameters, or None when they do not fit."""
        parameters = self._spread(len(arguments))
        if parameters is None:
            return None
        common = _common([a for a, p in zip(arguments, parameters, strict=True) if p == "common"])
        converted: list[Typed] = []
        for argument, parameter in zip(arguments, parameters, strict=True):
            fitted = coerce(argument, common) if parameter == "common" and common else _fit(argument, parameter)
            if fitted is None:
                return None
            converted.append(fitted)
        return tuple(converted)

    def _spread(self, count: int) -> tuple[str, ...] | None:
        if self.parameters and self.parameters[-1].endswith("*"):
            fixed = self.parameters[:-1]
            if count < len(fixed):
                return None
            return fixed + (self.parameters[-1][:-1],) * (count - len(fixed))
        return self.parameters if count == len(self.parameters) else None

    def result_type(self, arguments: Sequence[Typed]) -> SparkType | None:
        return self.result if isinstance(self.result, SparkType) else self.result(arguments)

    def sql(self, arguments: Sequence[Typed], *, over: str = "", distinct: str = "", nulls: str = "") -> str | None:
        """The DuckDB call; `over` (an OVER or FILTER clause) and `distinct` go where the render says."""
        if isinstance(self.render, str):
            parts = [argument.sql for argument in arguments]
            return self.render.format(*parts, all=", ".join(parts), over=over, distinct=distinct, nulls=nulls)
        rendered = self.render(arguments)
        return rendered.replace(OVER, over).replace(DISTINCT, distinct) if rendered else None


def _common(arguments: Sequence[Typed]) -> SparkType | None:
    if not arguments:
        return None
    kind = arguments[0].type
    for argument in arguments[1:]:
        found = wider(kind, argument.type) or _literal_time(kind, argument)
        if found is None:
            return None
        kind = found
    return kind


def _literal_time(kind: SparkType, argument: Typed) -> SparkType | None:
    return kind if kind.name in ("date", "timestamp") and coerce(argument, kind) else None


def _fit(argument: Typed, parameter: str) -> Typed | None:
    kind = argument.type
    match parameter:
        case "any":
            return argument
        case "plain":
            return argument if kind.name not in NESTED else None
        case "integral":
            return argument if kind.is_integral else None
        case "decimal":
            return argument if kind.is_decimal else None
        case "fractional":
            return argument if kind.is_fractional else None
        case "number":
            return argument if kind.is_number else None
        case "array" | "map" | "struct":
            return argument if kind.name == parameter else None
        case "array<string>":
            return argument if str(kind) == parameter else None
        case "constant string":
            return argument if isinstance(argument.constant, str) and kind == STRING else None
        case "constant int":
            return argument if isinstance(argument.constant, int) and kind == INT else None
        case "day":
            if kind == TIMESTAMP:
                return argument.with_sql(f"CAST({argument.sql} AS DATE)", DATE)
            return coerce(argument, DATE)
        case "texty":
            sql = cast(argument, STRING)
            return None if sql is None else argument.with_sql(sql, STRING) if kind != STRING else argument
        case _:
            return coerce(argument, _EXACT[parameter]) if parameter in _EXACT else None


def scalar(name: str, parameters: str, result: Result, render: Render) -> Signature:
    return Signature(name, _split(parameters), result, render)


def aggregate(name: str, parameters: str, result: Result, render: Render, *, takes_distinct: bool = False) -> Signature:
    return Signature(name, _split(parameters), result, render, "aggregate", takes_distinct)


def ranking(name: str, parameters: str, result: Result, render: Render) -> Signature:
    """A function that only stands before OVER (... ORDER BY ...)."""
    return Signature(name, _split(parameters), result, render, "ranking")


def _split(parameters: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in parameters.split(",") if part.strip())


def first_type(arguments: Sequence[Typed]) -> SparkType:
    return arguments[0].type


def plain_type(arguments: Sequence[Typed]) -> SparkType | None:
    """The first argument's type, unless it is nested: engines order nested values differently."""
    return arguments[0].type if arguments[0].type.name not in NESTED else None


def plain_items(arguments: Sequence[Typed]) -> SparkType | None:
    """An array's type, unless its elements are nested."""
    return arguments[0].type if arguments[0].type.items[0].name not in NESTED else None


def plain_element(arguments: Sequence[Typed]) -> SparkType | None:
    """An array's element type, unless it is nested."""
    return arguments[0].type.items[0] if arguments[0].type.items[0].name not in NESTED else None


def element_type(arguments: Sequence[Typed]) -> SparkType:
    return arguments[0].type.items[0]
