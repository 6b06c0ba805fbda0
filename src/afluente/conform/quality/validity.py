"""Which rows hold a value that its column does not allow, for the metric invalidValues.

Invariant: a null is never invalid (that is nullValues' matter). Arguments of the rule decide alone when there are
any; otherwise the column's own declaration does: its format, list of values, pattern, lengths and limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from afluente.conform.bounds import bound_checks
from afluente.conform.dialect import Kind
from afluente.conform.quality.literal import is_text, literal, literals
from afluente.conform.quality.outcome import CannotExecute
from afluente.conform.quality.target import Target
from afluente.conform.reading import Cell, Reading
from afluente.conform.registry import load_type
from afluente.core.language import Message
from afluente.project.contract import Bounds, Column, QualityRule

_LENGTHS = {"minLength": "<", "maxLength": ">"}
_LIMITS = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<=", "exclusiveMaximum": ">="}
_KNOWN = frozenset({"validValues", "pattern", *_LENGTHS, *_LIMITS})
_UNSAID = Message("", "")


@dataclass(frozen=True, slots=True)
class Validity:
    """`stages` are named expressions that each stand on the earlier ones; `fails` is SQL, true for an invalid row."""

    fails: str
    stages: tuple[Mapping[str, str], ...] = ()


def validity(rule: QualityRule, column: str, target: Target, index: int) -> Validity:
    """CannotExecute when nothing says what is valid, or what says so cannot be evaluated over one table."""
    kind = target.kind(column)
    if rule.arguments:
        return Validity(_by_arguments(rule.arguments, column, kind, target))
    return _by_declaration(column, kind, target, index)


def _by_arguments(arguments: Mapping[str, object], column: str, kind: pa.DataType, target: Target) -> str:
    unknown = sorted(set(arguments) - _KNOWN)
    if unknown:
        raise CannotExecute(
            f"argumento desconhecido: {unknown[0]}",
            f"unknown argument: {unknown[0]} (known: {', '.join(sorted(_KNOWN))})",
        )
    d = target.dialect
    name = d.identifier(column)
    fails = []
    for argument, value in arguments.items():
        if argument == "validValues":
            allowed = [item for item in sequence(value, argument) if item is not None]
            fails.append(f"{name} NOT IN ({literals(allowed, kind, d)})" if allowed else f"{name} IS NOT NULL")
        elif argument == "pattern":
            _need_text(kind, argument)
            fails.append(f"NOT {d.matches(name, str(value))}")
        elif argument in _LENGTHS:
            _need_text(kind, argument)
            fails.append(f"length({name}) {_LENGTHS[argument]} {literal(value, pa.int64(), d)}")
        else:
            fails.append(f"{name} {_LIMITS[argument]} {literal(value, kind, d)}")
    return f"{name} IS NOT NULL AND ({' OR '.join(fails)})"


def _by_declaration(name: str, kind: pa.DataType, target: Target, index: int) -> Validity:
    try:
        column = target.contract.column(name)
    except KeyError:
        raise CannotExecute(
            f"o contrato não declara a coluna '{name}'", f"the contract does not declare the column '{name}'"
        ) from None
    if not (_declares(column) or not is_text(kind)):
        raise CannotExecute(
            "nada diz quais valores são válidos: dê validValues, pattern ou um formato à coluna",
            "nothing says which values are valid: give validValues, a pattern, or a format to the column",
        )
    d = target.dialect
    identifier = d.identifier(name)
    cell = Cell(column, index, d, d.identifier(f"r_{index}"), target.timezone)
    value = cell.other(name)
    if not is_text(kind):
        limits = bound_checks(cell, Reading(value, _kind_of(kind), _UNSAID))
        fails = [check.fails for check in limits if not check.is_warning]
        failing = f"{identifier} IS NOT NULL AND ({' OR '.join(fails) or 'FALSE'})"
        return Validity(failing, ({value: identifier},))
    reading = load_type(column)(cell)
    if reading.joins or reading.kind != "text":
        raise CannotExecute(
            f"o formato '{column.format}' não se verifica na tabela pronta; dê validValues ou pattern",
            f"the format '{column.format}' cannot be checked on the finished table; give validValues or a pattern",
        )
    checks = (*reading.checks, *bound_checks(cell, reading))
    fails = [f"{value} IS NULL", *(check.fails for check in checks if not check.is_warning)]
    failing = f"{identifier} IS NOT NULL AND ({' OR '.join(f'({fail})' for fail in fails)})"
    return Validity(failing, ({cell.raw: identifier}, *reading.stages, {value: reading.value}))


def _declares(column: Column) -> bool:
    return bool(column.format or column.values or column.pattern or column.bounds != Bounds())


def _kind_of(kind: pa.DataType) -> Kind | tuple[int, int]:
    if pa.types.is_decimal(kind):
        return (kind.precision, kind.scale)
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_boolean(kind):
        return "boolean"
    return "double" if pa.types.is_floating(kind) else "bigint"


def _need_text(kind: pa.DataType, argument: str) -> None:
    if not is_text(kind):
        raise CannotExecute(
            f"{argument} só serve para colunas de texto", f"{argument} serves text columns only, and this one is {kind}"
        )


def sequence(value: object, argument: str) -> Sequence[object]:
    if isinstance(value, (list, tuple)):
        return value
    raise CannotExecute(f"{argument} tem de ser uma lista", f"{argument} must be a list")
