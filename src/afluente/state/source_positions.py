"""How far each source was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.json_value import Json
from afluente.state.schema import SOURCE_POSITIONS
from afluente.state.upsert import upsert


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """A source's position in its own terms, and the run that reached it."""

    source: str
    position: Mapping[str, Json]
    run_id: str | None
    updated_at: datetime


def find(connection: sa.Connection, source: str) -> SourcePosition | None:
    """The position of a source; None when it was never read."""
    row = connection.execute(sa.select(SOURCE_POSITIONS).where(SOURCE_POSITIONS.c.source == source)).first()
    return None if row is None else SourcePosition(**row._mapping)  # noqa: SLF001


def save(connection: sa.Connection, position: SourcePosition) -> None:
    values = {
        "source": position.source,
        "position": dict(position.position),
        "run_id": position.run_id,
        "updated_at": position.updated_at,
    }
    upsert(connection, SOURCE_POSITIONS, [values])


def forget(connection: sa.Connection, source: str) -> None:
    """The next reading of the source starts from nothing."""
    connection.execute(sa.delete(SOURCE_POSITIONS).where(SOURCE_POSITIONS.c.source == source))
