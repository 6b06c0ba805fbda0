"""The library metrics that count rows, all in one scan of the table.

Invariant: each metric is one `count(CASE ...)`; two rules with the same metric on the same column are two counts.
If the one scan fails, each metric is counted alone, so that only the one at fault is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afluente.conform.quality.literal import is_text, literals
from afluente.conform.quality.operators import percent
from afluente.conform.quality.outcome import CannotExecute, Measurement, Number
from afluente.conform.quality.target import Target
from afluente.conform.quality.validity import Validity, sequence, validity
from afluente.core.errors import AfluenteError
from afluente.project.contract import QualityRule

COUNTED = ("nullValues", "missingValues", "invalidValues")


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule whose measure is the number of rows for which its condition is true."""

    rule: QualityRule
    condition: Validity


def counted(rule: QualityRule, target: Target, index: int) -> Counted:
    """The condition a rule counts; CannotExecute when it has none."""
    if rule.column is None:
        raise CannotExecute(f"{rule.metric} pede uma coluna", f"{rule.metric} needs a column")
    name = target.dialect.identifier(rule.column)
    match rule.metric:
        case "nullValues":
            target.kind(rule.column)
            return Counted(rule, Validity(f"{name} IS NULL"))
        case "missingValues":
            return Counted(rule, Validity(_missing(rule, rule.column, target)))
        case _:
            return Counted(rule, validity(rule, rule.column, target, index))


def measure_rows(target: Target, rule: QualityRule) -> Measurement:
    if rule.unit == "percent":
        raise CannotExecute("rowCount não se mede em percentual", "rowCount cannot be measured in percent")
    return Measurement({"rows": target.rows_total}, "rows")


def measure_counted(counts: Sequence[Counted], target: Target) -> list[Measurement | AfluenteError]:
    """One measurement for each, in order; where its own query fails, the error."""
    try:
        return list(_scan(counts, target))
    except AfluenteError as error:
        if len(counts) == 1:
            return [error]
    answers: list[Measurement | AfluenteError] = []
    for one in counts:
        answers.extend(measure_counted([one], target))
    return answers


def rows_and_percent(rows: int, target: Target, rule: QualityRule, **others: int) -> Measurement:
    values: dict[str, Number] = {"rows": rows, "percent": percent(rows, target.rows_total), **others}
    return Measurement(values, "percent" if rule.unit == "percent" else "rows")


def _scan(counts: Sequence[Counted], target: Target) -> list[Measurement]:
    if not counts:
        return []
    shown = [
        f"count(CASE WHEN {one.condition.fails} THEN 1 END) AS {target.dialect.identifier(f'm{number}')}"
        for number, one in enumerate(counts)
    ]
    source = target.dialect.identifier(target.view)
    for stage in _merged([one.condition.stages for one in counts]):
        named = ", ".join(f"{expression} AS {name}" for name, expression in stage.items())
        source = f"(SELECT s.*, {named} FROM {source} AS s)"
    row = target.engine.query(f"SELECT {', '.join(shown)} FROM {source} AS s").to_pylist()[0]
    return [rows_and_percent(int(row[f"m{number}"]), target, one.rule) for number, one in enumerate(counts)]


def _merged(stacks: Sequence[tuple[Mapping[str, str], ...]]) -> list[dict[str, str]]:
    """Stages of the same height side by side; a later stack of one column is the same as the earlier."""
    merged: list[dict[str, str]] = [{} for _ in range(max((len(stack) for stack in stacks), default=0))]
    for stack in stacks:
        for level, stage in enumerate(stack):
            merged[level].update(stage)
    return merged


def _missing(rule: QualityRule, column: str, target: Target) -> str:
    """Nulls, and the values listed; without a list, blank texts."""
    unknown = sorted(set(rule.arguments) - {"missingValues"})
    if unknown:
        raise CannotExecute(f"argumento desconhecido: {unknown[0]}", f"unknown argument: {unknown[0]}")
    kind = target.kind(column)
    name = target.dialect.identifier(column)
    if "missingValues" not in rule.arguments:
        return f"{name} IS NULL OR trim({name}) = ''" if is_text(kind) else f"{name} IS NULL"
    listed = [item for item in sequence(rule.arguments["missingValues"], "missingValues") if item is not None]
    if not is_text(kind):
        listed = [item for item in listed if not (isinstance(item, str) and not item.strip())]
    if not listed:
        return f"{name} IS NULL"
    return f"{name} IS NULL OR {name} IN ({literals(listed, kind, target.dialect)})"
