"""The quality rules of ODCS to QualityRule, RowRule and Reference.

Invariant: a rule that cannot be executed (no such metric, engine, operator or unit) is a mistake, never silent;
only rules of type text, which are documentation, leave nothing behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from afluente.core.nearest import did_you_mean
from afluente.project.contract import Operator, QualityRule, Reference, RowRule, Severity, Threshold
from afluente.project.fields import Fields
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node, to_json

ENGINE = "afluente"
OPERATORS: tuple[Operator, ...] = get_args(Operator)
KINDS: tuple[Literal["library", "sql", "custom", "text"], ...] = ("library", "sql", "custom", "text")
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
UNITS: tuple[Literal["rows", "percent"], ...] = ("rows", "percent")
ROW_OUTCOMES: tuple[Literal["quarantine", "drop", "keep"], ...] = ("quarantine", "drop", "keep")
REFERENCE_OUTCOMES: tuple[Literal["quarantine", "keep"], ...] = ("quarantine", "keep")

_ARGUMENTS = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}|(?<!\$)\{([A-Za-z_]\w*)\}")
_PLACEHOLDERS = ("table", "column", "object", "property", "model", "field")
_BETWEEN = ("mustBeBetween", "mustNotBeBetween")


@dataclass(slots=True)
class Rules:
    """What the quality sections of one table say so far."""

    quality: list[QualityRule] = field(default_factory=list)
    rows: list[RowRule] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def name(self, wanted: str, default: str, mistakes: Mistakes, node: Node) -> str:
        """A rule's name: the wanted one, noted when it is taken, else a free one like `default`."""
        if wanted and wanted in self.names:
            mistakes.add("contract.duplicate_rule", f"two rules are named {wanted!r}", node, hint="rename one")
        name, number = wanted or default, 1
        while not wanted and name in self.names:
            number += 1
            name = f"{default}_{number}"
        self.names.add(name)
        return name


def read_quality(owner: Node, rules: Rules, mistakes: Mistakes, known: Known, *, column: str | None = None) -> None:
    """Add the rules of a table's or a column's `quality` to `rules`."""
    listed = owner.mapping.get("quality")
    for node in listed.items if listed else ():
        where = f"column {column!r}" if column else "the table"
        fields = Fields(node, mistakes, f"a quality rule of {where}")
        kind = fields.choice("type", KINDS, "library")
        if kind == "text" or not isinstance(node.value, dict):
            continue
        if kind == "custom":
            _custom(fields, rules, known, column)
        else:
            _measured(fields, kind, rules, column)


def _measured(fields: Fields, kind: Literal["library", "sql"], rules: Rules, column: str | None) -> None:
    mistakes, node = fields.mistakes, fields.node
    metric = _metric(fields) if kind == "library" else None
    query = fields.text("query") if kind == "sql" else None
    if kind == "library" and metric is None:
        return
    if metric is not None:
        _check_metric(fields, metric, column)
    if query is not None:
        _check_query(fields, query)
    prefix = f"{column}." if column else ""
    unit = fields.choice("unit", UNITS, "rows")
    checks = _checks(fields, is_counted=kind == "library", unit=unit)
    if unit == "percent" and (metric == "rowCount" or kind == "sql"):
        what = "rowCount" if kind == "library" else "a query"
        mistakes.add("quality.unit", f"{what} has no percentage", fields.get("unit"), hint="unit: rows")
    rules.quality.append(
        QualityRule(
            name=rules.name(fields.text("name"), f"{prefix}{metric or 'sql'}", mistakes, node),
            kind=kind,
            place=mistakes.place(node),
            column=column,
            metric=metric,
            query=query,
            unit=unit,
            severity=fields.choice("severity", SEVERITIES, "error"),
            checks=checks,
            arguments=_plain_mapping(fields.get("arguments")),
            description=fields.text("description"),
        )
    )


def _metric(fields: Fields) -> str | None:
    node = fields.get("metric") or fields.get("rule")
    if node is None:
        hint = f"metric: {' | '.join(_ARGUMENTS)}"
        fields.mistakes.add("quality.no_metric", f"{fields.what} names no metric", fields.node, hint=hint)
        return None
    if not isinstance(node.value, str) or node.value not in _ARGUMENTS:
        name = node.value if isinstance(node.value, str) else node.kind
        fields.mistakes.add(
            "quality.metric",
            f"{fields.what}: there is no metric {name!r}",
            node,
            hint=did_you_mean(str(name), _ARGUMENTS),
        )
        return None
    return node.value


