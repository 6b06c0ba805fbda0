"""A transmission that has landed, as the loader sees it.

Invariant: its list and columns are names that may stand in SQL once quoted, and no more of them than a list may have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from afluente.fleet.refusal import FleetError
from afluente_agent.protocol.messages import Kind

NAME = re.compile(r"[a-z][a-z0-9_]{0,54}")
MOST_COLUMNS = 300
RESERVED_COLUMNS = frozenset(
    ("site", "op", "row_key", "row_hash", "updated_at", "tableoid", "ctid", "xmin", "xmax", "cmin", "cmax")
)
RESERVED_PREFIXES = ("afluente_", "pg_")


@dataclass(frozen=True, slots=True)
class Transmission:
    """What is loaded. `started_at` is the hub's time and orders the transmissions of a list; `attempts` counts from 1."""

    id: str
    site: str
    agent: str
    list_name: str
    kind: Kind
    base: str
    rows: int
    size_bytes: int
    sha256: str
    schema: str
    columns: tuple[str, ...]
    catalogue_version: int
    extracted_at: int
    started_at: datetime
    landed_path: str
    attempts: int


def check_names(transmission: Transmission) -> None:
    """Refuse a list or a column whose name could be taken for something else. Raises FleetError."""
    try:
        UUID(transmission.id)
    except ValueError:
        raise FleetError("loading.id", "the id of the transmission is not a UUID") from None
    name = transmission.list_name
    if NAME.fullmatch(name) is None or name.startswith(RESERVED_PREFIXES):
        raise FleetError("loading.list_name", "the name of the list cannot be a table", hint="a-z, 0-9 and _")
    columns = transmission.columns
    if not 0 < len(columns) <= MOST_COLUMNS:
        raise FleetError("loading.columns", f"the list has {len(columns)} columns, not 1 to {MOST_COLUMNS}")
    if len(set(columns)) != len(columns):
        raise FleetError("loading.columns", "a column of the list stands twice")
    for column in columns:
        if NAME.fullmatch(column) is None or column in RESERVED_COLUMNS or column.startswith("_"):
            raise FleetError("loading.columns", "the name of a column cannot be used", hint="a-z, 0-9 and _")


def read_transmission(row: sa.Row[Any]) -> Transmission:
    """A row of the table of transmissions."""
    start = row.start
    return Transmission(
        id=row.id,
        site=row.site,
        agent=row.agent,
        list_name=row.list_name,
        kind=row.kind,
        base=row.base,
        rows=row.rows,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        schema=str(start.get("schema", "")),
        columns=tuple(str(column) for column in start.get("columns", ())),
        catalogue_version=int(start.get("catalogue_version", 0)),
        extracted_at=int(start.get("extracted_at", 0)),
        started_at=row.started_at,
        landed_path=row.landed_path,
        attempts=row.attempts,
    )
