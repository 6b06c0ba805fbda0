"""The shortest way to say that a run has nothing to do: from a stamp, without opening the lake or the engine.

Invariant: a stamp is written only after every step was asked and had nothing to do, and it is believed only while
the project, each table's newest commit, each file of the sources and the sources' positions are what they were
then. Imports the standard library, and the listing of files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.core.ids import new_id
from afluente.runs.process import this_process
from afluente.runs.steps.inputs import CODE_EPOCH
from afluente.sources.files.listing import list_files

if TYPE_CHECKING:
    from afluente.runs.plan import Plan
    from afluente.runs.steps.workspace import Workspace

STAMP_FILE = ".afluente/cache/quiet.json"
REVISION = "0006"
"""The state's schema that `record` writes; a test holds it against the one the state room keeps."""
_LAYERS = ("bronze", "silver", "gold", "quarantine", "repairs")
_BUSY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Patterns:
    """A source of files: what to list."""

    paths: tuple[str, ...]
    root: str
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was so when nothing was to be done. `root` is the project's folder: a copy of it is another project."""

    root: str
    fingerprint: str
    asked: tuple[str, ...]
    pipeline: str
    plan: str
    steps: tuple[tuple[str, str], ...]
    state: str
    lake: str
    patterns: tuple[_Patterns, ...]
    seen: str


@dataclass(frozen=True, slots=True)
class QuietRun:
    """A run that was written down and did nothing."""

    run_id: str
    at: datetime
    steps: tuple[tuple[str, str], ...]


def make_stamp(workspace: Workspace, plan: Plan, *, fingerprint: str, asked: Sequence[str]) -> Stamp | None:
    """The stamp of this moment; None where a stamp cannot tell (an object store, a server, PostgreSQL)."""
    project = workspace.project
    if not fingerprint or not workspace.lake.location.is_local or not isinstance(project.state, str):
        return None
    patterns = []
    for source in project.sources:
        if source.connector == "files":
            from afluente.sources.files.config import Config, parse

            config = parse(source)
            if not isinstance(config, Config):
                return None
            patterns.append(_Patterns(config.paths, str(project.root), config.is_optional))
        elif source.connector != "simulator":
            return None
    if not project.state.startswith("sqlite:///"):
        return None
    state = str(project.root / project.state.removeprefix("sqlite:///"))
    stamp = Stamp(
        str(project.root),
        fingerprint,
        tuple(asked),
        project.name,
        plan.to_json(),
        tuple((step.name, step.kind) for step in plan),
        state,
        workspace.lake.location.root,
        tuple(patterns),
        "",
    )
    seen = _look(stamp)
    return None if seen is None else replace(stamp, seen=seen)


def save_stamp(root: Path, stamp: Stamp) -> None:
    """Keep it; a stamp that cannot be written is as good as none."""
    path = root / STAMP_FILE
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix="quiet-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"code": CODE_EPOCH, **asdict(stamp)}, file)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def quiet_run(root: Path, *, fingerprint: str, asked: Sequence[str]) -> QuietRun | None:
    """Write down a run that does nothing, when that is certain; None when the steps have to be asked."""
    stamp = _read_stamp(root)
    if stamp is None or not fingerprint or stamp.root != str(root):
        return None
    if (stamp.fingerprint, stamp.asked) != (fingerprint, tuple(asked)):
        return None
    if _look(stamp) != stamp.seen:
        return None
    try:
        return _record(stamp)
    except sqlite3.Error:
        return None


