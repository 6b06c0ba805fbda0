"""Reading a table's log: the JSON file of each commit.

Invariant: nothing here writes. A commit whose file was cleaned away reads as None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from afluente.core.errors import LakeError
from afluente.lake.failure import translated
from afluente.lake.store import Store

INPUT_KEY = "afluente.input"
RUN_KEY = "afluente.run"
MODE_KEY = "afluente.mode"
INPUT_WITHIN = 200
"""An input is looked for in so many commits."""
TRANSACTION_WITHIN = 100
"""A transaction is looked for in so many commits."""


@dataclass(frozen=True, slots=True)
class FileAction:
    """A file that a commit added or removed. `path` is physical and relative."""

    path: str
    is_data_change: bool
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What one commit did. `info` is its commitInfo as text values; `transactions` maps app ids to versions."""

    version: int
    committed_at: datetime
    info: Mapping[str, str]
    added: tuple[FileAction, ...]
    removed: tuple[FileAction, ...]
    transactions: Mapping[str, int]
    has_metadata: bool


class Log:
    """The log of one table."""

    def __init__(self, store: Store, address: str) -> None:
        self._store = store
        self._address = address

    def entry(self, version: int) -> LogEntry | None:
        """One commit, or None when its file is gone."""
        with translated(f"reading version {version} of the log"):
            content = self._store.read_bytes(f"{self._address}/_delta_log/{version:020d}.json")
        return None if content is None else _parse(version, content)

    def latest_input(self, version: int) -> str:
        """The last `afluente.input` at or before a version; empty when none is found in so many commits."""
        for number in range(version, max(-1, version - INPUT_WITHIN), -1):
            entry = self.entry(number)
            if entry is None:
                return ""
            if found := entry.info.get(INPUT_KEY):
                return found
        return ""

    def version_of(self, app_id: str, app_version: int, *, newest: int) -> int | None:
        """The table version that a transaction made, looking back from `newest`."""
        for number in range(newest, max(-1, newest - TRANSACTION_WITHIN), -1):
            entry = self.entry(number)
            if entry is None:
                return None
            if entry.transactions.get(app_id) == app_version:
                return number
        return None


def _parse(version: int, content: bytes) -> LogEntry:
    info: dict[str, str] = {}
    added: list[FileAction] = []
    removed: list[FileAction] = []
    transactions: dict[str, int] = {}
    moment = 0
    has_metadata = False
    try:
        for line in content.splitlines():
            if not line.strip():
                continue
            action = json.loads(line)
            if "commitInfo" in action:
                moment = int(action["commitInfo"].get("timestamp") or 0)
                info = {key: _text(value) for key, value in action["commitInfo"].items()}
            elif "add" in action:
                add = action["add"]
                rows = json.loads(add.get("stats") or "{}").get("numRecords")
                added.append(FileAction(unquote(add["path"]), bool(add["dataChange"]), rows))
            elif "remove" in action:
                removed.append(FileAction(unquote(action["remove"]["path"]), bool(action["remove"]["dataChange"])))
            elif "txn" in action:
                transactions[action["txn"]["appId"]] = int(action["txn"]["version"])
            has_metadata = has_metadata or "metaData" in action
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakeError(
            "lake.log_corrupted",
            f"version {version} of a table's log cannot be read",
            hint="restore the table's folder from a copy, or remove it and run with --full-refresh",
        ) from error
    return LogEntry(
        version,
        datetime.fromtimestamp(moment / 1000, UTC),
        info,
        tuple(added),
        tuple(removed),
        transactions,
        has_metadata,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
