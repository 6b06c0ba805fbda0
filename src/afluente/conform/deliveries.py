"""Which delivery of a partition stands, for a table whose newest delivery of a partition takes the older one's place.

Invariant: only rows that would be accepted make a delivery stand, so that one whose rows are all refused displaces
nothing; a refused row whose partition cannot be read belongs to none, and is never superseded.
"""

from __future__ import annotations

from afluente.conform.compile import Compiled
from afluente.conform.reading import internal

BROUGHT = "conform_brought"
FOUND = "conform_deliveries"
NEWEST = "conform_newest"
TABLES = (BROUGHT, FOUND, NEWEST)
_MOMENT = "newest_at"
_SOURCE = "newest_source"


def has_several(compiled: Compiled, view: str) -> str:
    """How many deliveries, at most two, the bronze rows of a view came in."""
    names = ", ".join(_identity(compiled))
    return f"SELECT count(*) AS n FROM (SELECT DISTINCT {names} FROM {view} LIMIT 2) AS deliveries"


def brought(compiled: Compiled, view: str) -> str:
    """Each bronze row of a view as its partition, its origin and its findings.

    To be materialised as BROUGHT: Sail cannot group what it has not computed yet by so many stages.
    """
    named = ", ".join(f"{column} AS {part}" for column, part in _parts(compiled))
    words = ", ".join(compiled.words)
    return f"SELECT {named}, _ingested_at, _source, {words} FROM ({compiled.select(view)}) AS conformed"


def deliveries(compiled: Compiled) -> str:
    """Of BROUGHT, each partition beside each delivery that brought it an acceptable row."""
    names = ", ".join(part for _, part in _parts(compiled))
    source = "_source" if "_source" in _identity(compiled) else "''"
    return (
        f"SELECT {names}, _ingested_at AS {_MOMENT}, {source} AS {_SOURCE} FROM {BROUGHT}"
        f" WHERE NOT {compiled.any_of('quarantine', 'drop')} GROUP BY {names}, {', '.join(_identity(compiled))}"
    )


def newest(compiled: Compiled) -> str:
    """Of what `deliveries` found, under FOUND, the delivery of each partition that stands."""
    names = ", ".join([*(part for _, part in _parts(compiled)), _MOMENT, _SOURCE])
    parts = ", ".join(part for _, part in _parts(compiled))
    order = f"PARTITION BY {parts} ORDER BY {_MOMENT} DESC, {_SOURCE} DESC"
    ranked = f"SELECT {names}, row_number() OVER ({order}) AS place FROM {FOUND}"
    return f"SELECT {names} FROM ({ranked}) AS ranked WHERE place = 1"


def not_superseded(compiled: Compiled) -> str:
    """What leaves out the conformed rows (as `c`) that a newer delivery of their partition took the place of."""
    parts = _parts(compiled)
    same = " AND ".join(f"c.{column} IS NOT DISTINCT FROM n.{part}" for column, part in parts)
    unread = " OR ".join(f"c.{column} IS NULL" for column, _ in parts)
    older = f"c._ingested_at < n.{_MOMENT}"
    if "_source" in _identity(compiled):
        older = f"({older} OR (c._ingested_at = n.{_MOMENT} AND c._source < n.{_SOURCE}))"
    refused = compiled.any_of("quarantine", "drop")
    return f" LEFT JOIN {NEWEST} AS n ON {same} WHERE n.{_MOMENT} IS NULL OR NOT {older} OR ({refused} AND ({unread}))"


def _identity(compiled: Compiled) -> tuple[str, ...]:
    return ("_ingested_at", "_source") if compiled.contract.delivery == "file" else ("_ingested_at",)


def _parts(compiled: Compiled) -> list[tuple[str, str]]:
    """The partition columns, and their names beside a delivery."""
    d = compiled.dialect
    names = compiled.contract.partition_by
    return [(d.identifier(name), d.identifier(internal("part", str(i)))) for i, name in enumerate(names)]