def _read_stamp(root: Path) -> Stamp | None:
    try:
        fields = json.loads((root / STAMP_FILE).read_bytes())
        if fields.pop("code") != CODE_EPOCH:
            return None
        fields["patterns"] = tuple(
            _Patterns(tuple(p["paths"]), p["root"], bool(p["is_optional"])) for p in fields["patterns"]
        )
        fields["steps"] = tuple((name, kind) for name, kind in fields["steps"])
        fields["asked"] = tuple(fields["asked"])
        return Stamp(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _look(stamp: Stamp) -> str | None:
    """A digest of the tables' newest commits, the sources' files and their positions; None when it cannot be told."""
    digest = hashlib.sha256()
    try:
        for layer in _LAYERS:
            for folder in _folders(Path(stamp.lake) / layer):
                digest.update(f"\0{layer}/{folder.name}\0{_newest_commit(folder)}".encode())
        for patterns in stamp.patterns:
            for file in list_files(patterns.paths, Path(patterns.root), is_optional=patterns.is_optional):
                digest.update(
                    f"\0{file.identity}\0{file.size_bytes}\0{file.mtime_ns}".encode("utf-8", "surrogateescape")
                )
        with closing(_open(stamp.state)) as connection:
            rows = connection.execute("SELECT source, position, updated_at FROM source_positions ORDER BY source")
            digest.update(repr(rows.fetchall()).encode())
    except (OSError, sqlite3.Error, AfluenteError):
        return None
    return digest.hexdigest()


def _folders(layer: Path) -> list[Path]:
    try:
        return sorted(Path(entry) for entry in os.scandir(layer) if entry.is_dir())
    except FileNotFoundError:
        return []


def _newest_commit(folder: Path) -> str:
    """The name, size and time of a log's newest commit file; empty where there is no log."""
    try:
        newest = max((e for e in os.scandir(folder / "_delta_log") if e.name.endswith(".json")), key=lambda e: e.name)
    except (FileNotFoundError, ValueError):
        return ""
    status = newest.stat()
    return f"{newest.name}-{status.st_size}-{status.st_mtime_ns}"


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _record(stamp: Stamp) -> QuietRun | None:
    """One transaction: nobody holds the pipeline and no run waits to be gone on with, then the run's rows."""
    with closing(_open(stamp.state)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _is_busy(connection, stamp.pipeline):
                connection.execute("ROLLBACK")
                return None
            done = _insert(connection, stamp)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return done


def _is_busy(connection: sqlite3.Connection, pipeline: str) -> bool:
    revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if revision != (REVISION,):
        return True
    held = connection.execute("SELECT 1 FROM run_locks WHERE pipeline = ?", (pipeline,)).fetchone()
    waiting = connection.execute(
        "SELECT 1 FROM runs WHERE pipeline = ? AND status IN ('running', 'interrupted')", (pipeline,)
    ).fetchone()
    return held is not None or waiting is not None


def _insert(connection: sqlite3.Connection, stamp: Stamp) -> QuietRun:
    now = datetime.now(UTC)
    at = now.strftime("%Y-%m-%d %H:%M:%S.%f")
    run_id = new_id(now)
    me = this_process()
    _add(
        connection,
        "runs",
        {
            "id": run_id,
            "pipeline": stamp.pipeline,
            "trigger": "manual",
            "status": "done",
            "started_at": at,
            "ended_at": at,
            "engine": "",
            "engine_version": "",
            "asked_tables": json.dumps(list(stamp.asked)),
            "plan": stamp.plan,
            "executor_id": new_id(now),
            "pid": me.pid,
            "host": me.host,
            "heartbeat_at": at,
            "takeovers": 0,
            "takeovers_without_progress": 0,
        },
    )
    for position, (name, kind) in enumerate(stamp.steps):
        step: dict[str, str | int] = {"run_id": run_id, "name": name, "position": position, "kind": kind}
        _add(connection, "steps", step | {"status": "unchanged", "attempt": 0, "ended_at": at})
    started = json.dumps({"trigger": "manual", "schedule": None, "steps": len(stamp.steps)})
    for kind, key, payload in (("run.started", "started", started), ("run.done", "end", "{}")):
        event = {"at": at, "kind": kind, "subject": run_id, "run_id": run_id}
        _add(connection, "events", event | {"payload": payload, "key": f"{run_id}/{key}"})
    return QuietRun(run_id, now, stamp.steps)


def _add(connection: sqlite3.Connection, table: str, values: Mapping[str, str | int]) -> None:
    marks = ", ".join("?" for _ in values)
    connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
