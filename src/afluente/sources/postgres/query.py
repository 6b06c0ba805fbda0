"""The SQL sent to the server. Everything runs in one read-only snapshot, with its time zone set to UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from afluente.core.errors import SourceError
from afluente.sources.postgres.config import Config, IncrementalConfig

HASH_COLUMN = "_afluente_hash"
RECENT_COLUMN = "_afluente_recent"
_TIME_NOW = {
    "date": "CURRENT_DATE",
    "timestamp without time zone": "LOCALTIMESTAMP",
    "timestamp with time zone": "CURRENT_TIMESTAMP",
}
_NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")


def identifier(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def base_query(config: Config) -> str:
    """What is read, as a derived table named q."""
    if config.table:
        name = ".".join(identifier(part) for part in config.table.split("."))
        return f"(SELECT * FROM {name}) AS q"
    return f"(\n{config.query}\n) AS q"


@dataclass(frozen=True, slots=True)
class Window:
    """The SQL of an incremental reading, for a column of this type."""

    incremental: IncrementalConfig
    type: str

    @property
    def _bare_type(self) -> str:
        return re.sub(r"\(.*?\)", "", self.type)

    @property
    def _kind(self) -> Literal["time", "number"]:
        kind = self._bare_type
        has_unit = " " in self.incremental.overlap
        if kind in _TIME_NOW and has_unit:
            return "time"
        if kind in _NUMBERS and not has_unit:
            return "number"
        raise SourceError(
            "source.overlap_unfit",
            f"column '{self.incremental.column}' is {self.type}: overlap {self.incremental.overlap!r} does not fit",
            hint="a time column needs an overlap such as '2 days', a numeric one such as '1000'; others do not serve",
        )

    @property
    def _column(self) -> str:
        return f"q.{identifier(self.incremental.column)}"

    def high(self, base: str) -> str:
        """The highest value that is not in the future: one row dated 3000 must not end the reading for ever."""
        until = f" WHERE {self._column} <= {_TIME_NOW[self._bare_type]}" if self._kind == "time" else ""
        return f"SELECT max({self._column})::text FROM {base}{until}"

    def since(self, high: str | None) -> str:
        """Whether a row is inside the window below `high`. Rows without a value always are."""
        if high is None:
            return "true"
        span = literal(self.incremental.overlap)
        less = f"{span}::interval" if self._kind == "time" else f"{span}::numeric"
        return f"({self._column} IS NULL OR {self._column} >= {literal(high)}::{self.type} - {less})"

    def rows(self, base: str, *, low: str | None, high: str | None) -> str:
        """The rows inside the window below `low`, each with its hash and whether the window below `high` holds it."""
        return (
            f"SELECT q.*, left(md5(q::text), 16) AS {HASH_COLUMN}, {self.since(high)} AS {RECENT_COLUMN}"
            f" FROM {base} WHERE {self.since(low)}"
        )