def _check_metric(fields: Fields, metric: str, column: str | None) -> None:
    mistakes = fields.mistakes
    arguments = fields.get("arguments")
    given = Fields(arguments, mistakes, f"arguments of {metric}") if arguments is not None else None
    if given is not None:
        given.only(_ARGUMENTS[metric])
    names = set(given.node.mapping) if given is not None else set()
    if metric == "rowCount" and column:
        mistakes.add("quality.level", "rowCount counts a table, not a column", fields.node, hint="move it to the table")
    if metric == "duplicateValues" and column is None and "properties" not in names:
        hint = "arguments: {properties: [...]}"
        mistakes.add("quality.arguments", "duplicateValues of a table names no properties", fields.node, hint=hint)
    if metric in ("nullValues", "missingValues", "invalidValues") and column is None:
        mistakes.add("quality.level", f"{metric} is a rule of a column", fields.node, hint="move it to the column")
    if metric == "missingValues" and "missingValues" not in names:
        hint = "arguments: {missingValues: [null, '', N/A]}"
        mistakes.add("quality.arguments", "missingValues does not say which values are missing", fields.node, hint=hint)
    if metric == "invalidValues" and not names & {"validValues", "pattern"}:
        hint = "arguments: {validValues: [...]} or {pattern: ...}"
        mistakes.add("quality.arguments", "invalidValues does not say which values are valid", fields.node, hint=hint)


def _check_query(fields: Fields, query: str) -> None:
    node = fields.get("query")
    if node is None or not query.strip():
        fields.mistakes.add("quality.no_query", f"{fields.what} has no query", fields.node, hint="query: SELECT ...")
        return
    for found in _PLACEHOLDER.finditer(query):
        name = found[1] if found[1] is not None else found[2]
        if name not in _PLACEHOLDERS:
            fields.mistakes.add(
                "quality.placeholder",
                f"{fields.what}: {found[0]} is not filled in",
                node,
                hint="${table} and ${column}",
            )


def _checks(
    fields: Fields, *, is_counted: bool, unit: Literal["rows", "percent"]
) -> tuple[tuple[Operator, Threshold], ...]:
    mistakes = fields.mistakes
    given = [operator for operator in OPERATORS if operator in fields]
    if len(given) != 1:
        many = f"has {len(given)} operators" if given else "has no operator"
        hint = "write one rule for each" if given else f"one of {', '.join(OPERATORS)}"
        mistakes.add("quality.operator", f"{fields.what} {many}", fields.node, hint=hint)
    checks: list[tuple[Operator, Threshold]] = []
    for operator in given:
        threshold = _threshold(fields, operator, is_counted=is_counted)
        if threshold is None:
            continue
        limits = threshold if isinstance(threshold, tuple) else (threshold,)
        if unit == "percent" and any(isinstance(limit, int | float) and not 0 <= limit <= 100 for limit in limits):
            message = f"{operator} of {fields.what} is not a percentage"
            mistakes.add("quality.threshold", message, fields.get(operator), hint="from 0 to 100")
        checks.append((operator, threshold))
    return tuple(checks)


def _threshold(fields: Fields, operator: Operator, *, is_counted: bool) -> Threshold | None:
    node = fields.get(operator)
    if node is None:
        fields.mistakes.add("quality.threshold", f"{operator} of {fields.what} is empty", fields.node)
        return None
    if operator in _BETWEEN:
        ends = [item.value for item in node.items]
        numbers = [float(end) for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
        if len(numbers) != 2 or len(ends) != 2 or numbers[0] > numbers[1]:
            message = f"{operator} of {fields.what} is not two numbers, the smaller first"
            fields.mistakes.add("quality.threshold", message, node, hint=f"{operator}: [0, 10]")
            return None
        return numbers[0], numbers[1]
    value = node.value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, tuple | dict) or value is None or (is_counted and not is_number):
        fields.mistakes.add("quality.threshold", f"{operator} of {fields.what} is not a number", node)
        return None
    return value


