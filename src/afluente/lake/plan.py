"""What is to be committed: a plan, pinned to the version it was made from.

Invariant: a plan says everything a commit does; carrying it out decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from afluente.core.tables import DataFile, TableName

Mode = Literal["create", "replace", "append", "upsert", "replace_partitions", "replace_rows", "delete", "optimize"]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, planned. `base_version` is the version it was planned from; None says the table must not exist.

    `removed` are physical relative paths of the base version that go (nothing is listed for `replace`: all go).
    `schema` is the whole table's, partition columns included. `app_version` is one more than the snapshot's
    `transaction_version(app_id)` when the step was planned. `partitions` are those that `replace_partitions`
    may touch.

    `also` are further transactions that the same commit makes, app id to version, for a commit that holds the work of
    many; `seen` are the versions of all of them when it was planned. It is a repeat when all stand, and a conflict when
    one of them has moved: rows that another commit brought would come twice.
    """

    table: TableName
    mode: Mode
    files: tuple[DataFile, ...]
    schema: pa.Schema
    app_id: str
    app_version: int
    base_version: int | None
    partition_by: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    partitions: tuple[Mapping[str, str | None], ...] = ()
    input_signature: str = ""
    run_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)

    @property
    def transactions(self) -> Mapping[str, int]:
        """Every transaction of the commit: app id to version."""
        return {**self.also, self.app_id: self.app_version}

    @property
    def is_blind_append(self) -> bool:
        """Whether nothing of the base version was read to plan it, so that it may move to a newer version."""
        return self.mode == "append" and not self.removed and self.base_version is not None

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a plan ended: the table's version that holds it, and whether an earlier attempt had put it there."""

    table: TableName
    version: int
    is_repeat: bool
    rows: int
    size_bytes: int
    files: int
