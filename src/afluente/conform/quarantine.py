"""Quarantine: every rejected row with all its failures, in the words of both languages.

Invariant: a row can be found again by `_quarantine_id`, which depends on its origin alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from afluente.conform.compile import ORIGIN, Compiled
from afluente.conform.dialect import Dialect
from afluente.conform.finding import Finding, word_of
from afluente.conform.reading import internal
from afluente.core.language import Language, Message

_FAILURE = pa.struct([(name, pa.string()) for name in ("rule", "column", "value", "reason", "reason_en")])
_OWN = ("_quarantine_id", "_table", "failures", "quarantined_at", "replayed_at")
_INSTANT = pa.timestamp("us", tz="UTC")


def quarantine_column(name: str) -> str:
    """The quarantine's name of a bronze column: with `_` behind it where the quarantine has a column of that name."""
    return f"{name}_" if name.rstrip("_").casefold() in _OWN else name


def quarantine_schema(bronze: Sequence[str]) -> pa.Schema:
    """The columns of a quarantine table: the bronze columns as text, the origin, and what failed."""
    return pa.schema(
        [
            pa.field("_quarantine_id", pa.string()),
            pa.field("_table", pa.string()),
            *(pa.field(quarantine_column(name), pa.string()) for name in bronze),
            pa.field("_source", pa.string()),
            pa.field("_source_row", pa.int64()),
            pa.field("_ingested_at", _INSTANT),
            pa.field("_run_id", pa.string()),
            pa.field("failures", pa.list_(_FAILURE)),
            pa.field("quarantined_at", _INSTANT),
            pa.field("replayed_at", _INSTANT),
        ]
    )


def quarantine_select(compiled: Compiled, rows: str, *, moment: str) -> str:
    """The rejected rows among materialised rows, in the shape of `quarantine_schema`."""
    d = compiled.dialect
    bronze = [f"{d.identifier(internal('bronze', name))} AS {d.identifier(name)}" for name in compiled.bronze]
    bad = f"{compiled.any_of('quarantine')} AND NOT {compiled.any_of('drop')}"
    received = f"(SELECT {', '.join([*bronze, *ORIGIN, *compiled.words])} FROM {rows} WHERE {bad}) AS s"
    raws = ", ".join(f"{expression} AS {name}" for name, expression in compiled.raws)
    with_raws = f"(SELECT *, {raws} FROM {received}) AS raw"
    found = [
        (f, d.has_bits(word, 1 << bit), d.identifier(internal("reason", str(i)))) for i, f, word, bit in _held(compiled)
    ]
    chosen = [f"CASE WHEN {is_found} THEN {_choice(f)} END AS {choice}" for f, is_found, choice in found if f.reasons]
    source = f"(SELECT *, {', '.join(chosen)} FROM {with_raws}) AS chosen" if chosen else with_raws
    failures = [(is_found, _fields(compiled, finding, choice)) for finding, is_found, choice in found]
    instant = d.sql_type("timestamp")
    columns = [
        "md5(_source || '#' || CAST(_source_row AS " + d.sql_type("text") + ")) AS _quarantine_id",
        f"{d.literal(str(compiled.contract.table))} AS _table",
        *(f"{d.as_text(d.identifier(name))} AS {d.identifier(quarantine_column(name))}" for name in compiled.bronze),
        *ORIGIN,
        f"{d.struct_list(failures)} AS failures",
        f"CAST({d.literal(moment)} AS {instant}) AS quarantined_at",
        f"CAST(NULL AS {instant}) AS replayed_at",
    ]
    return f"SELECT {', '.join(columns)} FROM {source}"


def _held(compiled: Compiled) -> list[tuple[int, Finding, str, int]]:
    """The findings that send a row here: place in the list, finding, mask column and bit."""
    return [(i, f, *word_of(i)) for i, f in enumerate(compiled.findings) if f.effect == "quarantine"]


def _choice(finding: Finding) -> str:
    """The number of the first reason that holds, from 1, or 0: told once for the words of all languages."""
    whens = " ".join(f"WHEN {condition} THEN {number}" for number, (condition, _) in enumerate(finding.reasons, 1))
    return f"CASE {whens} ELSE 0 END"


def _fields(compiled: Compiled, finding: Finding, choice: str) -> dict[str, str]:
    d = compiled.dialect
    value = "NULL"
    by_name = {column.name: column for column in compiled.contract.columns}
    column = by_name.get(finding.column)
    if column is not None:
        value = d.as_text(d.identifier(column.source)) if column.expression is None else str(finding.raw)
    return {
        "rule": d.literal(finding.rule),
        "column": d.literal(finding.column),
        "value": f"CAST({value} AS {d.sql_type('text')})",
        "reason": _reason(d, finding, choice, "pt"),
        "reason_en": _reason(d, finding, choice, "en"),
    }


def _reason(d: Dialect, finding: Finding, choice: str, language: Language) -> str:
    def say(message: Message) -> str:
        return d.literal(message.pt if language == "pt" else message.en)

    whens = " ".join(f"WHEN {number} THEN {say(message)}" for number, (_, message) in enumerate(finding.reasons, 1))
    return f"CASE {choice} {whens} ELSE {say(finding.message)} END" if whens else say(finding.message)
