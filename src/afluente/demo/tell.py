"""The demo's report: the river with the rows that went through it, what was refused and mended, and how well.

Nothing here reads a table: it says what `findings` found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.demo.examples import Example
from afluente.demo.findings import MASK, Findings
from afluente.demo.screen import Screen
from afluente.demo.tell_story import story_as_json, tell_story

if TYPE_CHECKING:
    from afluente.demo.product_story import Story
    from afluente.runs.report import RunReport
    from afluente.sources.simulator.score import Score

_MOST_REASONS = 12
_WIDTH = 92
_MEBIBYTE = 1 << 20


def tell(
    findings: Findings,
    report: RunReport,
    story: Story | None,
    console: Screen,
    *,
    seconds: float,
    into: Path | None,
    example: Example,
) -> None:
    """Say everything, for a person."""
    _title(console, "The river")
    for line in river(findings):
        console.data(line)
    console.data("")
    console.table(
        [
            {
                "table": flow.table,
                "bronze": flow.bronze,
                "silver": flow.silver,
                "rejected": flow.rejected,
                "repeated": flow.repeated,
                "repaired": flow.repaired,
            }
            for flow in findings.flows
        ]
    )
    _tell_rejects(findings, console)
    _tell_rows(findings, console)
    _tell_repairs(findings, console)
    for glimpse, rows in findings.glimpses:
        _title(console, f"{glimpse.table}: first rows")
        console.table(rows, columns=glimpse.columns)
    _tell_scores(findings, console)
    if story is not None:
        tell_story(story, console, into=into)
    _tell_cost(report, console, seconds=seconds)
    _tell_next(console, into=into, example=example)


def tell_as_json(
    findings: Findings, report: RunReport, story: Story | None, console: Screen, *, seconds: float
) -> None:
    """Say everything as one JSON object."""
    console.json(
        {
            "run": report.run.id,
            "status": report.run.status,
            "engine": report.run.engine,
            "engine_version": report.run.engine_version,
            "seconds": round(seconds, 1),
            "tables": [asdict(flow) for flow in findings.flows],
            "gold": dict(findings.gold_rows),
            "rejects": [asdict(reject) for reject in findings.rejects],
            "repairs": [
                {"table": one.table, "column": one.column, "rule": one.rule, "rows": one.rows}
                for one in findings.repairs
            ],
            "score": [
                _score_row(one) | {"lost": one.lost, "surplus": one.surplus, "good_cells_changed": _changed(one)}
                for one in findings.scores
            ],
            **({} if story is None else {"product": story_as_json(story)}),
        }
    )


def river(findings: Findings) -> Iterator[str]:
    """The picture of architecture's river, with what went through each place."""
    files = sum(flow.landed_files for flow in findings.flows)
    bronze, silver, rejected, repaired = (
        sum(getattr(flow, name) for flow in findings.flows) for name in ("bronze", "silver", "rejected", "repaired")
    )
    gold = sum(rows for _, rows in findings.gold_rows)
    places = (
        ("source", f"{len(findings.flows)} tables"),
        ("landing", f"{files:,} files"),
        ("bronze", f"{bronze:,} rows"),
        ("silver", f"{silver:,} rows"),
        ("gold", f"{gold:,} rows"),
    )
    widths = [max(len(name), len(count)) for name, count in places]
    yield " ──> ".join(name.ljust(width) for (name, _), width in zip(places, widths, strict=True)).rstrip()
    yield "     ".join(count.ljust(width) for (_, count), width in zip(places, widths, strict=True)).rstrip()
    indent = " " * (sum(widths[:3]) + 15)
    yield f"{indent}├─> quarantine  {rejected:,} rows, each with every reason"
    yield f"{indent}└─> repairs     {repaired:,} cells mended by rule, or emptied"


def _title(console: Screen, text: str) -> None:
    console.data("")
    console.data(text)
    console.data("─" * len(text))


def _tell_rejects(findings: Findings, console: Screen) -> None:
    _title(console, "Rejected, by reason")
    if not findings.rejects:
        console.data("no row was rejected")
        return
    for reject in findings.rejects[:_MOST_REASONS]:
        console.data(f"{reject.rows:>9,}  {reject.table} {reject.column}: {reject.reason}")
        console.data(f"{'':>9}  {reject.reason_en}")
    more = findings.rejects[_MOST_REASONS:]
    if more:
        console.data(f"{sum(reject.rows for reject in more):>9,}  for {len(more)} other reasons")


