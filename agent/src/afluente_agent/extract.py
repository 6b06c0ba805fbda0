"""One list read from PEC into a sink: COPY's text, hashed, packed, and only what changed when a base is known.

Rows pass by in the blocks in which PostgreSQL sends them; of a value nothing is read but where it begins and ends.

Invariant: whatever fails, the sink is aborted and no map of the rows is left; what was returned is whole, within the
limits of rows, bytes and time, and its map is on the disk. Committing the sink is the caller's, after this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from afluente_agent import guard
from afluente_agent.catalogue import ListQuery
from afluente_agent.delta import DeltaStore
from afluente_agent.errors import AgentError, CatalogueError
from afluente_agent.extraction_failure import disk, failed, too_much, translated
from afluente_agent.list_format import (
    MAX_LINE_BYTES,
    Form,
    Packer,
    deletion,
    digests,
    schema_hash,
)
from afluente_agent.protocol.messages import Kind
from afluente_agent.pseudonym import Pseudonyms
from afluente_agent.row_map import DAY_BYTES, RECORD, MapFacts, RowMap, RowMapWriter, SameKeyError
from afluente_agent.undeclared_encoding import ANY_BYTE, SQL_ASCII, as_utf8

if TYPE_CHECKING:
    import asyncpg

_DELETIONS_AT_ONCE = 1000
_GATHERED_BYTES = 96 * 1024
"""What is worked on at once: less than a socket holds, so that PostgreSQL goes on meanwhile."""
_NO_DAY = bytes(DAY_BYTES)
_KEPT_BYTES = 1024 * 1024
_SENTINEL_YEAR = 3000
_SECONDS_A_DAY = 86_400


class Sink(Protocol):
    """Where the packed stream goes: the spool. Nothing counts until `commit`."""

    def write(self, packed: bytes) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was read, for `TransmissionStart`. `rows` are the lines sent, `read_rows` those of the query."""

    list_name: str
    transmission: str
    kind: Kind
    base: str
    rows: int
    read_rows: int
    unpacked_bytes: int
    size_bytes: int
    sha256: str
    schema: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How one list is read. `waiting` are the transmissions in the spool; `now` gives the hub's seconds since 1970."""

    transmission: str
    store: DeltaStore
    waiting: Collection[str]
    now: Callable[[], float] = time.time
    pseudonyms: Pseudonyms | None = None
    is_full: bool = False


