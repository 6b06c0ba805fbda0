"""A product's guardrails as checks on facts: what `watch` is asked before each release.

Invariant: figures are counted over the product's own rows of the facts, in whole periods, so that they mean the same
in every release whatever the privacy gate hides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, assert_never

from afluente.core.tables import TableName
from afluente.products.release.periods import Days
from afluente.products.release.reason import Reason
from afluente.state.quality_outcomes import QualityOutcome
from afluente.watch.checks import (
    DEFAULT_Z,
    Anomaly,
    Check,
    ContractCheck,
    Freshness,
    Outcome,
    Schema,
    SchemaCheck,
    Volume,
)
from afluente.watch.observations import Point

if TYPE_CHECKING:
    from afluente.project.product import Guardrail, Measure, Output, Product
    from afluente.runs.steps.workspace import Workspace

ROWS = "rows"
"""The metric of how many rows of the facts a period has."""
NEWEST_DAYS = 31


@dataclass(frozen=True, slots=True)
class Watched:
    """One output about to be released, as its guardrails see it.

    `days` are those it tells, None for rows. `rows` is the size of its table. `columns` are what it gives and
    `columns_before` what the last release of it gave, None when there was none. `committed_at` is when its facts were.
    """

    output: Output
    days: Days | None
    rows: int
    columns: Schema
    columns_before: Schema | None
    outcomes: tuple[QualityOutcome, ...]
    version: int
    committed_at: datetime


def evaluate_guardrails(
    workspace: Workspace, product: Product, watched: Sequence[Watched], *, origin: str, is_recorded: bool
) -> tuple[Reason, ...]:
    """Judge every guardrail of the product; those that are broken, as reasons to warn or to hold."""
    from afluente.watch.guardrails import evaluate

    checks = [check for guardrail in product.guardrails for check in _checks(workspace, product, guardrail, watched)]
    if not checks:
        return ()
    outcomes = evaluate(
        checks, database=workspace.state, at=workspace.clock.now(), origin=origin, is_recorded=is_recorded
    )
    return tuple(_reason(product, outcome) for outcome in outcomes if outcome.is_breach)


def subject_of(product: Product, output: Output) -> str:
    """What the figures of an output are kept under."""
    return f"product/{product.name}/{output.name}"


def _reason(product: Product, outcome: Outcome) -> Reason:
    output = outcome.subject.removeprefix(f"product/{product.name}/")
    return Reason(
        f"guardrail.{outcome.kind}",
        "hold" if outcome.status == "held" else "warn",
        outcome.message_pt,
        outcome.message_en,
        output,
        outcome.check,
    )


def _checks(
    workspace: Workspace, product: Product, guardrail: Guardrail, watched: Sequence[Watched]
) -> Iterator[Check]:
    for one in watched:
        if guardrail.output not in ("", one.output.name):
            continue
        subject = subject_of(product, one.output)
        name, on_breach = guardrail.name, guardrail.on_breach
        match guardrail.kind:
            case "freshness":
                hours = _number(guardrail, "max_age_hours") or 0.0
                yield Freshness(name, subject, on_breach, one.committed_at, hours)
            case "volume":
                yield _volume(workspace, guardrail, one, subject)
            case "schema":
                if one.columns_before is not None:
                    allows_new = bool(guardrail.options.get("allows_new_columns", False))
                    yield SchemaCheck(name, subject, on_breach, one.columns, one.columns_before, allows_new)
            case "contract":
                yield ContractCheck(name, subject, on_breach, one.outcomes)
            case "anomaly":
                check = _anomaly(workspace, guardrail, one, subject)
                if check is not None:
                    yield check
            case _:
                assert_never(guardrail.kind)


def _volume(workspace: Workspace, guardrail: Guardrail, one: Watched, subject: str) -> Volume:
    if one.days is None:
        points = [Point(one.committed_at, float(one.rows))]
    else:
        points = figures(workspace, one.output, one.version, one.days[1], "count(*)")
    newest = points[-1] if points else Point(_moment(one.days[1]) if one.days else one.committed_at, 0.0)
    return Volume(
        guardrail.name,
        subject,
        guardrail.on_breach,
        ROWS,
        newest.at,
        newest.value,
        max_change_percent=_number(guardrail, "max_change_percent"),
        comparable_days=int(guardrail.options.get("comparable_days", 0)),
        minimum=_number(guardrail, "min_rows"),
        maximum=_number(guardrail, "max_rows"),
        z=_number(guardrail, "z") or DEFAULT_Z,
        history=tuple(points[:-1]),
    )


def _anomaly(workspace: Workspace, guardrail: Guardrail, one: Watched, subject: str) -> Anomaly | None:
    named = [measure for measure in one.output.measures if measure.name == guardrail.options.get("measure")]
    if one.days is None or not named:
        return None
    points = figures(workspace, one.output, one.version, one.days[1], figure_sql(named[0], one.output.measures))
    first = max(one.days[0], one.days[1] - timedelta(days=NEWEST_DAYS)) if one.output.grain == "day" else one.days[1]
    since = _moment(first if one.output.grain == "day" else first.replace(day=1))
    new = tuple(point for point in points if point.at >= since)
    old = tuple(point for point in points if point.at < since)
    if not old:
        new, old = new[-1:], new[:-1]
    return Anomaly(
        guardrail.name,
        subject,
        guardrail.on_breach,
        named[0].name,
        new,
        z=_number(guardrail, "z") or DEFAULT_Z,
        state=str(guardrail.options.get("state", "")),
        history=old,
    )


def figure_sql(measure: Measure, measures: Sequence[Measure]) -> str:
    """The Spark SQL that gives a measure of all rows of a period; null where a ratio divides by nothing."""
    match measure.aggregation:
        case "sum":
            return f"sum(`{measure.column}`)"
        case "distinct":
            return f"count(DISTINCT `{measure.column}`)"
        case "count":
            return "count(*)"
        case "ratio":
            by_name: Mapping[str, Measure] = {one.name: one for one in measures}
            numerator = figure_sql(by_name[measure.numerator], measures)
            denominator = figure_sql(by_name[measure.denominator], measures)
            return f"CAST({numerator} AS DOUBLE) / nullif(CAST({denominator} AS DOUBLE), 0)"
        case _:
            assert_never(measure.aggregation)


def figures(workspace: Workspace, output: Output, version: int, until: date, sql: str) -> list[Point]:
    """A figure for each period up to a day, in the order of time; periods without rows have none."""
    from afluente.runs.steps.query import ask

    day = f"CAST(`{output.period_column}` AS DATE)"
    period = day if output.grain == "day" else f"CAST(trunc({day}, 'MM') AS DATE)"
    where = f"({output.where}) AND " if output.where else ""
    text = (
        f"SELECT {period} AS period, CAST({sql} AS DOUBLE) AS figure FROM {output.facts} "
        f"WHERE {where}{day} <= DATE'{until.isoformat()}' GROUP BY {period} ORDER BY period"
    )
    rows = ask(workspace, text, at=_pinned(output, version)).read_all().to_pylist()
    return [Point(_moment(row["period"]), float(row["figure"])) for row in rows if row["figure"] is not None]


def _pinned(output: Output, version: int) -> dict[TableName, int | datetime]:
    return {output.facts: version}


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _number(guardrail: Guardrail, name: str) -> float | None:
    value = guardrail.options.get(name)
    return None if value is None else float(value)