def _tell_rows(findings: Findings, console: Screen) -> None:
    if not findings.explained:
        return
    count = len(findings.explained)
    _title(console, f"{count} rejected {'row' if count == 1 else 'rows'}, explained")
    for row in findings.explained:
        console.data(f"{row.table} ← {row.source}, record {row.source_row:,}")
        for line in _wrapped(f"{name}={value}" for name, value in row.columns):
            console.data(f"    {line}")
        for column, value, reason, reason_en in row.failures:
            console.data(f"    ✗ {column} = {value}: {reason} ({reason_en})")
    console.data(f"{MASK} stands for a value of a column that the contract classifies as personal.")


def _wrapped(parts: Iterator[str]) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and len(line) + len(part) > _WIDTH:
            yield line.rstrip()
            line = ""
        line += f"{part}  "
    yield line.rstrip()


def _tell_repairs(findings: Findings, console: Screen) -> None:
    _title(console, "Repaired, by rule")
    console.table(
        [
            {
                "table": one.table,
                "column": one.column,
                "rule": one.rule,
                "rows": one.rows,
                "example": " → ".join(str(value) for value in one.samples[0]) if one.samples else "",
            }
            for one in findings.repairs
        ],
        columns=("table", "column", "rule", "rows", "example"),
    )


def _tell_scores(findings: Findings, console: Screen) -> None:
    if not findings.scores:
        return
    _title(console, "The cleaning, scored against the simulator's truth")
    console.table([_score_row(one) for one in findings.scores])
    lost, surplus = sum(one.lost for one in findings.scores), sum(one.surplus for one in findings.scores)
    changed = sum(_changed(one) for one in findings.scores)
    console.data(
        f"good rows lost: {lost:,}; bad rows let through: {surplus:,}; good cells lost or changed: {changed:,}"
    )
    console.data("precision: of the rows rejected, those that should be; recall: of those that should be, the rejected")


def _score_row(one: Score) -> dict[str, object]:
    return {
        "table": one.table,
        "rejects": one.rejects_made,
        "precision": _percent(one.precision),
        "recall": _percent(one.recall),
        "dirty cells": one.repairs_expected,
        "set right": _percent(one.repair_share),
    }


def _changed(one: Score) -> int:
    return one.clean_cells - one.clean_cells_right


def _percent(share: float) -> str:
    """Two decimals, never rounded up to 100."""
    text = f"{share * 100:.2f}"
    return "99.99%" if text == "100.00" and share < 1 else f"{text}%"


def _tell_cost(report: RunReport, console: Screen, *, seconds: float) -> None:
    run = report.run
    _title(console, "The run")
    peak = max((step.peak_memory_bytes or 0 for step in report.steps), default=0)
    memory = f", at most {peak // _MEBIBYTE:,} MiB of memory" if peak else ""
    console.data(f"{len(report.steps)} steps on {run.engine} {run.engine_version}, {seconds:.1f} s in all{memory}")


def _tell_next(console: Screen, *, into: Path | None, example: Example) -> None:
    _title(console, "What next")
    if into is None:
        for command, what in (
            (f"afluente demo {example.name} --into DIR", "keep the project, to look at and to change"),
            ("afluente init vendas", "begin one of your own"),
        ):
            console.data(f"  {command:<40} {what}")
        return
    data = f"{example.data_variable}=FOLDER " if example.data_variable else ""
    console.data(f"the project stands in {into}:")
    glimpse = example.glimpses[-1]
    for command, what in (
        ("run", "again: nothing is new, so nothing is done"),
        ("tables", "what there is, how much and how fresh"),
        ("quarantine summary", "what was refused, by rule"),
        (f'sql "SELECT * FROM {glimpse.table}"', "ask the tables"),
    ):
        console.data(f"  {data}afluente -C {into} {command:<48} {what}")
    console.data(f"change a contract in {into}/contracts and run again: only what depends on it is made anew")