@dataclass(slots=True)
class _Rows:
    """The rows of one list as they pass by: from COPY's blocks to packed lines."""

    query: ListQuery
    base: RowMap | None
    writer: RowMapWriter
    sink: Sink
    pseudonyms: Pseudonyms | None
    today: int
    form: Form
    packer: Packer
    read_rows: int = 0
    read_bytes: int = 0
    sent_rows: int = 0
    newest_day: int = 0
    is_of_any_encoding: bool = False
    _held: list[bytes] = field(default_factory=list)
    _held_bytes: int = 0
    _days: dict[bytes, bytes] = field(default_factory=dict)

    def take(self, block: bytes) -> None:
        """A block of COPY's text. Raises what the sink raises, and ExtractionError beyond a limit."""
        self.read_bytes += len(block)
        if self.read_bytes > self.query.most_bytes:
            raise too_much(self.query, "bytes")
        self._held.append(block)
        self._held_bytes += len(block)
        if self._held_bytes >= _GATHERED_BYTES:
            self._take_held()

    def _take_held(self) -> None:
        """What was gathered: PostgreSQL sends eight kilobytes at a time to a reader that is quicker."""
        text = b"".join(self._held)
        if self.is_of_any_encoding:
            whole, end, rest = text.rpartition(b"\n")
            text = as_utf8(whole) + end + rest
        lines = text.split(b"\n")
        rest = lines.pop()
        self._held, self._held_bytes = [rest], len(rest)
        if len(text) > MAX_LINE_BYTES and max(len(rest), *map(len, lines)) > MAX_LINE_BYTES:
            raise too_much(self.query, "a row")
        self.read_rows += len(lines)
        if self.read_rows > self.query.most_rows:
            raise too_much(self.query, "rows")
        if lines:
            self._pass_on(text[: len(text) - len(rest)], lines)

    def _pass_on(self, text: bytes, lines: list[bytes]) -> None:
        """All rows of a block in passes, each in C alone: four times as quick as a row at a time."""
        is_disguised = any(column.pseudonym for column in self.query.columns)
        if is_disguised:
            lines = self._disguised(lines)
        keys = self.form.keys_of(lines)
        records = list(map(RECORD.pack, digests(keys), digests(lines), self._days_of(lines)))
        self.writer.add(records)
        if self.base is not None:
            known = self.base.has
            lines = [line for line, record in zip(lines, records, strict=True) if not known(record)]
        self.sent_rows += len(lines)
        is_as_read = self.form.is_full and not is_disguised
        self._send(text if is_as_read else self.form.text_of(lines))

    def _days_of(self, lines: list[bytes]) -> Iterable[bytes]:
        """The ordinal of the window's day of each row, in three bytes; zeros where there is no day."""
        if self.query.window is None:
            return repeat(_NO_DAY)
        place = [column.name for column in self.query.columns].index(self.query.window.column)
        return [self._day(line.split(b"\t", place + 1)[place]) for line in lines]

    def _day(self, text: bytes) -> bytes:
        known = self._days.get(text)
        if known is None:
            ordinal = ordinal_of(text)
            if self.newest_day < ordinal <= self.today:
                self.newest_day = ordinal
            known = self._days[text] = ordinal.to_bytes(DAY_BYTES, "big")
        return known

    def _disguised(self, lines: list[bytes]) -> list[bytes]:
        places = [(i, column.identity) for i, column in enumerate(self.query.columns) if column.pseudonym]
        if self.pseudonyms is None:
            raise AssertionError("a list with pseudonyms is not read without their key")
        of = self.pseudonyms.of
        disguised = []
        for line in lines:
            fields = line.split(b"\t")
            for place, identity in places:
                fields[place] = of(identity, fields[place])
            disguised.append(b"\t".join(fields))
        return disguised

    def _send(self, lines: bytes) -> None:
        if lines and (packed := self.packer.pack(lines)):
            self.sink.write(packed)

    def end(self) -> None:
        """All blocks were taken. Raises what `take` raises, and ExtractionError when the last row is not whole."""
        self._take_held()
        if self._held_bytes:
            raise failed(self.query, "cut short")

    def finish(self, path: Path, *, kept_before_day: int, facts: MapFacts) -> None:
        gone: list[bytes] = []
        for key in self.writer.finish(path, before=self.base, kept_before_day=kept_before_day, facts=facts):
            gone.append(deletion(key))
            if len(gone) == _DELETIONS_AT_ONCE:
                self._send_deletions(gone)
                gone = []
        self._send_deletions(gone)
        self.sink.write(self.packer.finish())

    def _send_deletions(self, lines: list[bytes]) -> None:
        self.sent_rows += len(lines)
        self._send(b"".join(lines))


async def extract(connection: asyncpg.Connection, query: ListQuery, sink: Sink, reading: Reading) -> Extracted:
    """Read one list into the sink, which the caller commits. AgentError of what failed, with the sink aborted.

    After a failure the connection may be in the middle of COPY and is of no more use.
    """
    if any(column.pseudonym for column in query.columns) and reading.pseudonyms is None:
        sink.abort()
        raise CatalogueError(
            "pseudonym.no_key",
            f"a lista {query.name} sai com pseudônimos e o projeto não tem chave",
            f"list {query.name} leaves with pseudonyms and the configuration has no key",
            "Nada foi lido do PEC. Avise a equipe da central.",
        )
    try:
        writer = reading.store.writer(query.name)
        sequence, path = reading.store.next_pending(query.name, reading.transmission)
    except OSError as error:
        sink.abort()
        raise disk(error) from None
    try:
        with reading.store.base(query.name, waiting=reading.waiting) as base:
            return await _extract(connection, query, sink, reading, writer, base, sequence, path)
    except BaseException as error:
        path.unlink(missing_ok=True)
        sink.abort()
        if isinstance(error, OSError):
            raise disk(error) from None
        raise
    finally:
        writer.close()


