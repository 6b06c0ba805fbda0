"""The person in the state database and in the project's own files: samples, messages, logs, spill.

Invariant: the audit log is never changed; a file is changed only where a token of the person stood.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.state.schema import JSON_TYPE, METADATA, REPAIRS

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.database import Database

MASK = "[apagado]"
_TEXT_SUFFIXES = (".log", ".txt", ".json", ".jsonl", ".md", ".html")
_OWN_DATABASES = (".db", ".db-wal", ".db-shm")


def erase_in_state(database: Database, pattern: re.Pattern[str], *, is_dry_run: bool) -> dict[str, int]:
    """Rows of the state that held the person, by table. Samples of repairs go; other texts are masked."""
    counts: dict[str, int] = {}
    for table in METADATA.sorted_tables:
        if table.name == "audit_log":
            continue
        rows = _rows_with(database, table, pattern)
        if rows:
            counts[table.name] = len(rows)
        if rows and not is_dry_run:
            _mask(database, table, rows, pattern)
    if counts and not is_dry_run and database.is_sqlite:
        _compact(Path(str(database.engine.url.database)))
    return counts


def _rows_with(database: Database, table: sa.Table, pattern: re.Pattern[str]) -> list[dict[str, object]]:
    with database.read() as connection:
        return [
            dict(row)
            for row in connection.execute(sa.select(table)).mappings()
            if any(_holds(value, pattern) for value in row.values())
        ]


def _mask(database: Database, table: sa.Table, rows: list[dict[str, object]], pattern: re.Pattern[str]) -> None:
    keys = [column.name for column in table.primary_key.columns]
    with database.write() as connection:
        for row in rows:
            changed: dict[str, object] = {}
            for column in table.columns:
                value = row[column.name]
                if not _holds(value, pattern) or column.name in keys:
                    continue
                is_samples = table is REPAIRS and isinstance(column.type, type(JSON_TYPE)) and isinstance(value, list)
                changed[column.name] = (
                    [pair for pair in value if not _holds(pair, pattern)]
                    if is_samples and isinstance(value, list)
                    else _masked(value, pattern)
                )
            if changed:
                where = sa.and_(*(table.c[key] == row[key] for key in keys))
                connection.execute(sa.update(table).where(where).values(**changed))


def _holds(value: object, pattern: re.Pattern[str]) -> bool:
    match value:
        case str():
            return pattern.search(value) is not None
        case dict():
            return any(_holds(inner, pattern) for pair in value.items() for inner in pair)
        case list() | tuple():
            return any(_holds(inner, pattern) for inner in value)
    return False


def _masked(value: object, pattern: re.Pattern[str]) -> object:
    match value:
        case str():
            return pattern.sub(MASK, value)
        case dict():
            return {str(_masked(name, pattern)): _masked(inner, pattern) for name, inner in value.items()}
        case list() | tuple():
            return [_masked(inner, pattern) for inner in value]
    return value


def _compact(path: Path) -> None:
    """Write the database file again, so that its free pages and its write-ahead log hold nothing of what went."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def erase_in_files(workspace: Workspace, pattern: re.Pattern[str], *, is_dry_run: bool) -> dict[str, int]:
    """Files of the project's own folder that held the person: spill is removed, texts are masked. Counts by kind."""
    counts: dict[str, int] = {}
    spill = workspace.folder / "spill"
    if spilled := sum(path.is_file() and path.suffix != ".lock" for path in spill.rglob("*")):
        counts["spill"] = spilled
        if not is_dry_run:
            shutil.rmtree(spill, ignore_errors=True)
    if not is_dry_run:
        workspace.discard_stages()
    for path in _texts(workspace.folder):
        before = path.read_text(encoding="utf-8", errors="surrogateescape")
        if pattern.search(before):
            counts["texts"] = counts.get("texts", 0) + 1
            if not is_dry_run:
                path.write_text(pattern.sub(MASK, before), encoding="utf-8", errors="surrogateescape")
    return {kind: count for kind, count in counts.items() if count}


def _texts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _TEXT_SUFFIXES and not path.name.endswith(_OWN_DATABASES):
            yield path
