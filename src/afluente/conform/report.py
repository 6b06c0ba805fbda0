"""What conforming a table found, in numbers and samples; nothing here holds a value of a restricted column."""

from __future__ import annotations

from dataclasses import dataclass, field

from afluente.conform.finding import Effect


@dataclass(frozen=True, slots=True)
class Sample:
    """One row a repair touched. `before` and `after` are None where the column is restricted."""

    source: str
    source_row: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """Of how many rows one finding is true."""

    rule: str
    column: str
    effect: Effect
    rows: int
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows left out because another row stands for them: equal in every column, or in conflict with the kept one."""

    exact: int = 0
    conflicting: int = 0
    stale: int = 0
    samples: tuple[tuple[str, int, str, int], ...] = ()

    @property
    def rows(self) -> int:
        return self.exact + self.conflicting + self.stale


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of conforming: every row that came is accepted, quarantined, dropped, a duplicate or superseded.

    `superseded` rows came in a delivery whose partition came again.
    """

    rows_in: int
    accepted: int
    quarantined: int
    dropped: int
    duplicates: Duplicates = field(default_factory=Duplicates)
    counts: tuple[Count, ...] = ()
    superseded: int = 0

    def repaired(self) -> int:
        """How many repairs were made (one row may have several)."""
        return sum(count.rows for count in self.counts if count.effect == "repair")
