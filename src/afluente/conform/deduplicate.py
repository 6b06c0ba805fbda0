"""Which rows are left out because another row stands for them.

Invariant: only rows that would be accepted take part, so that an invalid row never displaces a valid one; ties are
broken by the rows' origin, so that two engines and two runs choose alike.
"""

from __future__ import annotations

from afluente.conform.compile import Compiled
from afluente.conform.reading import internal
from afluente.project.contract import Deduplicate

REPEATED = "conform_repeated"
LOSERS = "conform_losers"
ROW = "afluente_row"


def repeated_keys(compiled: Compiled, view: str) -> str:
    """The keys that more than one row has."""
    names = _key_names(compiled)
    keys = ", ".join(names)
    present = " AND ".join(f"{name} IS NOT NULL" for name in names)
    return f"SELECT {keys} FROM ({compiled.select_keys(view)}) AS keyed WHERE {present} GROUP BY {keys} HAVING count(*) > 1"


def repeated_rows(compiled: Compiled, view: str) -> str:
    """The conformed rows whose key more than one row has, with their origin."""
    bronze = ", ".join(f"x.{compiled.dialect.identifier(name)}" for name in (*compiled.bronze, *_ORIGIN))
    same = " AND ".join(f"x.{name} = {REPEATED}.{name}" for name in _key_names(compiled))
    rows = f"(SELECT {bronze} FROM ({compiled.select_keys(view)}) AS x JOIN {REPEATED} ON {same})"
    return compiled.select(rows)


def losers(compiled: Compiled, rows: str) -> str:
    """The origin of every row of `repeated_rows` that gives way, with that of the row kept and whether the two differ.

    `rows` is a name or a query in parentheses.
    """
    deduplicate = _keys(compiled)
    keys = ", ".join(compiled.dialect.identifier(key) for key in deduplicate.keys)
    return _ranked(compiled, f"{rows} AS conformed", keys, deduplicate)


def repeated_among(compiled: Compiled, rows: str) -> str:
    """The keys that more than one accepted row of the materialised rows has."""
    keys = ", ".join(_columns(compiled))
    present = " AND ".join(f"{name} IS NOT NULL" for name in _columns(compiled))
    bad = compiled.any_of("quarantine", "drop")
    return f"SELECT {keys} FROM {rows} WHERE NOT {bad} AND {present} GROUP BY {keys} HAVING count(*) > 1"


def losers_among(compiled: Compiled, rows: str) -> str:
    """The same as `losers`, over materialised rows that keep their origin; without keys, of rows equal in every column."""
    deduplicate = _keys(compiled)
    if not deduplicate.keys:
        columns = ", ".join(compiled.dialect.identifier(name) for name, _ in compiled.columns)
        return _ranked(compiled, f"{rows} AS r", columns, Deduplicate(keep="first"), row_id=compiled.dialect.row_id)
    names = _columns(compiled)
    same = " AND ".join(f"r.{name} = {REPEATED}.{name}" for name in names)
    row_id = compiled.dialect.row_id
    shown = f"r.*, r.{row_id} AS {ROW}" if row_id else "r.*"
    repeated = f"(SELECT {shown} FROM {rows} AS r JOIN {REPEATED} ON {same}) AS repeated"
    return _ranked(compiled, repeated, ", ".join(names), deduplicate, row_id=ROW if row_id else None)


def is_not_loser(compiled: Compiled) -> tuple[str, str]:
    """A join of materialised rows (as `r`) to LOSERS, where one is needed, and the condition that leaves these out."""
    row_id = compiled.dialect.row_id
    if row_id:
        return "", f"r.{row_id} NOT IN (SELECT {ROW} FROM {LOSERS})"
    same = "r._source_row = l._source_row AND r._source = l._source"
    return f"LEFT JOIN {LOSERS} AS l ON {same}", "l._source_row IS NULL"


def _columns(compiled: Compiled) -> list[str]:
    return [compiled.dialect.identifier(key) for key in _keys(compiled).keys]


_ORIGIN = ("_source", "_source_row", "_ingested_at", "_run_id")


def _keys(compiled: Compiled) -> Deduplicate:
    deduplicate = compiled.contract.deduplicate
    if deduplicate is None:
        raise ValueError("the contract does not deduplicate")
    return deduplicate


def _key_names(compiled: Compiled) -> list[str]:
    return [compiled.dialect.identifier(internal("key", str(i))) for i in range(len(_keys(compiled).keys))]


def _ranked(compiled: Compiled, rows: str, keys: str, deduplicate: Deduplicate, *, row_id: str | None = None) -> str:
    d = compiled.dialect
    names = [d.identifier(name) for name, _ in compiled.columns]
    by = d.identifier(deduplicate.by) if deduplicate.by else None
    latest = [f"{by} DESC NULLS LAST"] if by else []
    recent = [*latest, "_ingested_at DESC", "_source DESC", "_source_row DESC"]
    match deduplicate.keep:
        case "latest":
            order = recent
        case "first":
            order = [*([f"{by} ASC NULLS LAST"] if by else []), "_ingested_at ASC", "_source ASC", "_source_row ASC"]
        case "most_complete":
            filled = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in names)
            order = [f"({filled}) DESC", *recent]
    window = f"(PARTITION BY {keys} ORDER BY {', '.join(order)})"
    bad = compiled.any_of("quarantine", "drop")
    own = f"{row_id} AS {ROW}, " if row_id else ""
    kept = f"{ROW}, " if row_id else ""
    inner = (
        f"SELECT {own}_source, _source_row, row_number() OVER {window} AS place, {d.row_hash(names)} AS content,"
        f" first_value({d.row_hash(names)}) OVER {window} AS kept_content,"
        f" first_value(_source) OVER {window} AS kept_source, first_value(_source_row) OVER {window} AS kept_row"
        f" FROM {rows} WHERE NOT {bad}"
    )
    return (
        f"SELECT {kept}_source, _source_row, kept_source, kept_row,"
        f" CASE WHEN content = kept_content THEN 0 ELSE 1 END AS is_conflict FROM ({inner}) AS ranked WHERE place > 1"
    )
