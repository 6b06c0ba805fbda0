"""The metric duplicateValues.

Invariant: of {1, 1, 2, 2, 2, 3} five rows share their value with another (`rows`) and two values repeat (`distinct`);
both are reported and `rows` is the one compared. Rows with a null among the columns repeat nothing.
"""

from __future__ import annotations

from afluente.conform.quality.metrics import rows_and_percent
from afluente.conform.quality.outcome import CannotExecute, Measurement
from afluente.conform.quality.target import Target
from afluente.conform.quality.validity import sequence
from afluente.project.contract import QualityRule


def measure_duplicates(rule: QualityRule, target: Target) -> Measurement:
    d = target.dialect
    columns = _columns(rule)
    for column in columns:
        target.kind(column)
    names = [d.identifier(column) for column in columns]
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    groups = (
        f"SELECT count(*) AS n FROM {d.identifier(target.view)} WHERE {present}"
        f" GROUP BY {', '.join(names)} HAVING count(*) > 1"
    )
    answer = target.engine.query(f"SELECT coalesce(sum(n), 0) AS involved, count(*) AS repeated FROM ({groups}) AS g")
    row = answer.to_pylist()[0]
    return rows_and_percent(int(row["involved"]), target, rule, distinct=int(row["repeated"]))


def _columns(rule: QualityRule) -> list[str]:
    unknown = sorted(set(rule.arguments) - {"properties"})
    if unknown:
        raise CannotExecute(f"argumento desconhecido: {unknown[0]}", f"unknown argument: {unknown[0]}")
    if "properties" in rule.arguments:
        columns = [str(item) for item in sequence(rule.arguments["properties"], "properties")]
    else:
        columns = [rule.column] if rule.column is not None else []
    if not columns:
        raise CannotExecute(
            "duplicateValues pede uma coluna ou arguments.properties",
            "duplicateValues needs a column or arguments.properties",
        )
    return columns
