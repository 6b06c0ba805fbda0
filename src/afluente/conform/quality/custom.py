"""Custom rules of the engine `afluente`: ours, and those other packages add through entry points in `afluente.rules`.

Invariant: a rule of another engine, or of a name nobody knows, is an error and never a silent pass; thresholds stand
inside `implementation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import entry_points
from typing import Protocol

import pyarrow as pa

from afluente.conform.quality.metrics import rows_and_percent
from afluente.conform.quality.outcome import CannotExecute, Measurement, Number
from afluente.conform.quality.target import Target
from afluente.conform.quality.validity import sequence
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.contract import Operator, QualityRule, Threshold

GROUP = "afluente.rules"


@dataclass(frozen=True, slots=True)
class Options:
    """The `implementation` of a custom rule, read strictly: an option nobody reads is refused."""

    values: Mapping[str, object]

    def only(self, *names: str) -> None:
        unknown = sorted(set(self.values) - {"rule", *names})
        if unknown:
            raise CannotExecute(
                f"opção desconhecida: {unknown[0]}", f"unknown option: {unknown[0]} ({did_you_mean(unknown[0], names)})"
            )

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            raise CannotExecute(f"falta a opção {name}", f"the option {name} is missing")
        return value

    def names(self, name: str) -> list[str]:
        if name not in self.values:
            raise CannotExecute(f"falta a opção {name}", f"the option {name} is missing")
        return [str(item) for item in sequence(self.values[name], name)]

    def number(self, name: str) -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise CannotExecute(f"{name} não é um número", f"{name} is not a number")
        return value


class CustomRule(Protocol):
    """Measures one custom rule; raises CannotExecute with the reason in both languages when it cannot."""

    def __call__(self, rule: QualityRule, options: Options, target: Target) -> Measurement: ...


def measure_custom(rule: QualityRule, target: Target) -> Measurement:
    if rule.engine != "afluente":
        raise CannotExecute(
            f"regras do motor '{rule.engine}' não podem ser executadas aqui",
            f"rules of the engine '{rule.engine}' cannot be executed here",
        )
    if not isinstance(rule.implementation, Mapping):
        raise CannotExecute("implementation tem de ser um mapa", "implementation must be a mapping")
    options = Options(rule.implementation)
    return _load(options.text("rule"))(rule, options, target)


def _load(name: str) -> CustomRule:
    own: dict[str, CustomRule] = {
        "references": measure_references,
        "freshness": measure_freshness,
        "expression": measure_expression,
    }
    if name in own:
        return own[name]
    added = {point.name: point for point in entry_points(group=GROUP)}
    if name not in added:
        known = did_you_mean(name, {*own, *added})
        raise CannotExecute(f"a regra '{name}' não existe", f"the rule '{name}' does not exist ({known})")
    loaded: CustomRule = added[name].load()
    return loaded


def measure_references(rule: QualityRule, options: Options, target: Target) -> Measurement:
    """Rows whose `columns` are all there and stand in no row of `table`; at most `maxPercent` (0)."""
    options.only("columns", "table", "toColumns", "maxPercent", "maxRows")
    columns = options.names("columns")
    others = options.names("toColumns") if "toColumns" in options.values else columns
    if len(columns) != len(others) or not columns:
        raise CannotExecute("columns e toColumns não combinam", "columns and toColumns do not match")
    for column in columns:
        target.kind(column)
    try:
        table = TableName.parse(options.text("table"))
    except ValueError as error:
        raise CannotExecute(f"tabela errada: {options.text('table')}", str(error)) from None
    d = target.dialect
    pairs = [(f"a.{d.identifier(a)}", f"b.{d.identifier(b)}") for a, b in zip(columns, others, strict=True)]
    present = " AND ".join(f"{mine} IS NOT NULL" for mine, _ in pairs)
    matches = " AND ".join(f"{mine} = {theirs}" for mine, theirs in pairs)
    sql = (
        f"SELECT count(*) AS n FROM {d.identifier(target.view)} AS a"
        f" LEFT ANTI JOIN {d.identifier(table.view)} AS b ON {matches} WHERE {present}"
    )
    if d.name == "duckdb":
        sql = sql.replace(" LEFT ANTI JOIN ", " ANTI JOIN ", 1)
    return _allowed(rule, options, target, int(target.engine.query(sql).to_pylist()[0]["n"]))


def measure_expression(rule: QualityRule, options: Options, target: Target) -> Measurement:
    """Rows that make `expression` (Spark SQL over the table's columns) false; at most `maxPercent` or `maxRows` (0)."""
    options.only("expression", "maxPercent", "maxRows")
    expression = options.text("expression")
    sql = f"SELECT count(CASE WHEN NOT ({expression}) THEN 1 END) AS n FROM `{target.view}`"
    return _allowed(rule, options, target, int(target.engine.query(target.native(sql)).to_pylist()[0]["n"]))


def measure_freshness(rule: QualityRule, options: Options, target: Target) -> Measurement:
    """Hours since the newest value of `column` (a date counts from its midnight in UTC); at most `maxHours`."""
    options.only("column", "maxHours")
    column = options.text("column") if rule.column is None or "column" in options.values else rule.column
    most = options.number("maxHours")
    if most is None:
        raise CannotExecute("falta a opção maxHours", "the option maxHours is missing")
    kind = target.kind(column)
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise CannotExecute(f"'{column}' não é data nem momento", f"'{column}' is neither a date nor a timestamp")
    d = target.dialect
    newest = target.engine.query(f"SELECT max({d.identifier(column)}) AS newest FROM {d.identifier(target.view)}")
    instants = newest.column(0).cast(pa.timestamp("us", tz="UTC"))
    value = instants[0].as_py()
    if value is None:
        raise CannotExecute(f"'{column}' não tem nenhum valor", f"'{column}' has no value at all")
    seconds = int((target.now - value).total_seconds())
    return Measurement({"hours": Fraction(seconds, 3600)}, "hours", (("mustBeLessOrEqualTo", most),))


def _allowed(rule: QualityRule, options: Options, target: Target, failing: int) -> Measurement:
    most_rows, most_percent = options.number("maxRows"), options.number("maxPercent")
    if most_rows is not None and most_percent is not None:
        raise CannotExecute("dê maxRows ou maxPercent, não os dois", "give maxRows or maxPercent, not both")
    measured = rows_and_percent(failing, target, rule)
    if rule.checks and most_rows is None and most_percent is None:
        return measured
    values: Mapping[str, Number] = measured.values
    limit: tuple[tuple[Operator, Threshold], ...] = (("mustBeLessOrEqualTo", most_rows or most_percent or 0),)
    return Measurement(values, "percent" if most_percent is not None else "rows", limit)
