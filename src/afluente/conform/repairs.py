"""What was repaired: samples for the report, and row by row where a contract asks for the log."""

from __future__ import annotations

import pyarrow as pa

from afluente.conform.compile import Compiled
from afluente.conform.finding import Finding, word_of
from afluente.conform.reading import internal


def repairs_schema() -> pa.Schema:
    """The columns of a repairs table: one row a repair."""
    return pa.schema(
        [
            ("_source", pa.string()),
            ("_source_row", pa.int64()),
            ("rule", pa.string()),
            ("column", pa.string()),
            ("before", pa.string()),
            ("after", pa.string()),
            ("_run_id", pa.string()),
            ("repaired_at", pa.timestamp("us", tz="UTC")),
        ]
    )


def _before(compiled: Compiled, finding: Finding) -> str:
    d = compiled.dialect
    column = compiled.contract.column(finding.column)
    if column.expression is not None:
        return f"CAST(NULL AS {d.sql_type('text')})"
    return d.as_text(d.identifier(internal("bronze", column.source)))


def _accepted(compiled: Compiled, position: int) -> str:
    word, bit = word_of(position)
    return f"{compiled.dialect.has_bits(word, 1 << bit)} AND NOT {compiled.any_of('quarantine', 'drop')}"


def samples_select(compiled: Compiled, rows: str, position: int, *, limit: int) -> str:
    """A few rows that the finding at a position of the list repaired, with the value before and after."""
    finding = compiled.findings[position]
    after = compiled.dialect.as_text(compiled.dialect.identifier(finding.column))
    return (
        f"SELECT _source, _source_row, {_before(compiled, finding)} AS before, {after} AS after FROM {rows}"
        f" WHERE {_accepted(compiled, position)} LIMIT {limit}"
    )


def repairs_select(compiled: Compiled, rows: str, *, run_id: str, moment: str) -> str:
    """Every repair among materialised rows, in the shape of `repairs_schema`."""
    d = compiled.dialect
    parts = []
    for position, finding in enumerate(compiled.findings):
        if finding.effect != "repair":
            continue
        after = d.as_text(d.identifier(finding.column))
        parts.append(
            f"SELECT _source, _source_row, {d.literal(finding.rule)} AS rule, {d.literal(finding.column)} AS"
            f" {d.identifier('column')}, {_before(compiled, finding)} AS before, {after} AS after,"
            f" {d.literal(run_id)} AS _run_id, CAST({d.literal(moment)} AS {d.sql_type('timestamp')}) AS repaired_at"
            f" FROM {rows} WHERE {_accepted(compiled, position)}"
        )
    return " UNION ALL ".join(parts)