async def _extract(
    connection: asyncpg.Connection,
    query: ListQuery,
    sink: Sink,
    reading: Reading,
    writer: RowMapWriter,
    newest: RowMap | None,
    sequence: int,
    path: Path,
) -> Extracted:
    started_at = int(reading.now())
    schema = _schema(query)
    base = None if reading.is_full or newest is None or newest.facts.schema != schema else newest
    if base is not None and _is_full_due(query, base, started_at):
        base = None
    since = _window_start(query, base)
    today = date(1970, 1, 1).toordinal() + started_at // _SECONDS_A_DAY
    names = [column.name for column in query.columns]
    form = Form(base is None, tuple(names.index(name) for name in query.key))
    rows = _Rows(query, base, writer, sink, reading.pseudonyms, today, form, Packer(form))
    await _copy(connection, query, rows, since=since)
    rows.end()
    facts = MapFacts(
        transmission=reading.transmission,
        sequence=sequence,
        schema=schema,
        rows=0,
        newest_day=max(rows.newest_day, base.facts.newest_day if base else 0),
        full_at=base.facts.full_at if base else started_at,
    )
    try:
        rows.finish(path, kept_before_day=since.toordinal() if since else 0, facts=facts)
    except SameKeyError:
        raise failed(query, "two rows have the same key") from None
    return Extracted(
        list_name=query.name,
        transmission=reading.transmission,
        kind="full" if base is None else "delta",
        base=base.facts.transmission if base else "",
        rows=rows.sent_rows,
        read_rows=rows.read_rows,
        unpacked_bytes=rows.packer.unpacked_bytes,
        size_bytes=rows.packer.size_bytes,
        sha256=rows.packer.sha256,
        schema=schema,
        columns=tuple(names),
    )


async def _copy(connection: asyncpg.Connection, query: ListQuery, rows: _Rows, *, since: date | None) -> None:
    import asyncpg

    _keep_buffers()
    started = time.monotonic()
    failures: list[AgentError | OSError] = []

    async def take(block: bytes) -> None:
        """A sink that raises at the last block makes asyncpg wait for ever, so a failure ends the session instead."""
        if failures:
            return
        try:
            rows.take(block)
        except (AgentError, OSError) as error:
            failures.append(error)
            connection.terminate()

    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {query.most_seconds * 1000:d}")
            checked = await guard.checked(connection, query, since=int(since.strftime("%Y%m%d")) if since else 0)
            if await connection.fetchval("SHOW server_encoding") == SQL_ASCII:
                await connection.execute(f"SET LOCAL client_encoding = '{ANY_BYTE}'")
                rows.is_of_any_encoding = True
            await connection.copy_from_query(checked.copy_text, output=take, format="text")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        if not failures:
            raise translated(query, error, seconds=time.monotonic() - started) from None
    if failures:
        raise failures[0]


def _keep_buffers() -> None:
    """Of a block this large that was given back once glibc learns to keep the smaller ones.

    Each read of a socket takes a quarter of a megabyte, which the system would have to clear anew.
    """
    bytes(_KEPT_BYTES)


def ordinal_of(text: bytes) -> int:
    """The ordinal of a day written yyyymmdd; 0 for NULL, for what is no day, and for PEC's year 3000."""
    if len(text) != 8 or not text.isdigit():
        return 0
    number = int(text)
    try:
        day = date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return 0
    return day.toordinal() if day.year < _SENTINEL_YEAR else 0


def _schema(query: ListQuery) -> str:
    key = "\t".join(query.key)
    window = query.window.column if query.window else ""
    return schema_hash(
        [*((column.name, f"{column.type} {column.pseudonym}") for column in query.columns), (key, window)]
    )


def _is_full_due(query: ListQuery, base: RowMap, at: int) -> bool:
    if query.window is None:
        return False
    return at - base.facts.full_at >= query.window.full_every_days * _SECONDS_A_DAY


def _window_start(query: ListQuery, base: RowMap | None) -> date | None:
    if query.window is None or base is None or base.facts.newest_day <= query.window.overlap_days:
        return None
    return date.fromordinal(base.facts.newest_day) - timedelta(days=query.window.overlap_days)
