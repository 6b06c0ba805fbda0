"""The files each source has taken in, known by content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.schema import SOURCE_FILES
from afluente.state.upsert import upsert


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was last taken in. `path` is the source's name for it, `landed_path` where its copy stands."""

    source: str
    path: str
    sha256: str
    size_bytes: int
    landed_path: str
    run_id: str | None
    updated_at: datetime


def of_source(connection: sa.Connection, source: str) -> list[SourceFile]:
    query = sa.select(SOURCE_FILES).where(SOURCE_FILES.c.source == source).order_by(SOURCE_FILES.c.path)
    return [SourceFile(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def save(connection: sa.Connection, taken: Sequence[SourceFile]) -> None:
    """Write down files taken in; a path known before takes the new content."""
    upsert(connection, SOURCE_FILES, [asdict(file) for file in taken])


def forget(connection: sa.Connection, source: str) -> None:
    """The next reading of the source takes every file again."""
    connection.execute(sa.delete(SOURCE_FILES).where(SOURCE_FILES.c.source == source))
