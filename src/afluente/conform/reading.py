"""What a semantic type gives the compiler: how a raw text becomes a value, in SQL.

Invariant: `value` is null exactly where the raw text cannot be read as the type, and never raises. A type writes
the common form of its text first and falls back to a thorough reading only where that gives null, so that the
thorough form costs nothing on clean data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from afluente.conform.dialect import Dialect, Kind
from afluente.core.language import Message
from afluente.project.contract import Column


@dataclass(frozen=True, slots=True)
class Check:
    """A further demand on a value that could be read. `fails` is SQL, true where the value breaks the rule."""

    rule: str
    fails: str
    message: Message
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Repair:
    """A certain correction. `applied` is SQL, true where the value was corrected."""

    rule: str
    applied: str


@dataclass(frozen=True, slots=True)
class Join:
    """A reference table the value is looked up in: LEFT JOIN `table` AS `alias` ON `condition`."""

    table: str
    alias: str
    condition: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How one column is read. Each stage maps names to SQL over the raw text and the earlier stages."""

    value: str
    kind: Kind | tuple[int, int]
    message: Message
    stages: tuple[Mapping[str, str], ...] = ()
    repairs: tuple[Repair, ...] = ()
    checks: tuple[Check, ...] = ()
    joins: tuple[Join, ...] = ()
    reasons: tuple[tuple[str, Message], ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cell:
    """One column being compiled: its contract, the raw text, and names for its intermediate values."""

    column: Column
    index: int
    dialect: Dialect
    raw: str
    timezone: str

    def mid(self, name: str) -> str:
        """The quoted name of an intermediate value of this column."""
        return self.dialect.identifier(internal(str(self.index), name))

    def other(self, column: str) -> str:
        """The conformed value of another column, as checks and joins see it."""
        return self.dialect.identifier(internal("value", column))


def internal(*parts: str) -> str:
    """The name of a column of our own: two spaces together stand in no name of a contract."""
    return "  ".join(parts)


class SemanticType(Protocol):
    """Reads one kind of text; added by an entry point in the group `afluente.types`."""

    def __call__(self, cell: Cell) -> Reading: ...


def where_unread(raw: str, fast: str, thorough: str) -> str:
    """The thorough expression where the fast one is null and there is a text at all; null elsewhere."""
    return f"CASE WHEN {fast} IS NULL AND {raw} IS NOT NULL THEN {thorough} END"


def first_readable(raw: str, fast: str, thorough: str) -> str:
    """The fast reading, or where it is null and there is a text at all, the thorough one."""
    return f"CASE WHEN {fast} IS NOT NULL THEN {fast} WHEN {raw} IS NOT NULL THEN {thorough} END"
