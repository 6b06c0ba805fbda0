"""The connector `postgres`: whole tables, or what an overlap window shows to be new.

Invariant: a reading from the same position has the same identity, so writing it again replaces its rows. An incremental
position keeps the highest value and the hashes of the rows in the window below it, never a bare watermark: a row that
was committed late, or changed, inside the window comes; one seen before does not come again.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from afluente.core.errors import Problem, SourceError
from afluente.project.settings import SourceSettings
from afluente.sources.options import raise_problems
from afluente.sources.postgres import config as postgres_config
from afluente.sources.postgres.config import Config, IncrementalConfig
from afluente.sources.source import Discovery, Json, Landed, Parsed, Position, Reading, SourceContext

if TYPE_CHECKING:
    import asyncpg

    from afluente.sources.postgres.copy import Copied
    from afluente.sources.postgres.parse import CopyDescription

Answer = TypeVar("Answer")


class Postgres:
    """Connector of PostgreSQL tables and queries."""

    def check(self, settings: SourceSettings) -> list[Problem]:
        config = postgres_config.parse(settings)
        return config if isinstance(config, list) else []

    def open(self, settings: SourceSettings, context: SourceContext) -> PostgresSource:
        config = postgres_config.parse(settings)
        if isinstance(config, list):
            raise_problems(config)
            raise AssertionError("options with problems that are all warnings")
        if find_spec("asyncpg") is None:
            raise SourceError(
                "source.extra_missing",
                "the connector postgres needs asyncpg, which is not installed",
                hint="pip install 'afluente[postgres]'",
            )
        return PostgresSource(config, context)


class PostgresSource:
    """One table or query."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context

    def discover(self) -> Discovery:
        from afluente.sources.postgres.copy import describe

        columns = self._ask(lambda connection: describe(connection, self._config))
        names = tuple(f"{column.name} {column.type}" for column in columns)
        return Discovery(f"{self._label}: {len(names)} columns", names)

    def read(self, position: Position) -> Reading:
        return Reading(position, self._units(position))

    def parse(self, landed: Landed) -> Parsed:
        from afluente.sources.postgres.parse import parse_copy

        return parse_copy(landed, self._context.landing, self._config)

    @property
    def _label(self) -> str:
        return self._config.table or self._config.name

    def _ask(self, question: Callable[[asyncpg.Connection], Coroutine[None, None, Answer]]) -> Answer:
        """Connect and ask, on a thread of its own so that it works under a running event loop too."""
        from afluente.sources.postgres.copy import connected
        from afluente.sources.postgres.failure import translated

        async def ask() -> Answer:
            async with connected(self._config, self._context.resolve) as connection:
                return await question(connection)

        with translated(self._config), ThreadPoolExecutor(1, thread_name_prefix="postgres") as thread:
            return thread.submit(asyncio.run, ask()).result()

    def _units(self, position: Position) -> Iterator[Landed | Position]:
        digest = self._options_digest()
        known = position if position.get("options") == digest else {"options": digest}
        with TemporaryDirectory(prefix="postgres-", dir=self._context.temp_folder()) as folder:
            target = Path(folder) / "copy.csv.zst"
            if self._config.incremental is None:
                yield self._read_whole(known, target)
            else:
                yield self._read_window(known, target, self._config.incremental)

    def _copy(self, target: Path, low: str | None) -> Copied:
        from afluente.sources.postgres.copy import copy_out

        return self._ask(lambda connection: copy_out(connection, self._config, target, low=low))

    def _read_whole(self, known: Position, target: Path) -> Landed | Position:
        from afluente.sources.postgres.parse import CopyDescription

        copied = self._copy(target, None)
        described = CopyDescription(copied.columns, copied.null_text, is_incremental=False)
        content = hashlib.sha256(copied.sha256.encode() + described.to_bytes()).hexdigest()
        if known.get("content") == content:
            return known
        return self._land(target, described, self._label, {**known, "content": content})

    def _read_window(self, known: Position, target: Path, incremental: IncrementalConfig) -> Landed | Position:
        from afluente.sources.postgres.parse import CopyDescription

        low, seen, sequence = known.get("high"), known.get("window"), known.get("sequence")
        hashes = tuple(map(str, seen)) if isinstance(seen, list) else ()
        number = sequence if isinstance(sequence, int) else 0
        copied = self._copy(target, str(low) if low is not None else None)
        described = CopyDescription(copied.columns, copied.null_text, is_incremental=True, seen=hashes)
        window, new_rows = self._scan(target, described, incremental)
        after: dict[str, Json] = {**known, "high": copied.high, "window": list(window), "sequence": number}
        if not new_rows:
            return after
        return self._land(target, described, f"{self._label}/{number + 1:06d}", {**after, "sequence": number + 1})

    def _scan(self, target: Path, described: CopyDescription, incremental: IncrementalConfig) -> tuple[list[str], int]:
        """The hashes of the rows in the next window, and how many rows were not seen before."""
        from afluente.sources.postgres.parse import texts_of
        from afluente.sources.postgres.query import HASH_COLUMN, RECENT_COLUMN
        from afluente.sources.postgres.window import SeenRows

        window: list[str] = []
        new_rows = 0
        seen = SeenRows(described.seen)
        with target.open("rb") as stream:
            text = texts_of(stream, target.stat().st_size, described, self._config, f"'{self._label}'")
            for batch in text.batches():
                hashes = batch.rows.column(HASH_COLUMN)
                unseen = seen.unseen(hashes)
                new_rows += batch.rows.num_rows if unseen is None else len(unseen)
                new_rows += len(batch.rejects)
                recent = batch.rows.column(RECENT_COLUMN)
                window += [
                    h for h, is_recent in zip(hashes.to_pylist(), recent.to_pylist(), strict=True) if is_recent == "t"
                ]
                if len(window) > incremental.max_window_rows:
                    raise SourceError(
                        "source.window_too_large",
                        f"{self._label}: the overlap window holds more than {incremental.max_window_rows} rows",
                        hint="shorten incremental.overlap, or raise incremental.max_window_rows",
                    )
        return sorted(window), new_rows

    def _land(self, target: Path, described: CopyDescription, identity: str, after: Position) -> Landed:
        landing, name = self._context.landing, self._config.name
        companion = landing.put(name, f"{identity}.columns.json", io.BytesIO(described.to_bytes()))
        return Landed(identity, landing.put(name, f"{identity}.csv.zst", target), after, companion)

    def _options_digest(self) -> str:
        config = self._config
        column = config.incremental.column if config.incremental else ""
        meaning = (config.database, config.table, config.query, column)
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]