def _custom(fields: Fields, rules: Rules, known: Known, column: str | None) -> None:
    mistakes = fields.mistakes
    engine = fields.get("engine")
    if engine is None or engine.value != ENGINE:
        name = engine.raw if engine is not None else ""
        hint = did_you_mean(name, [ENGINE])
        mistakes.add(
            "quality.engine",
            f"{fields.what}: no engine {name!r} executes custom rules here",
            engine or fields.node,
            hint=hint,
        )
        return
    node = fields.get("implementation")
    if node is None or not isinstance(node.value, dict):
        mistakes.add(
            "quality.implementation",
            f"{fields.what} has no implementation with a 'rule'",
            node or fields.node,
            hint="implementation: {rule: references | expression, ...}",
        )
        return
    inner = Fields(node, mistakes, f"a custom rule of {'column ' + repr(column) if column else 'the table'}")
    rule = inner.text("rule")
    names = ("references", "expression", *(known.rules or ()))
    match rule:
        case "references":
            _reference(inner, rules, column)
        case "expression":
            _expression(fields, inner, rules, column)
        case _ if rule in names or (rule and known.rules is None):
            rules.quality.append(
                QualityRule(
                    name=rules.name(fields.text("name"), f"{column + '.' if column else ''}{rule}", mistakes, node),
                    kind="custom",
                    place=mistakes.place(fields.node),
                    column=column,
                    engine=ENGINE,
                    unit=fields.choice("unit", UNITS, "rows"),
                    severity=fields.choice("severity", SEVERITIES, "error"),
                    implementation=_plain_mapping(node),
                    description=fields.text("description"),
                )
            )
        case _:
            at = inner.get("rule") or node
            mistakes.add("quality.rule", f"{inner.what}: there is no rule {rule!r}", at, hint=did_you_mean(rule, names))


def _reference(inner: Fields, rules: Rules, column: str | None) -> None:
    inner.only(("rule", "columns", "table", "toColumns", "maxPercent", "onInvalid"))
    columns = inner.texts("columns") or ((column,) if column else ())
    if not columns:
        inner.require("columns", hint="columns: [uf]")
    inner.require("table", hint="table: silver.estados")
    table = inner.table("table")
    to_columns = inner.texts("toColumns") or columns
    if len(to_columns) != len(columns):
        message = f"{inner.what} compares {len(columns)} columns with {len(to_columns)}"
        inner.mistakes.add("quality.reference", message, inner.get("toColumns"), hint="as many toColumns as columns")
    if table is None or not columns or len(to_columns) != len(columns):
        return
    rules.references.append(
        Reference(
            columns=columns,
            table=table,
            to_columns=to_columns,
            place=inner.mistakes.place(inner.node),
            on_invalid=inner.choice("onInvalid", REFERENCE_OUTCOMES, "quarantine"),
            max_percent=read_percent(inner),
        )
    )


def read_percent(fields: Fields) -> float | None:
    """`maxPercent`, from 0 to 100."""
    percent = fields.number("maxPercent")
    if percent is not None and not 0 <= percent <= 100:
        fields.mistakes.add(
            "quality.threshold",
            f"maxPercent of {fields.what} is not a percentage",
            fields.get("maxPercent"),
            hint="0 to 100",
        )
    return percent


def _expression(fields: Fields, inner: Fields, rules: Rules, column: str | None) -> None:
    inner.only(("rule", "name", "sql", "columns", "reasonPt", "reasonEn", "onInvalid"))
    inner.require("sql", hint='sql: "preco >= 0"')
    wanted = inner.text("name") or fields.text("name")
    if not wanted:
        inner.mistakes.add("quality.no_name", f"{inner.what} has no name", inner.node, hint="name: preco_positivo")
    expression = inner.text("sql")
    if not expression.strip():
        return
    rules.rows.append(
        RowRule(
            name=rules.name(wanted, "expression", inner.mistakes, inner.node),
            expression=expression,
            place=inner.mistakes.place(inner.get("sql") or inner.node),
            columns=inner.texts("columns") or ((column,) if column else ()),
            reason_pt=inner.text("reasonPt"),
            reason_en=inner.text("reasonEn"),
            on_invalid=inner.choice("onInvalid", ROW_OUTCOMES, "quarantine"),
        )
    )


def _plain_mapping(node: Node | None) -> Mapping[str, object]:
    if node is None:
        return {}
    plain = to_json(node)
    return plain if isinstance(plain, dict) else {}
