"""The journal of facts: what the agent saw, kept until the hub confirmed it.

A file of lines, each with the CRC-32 of its text before it; appended under a lock and synced. A line is a fact or the
confirmation of all facts up to a number; when enough is confirmed the file is written anew.

Invariant: a fact whose `leave` returned is told to the hub until a heartbeat with it was answered; a line that is not
whole is passed over and never breaks the reading; beyond MOST_FACTS or MOST_BYTES the oldest give way, and that is a
fact too. A fact told twice has the same code, time and evidence, which is how the hub knows it.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from afluente_agent import durable
from afluente_agent.clock_offset import HubClock
from afluente_agent.errors import JournalError
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import MAX_FACTS_A_MESSAGE
from afluente_agent.protocol.messages import Fact

MOST_FACTS = 5_000
MOST_BYTES = 4 * 1024 * 1024
MOST_BATCH_BYTES = 96 * 1024
MOST_CODE = 80
MOST_EVIDENCE = 12
MOST_TEXT = 300
WORN_LINES = 1_000
"""A file is written anew when it has this many lines that say nothing any more."""


class Leave(Protocol):
    """How the parts of the agent leave a fact."""

    def __call__(self, code: str, /, **evidence: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in the journal. `at` is the hub's time, or the machine's own (`is_local`) before the hub told its own."""

    number: int
    code: str
    at: int
    is_local: bool
    evidence: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts to tell; `last` is what to confirm, 0 when there is nothing."""

    facts: tuple[Fact, ...]
    last: int


@dataclass(slots=True)
class _Read:
    """What a file says. `whole_bytes` is where the last whole line ends."""

    entries: list[Entry]
    last: int
    lines: int
    broken: int
    size_bytes: int
    whole_bytes: int


class Journal:
    """The facts of a folder, shared by the processes of the agent."""

    def __init__(self, folder: Path, *, clock: HubClock) -> None:
        self.path = folder / "facts.log"
        self._lock = folder / "facts.lock"
        self._clock = clock
        self._seen: _Read | None = None
        self._stamp: tuple[int, int] | None = None

    def leave(self, code: str, /, **evidence: object) -> None:
        """Keep a fact: when this returns it is on the disk. JournalError."""
        plain = {
            str(name)[:MOST_CODE]: str(value).replace("\0", "")[:MOST_TEXT]
            for name, value in list(evidence.items())[:MOST_EVIDENCE]
        }
        with self._held() as read:
            is_local = not self._clock.is_confirmed
            at = self._clock.local() if is_local else self._clock.time()
            self._add(read, Entry(read.last + 1, code[:MOST_CODE], at, is_local, plain))
            self._bound(read)

    def batch(self, *, most: int = MAX_FACTS_A_MESSAGE) -> Batch:
        """The oldest facts that are not confirmed, as many as a heartbeat takes. JournalError."""
        with self._held() as read:
            facts: list[Fact] = []
            size, last = 0, 0
            for entry in read.entries[:most]:
                size += len(_line(_entry_text(entry)))
                if facts and size > MOST_BATCH_BYTES:
                    break
                at = entry.at + self._clock.offset_seconds if entry.is_local else entry.at
                facts.append(Fact(entry.code, at, entry.evidence))
                last = entry.number
            return Batch(tuple(facts), last)

    def confirm(self, last: int) -> None:
        """The hub has every fact up to this number. JournalError."""
        if last <= 0:
            return
        with self._held() as read:
            read.entries = [entry for entry in read.entries if entry.number > last]
            self._append(read, json.dumps({"confirmed": last}, separators=(",", ":")))
            if read.lines - len(read.entries) >= WORN_LINES:
                self._write_anew(read)

    def waiting(self) -> int:
        """How many facts wait. JournalError."""
        with self._held() as read:
            return len(read.entries)

    @contextlib.contextmanager
    def _held(self) -> Iterator[_Read]:
        """The journal as it is on the disk, under its lock; what a power cut left behind is put right first."""
        try:
            with durable.locked(self._lock):
                yield self._load()
        except OSError as error:
            self._seen = None
            raise JournalError(
                "journal.unusable",
                "o diário do agente não pode ser escrito",
                f"the journal cannot be used: {error.strerror or type(error).__name__}",
                "Confira espaço em disco e permissão da pasta do agente.",
            ) from None

    def _load(self) -> _Read:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return self._keep(_Read([], 0, 0, 0, 0, 0))
        if self._seen is not None and self._stamp == (status.st_ino, status.st_size):
            return self._seen
        read = read_journal(self.path.read_bytes())
        if read.whole_bytes < read.size_bytes:
            os.truncate(self.path, read.whole_bytes)
            read.size_bytes = read.whole_bytes
        if read.broken:
            self._write_anew(read)
            entry = Entry(
                read.last + 1, fact_codes.JOURNAL_DAMAGED, self._clock.local(), True, {"lines": str(read.broken)}
            )
            read.broken = 0
            self._add(read, entry)
        return self._keep(read)

    def _bound(self, read: _Read) -> None:
        if len(read.entries) <= MOST_FACTS and read.size_bytes <= MOST_BYTES:
            return
        dropped = max(len(read.entries) // 4, 1)
        before = sum(int(e.evidence.get("facts", "0")) for e in read.entries[:dropped] if _is_of_drop(e))
        of_drop = sum(_is_of_drop(entry) for entry in read.entries[:dropped])
        read.entries = read.entries[dropped:]
        count = str(before + dropped - of_drop)
        read.entries.append(
            Entry(read.last + 1, fact_codes.JOURNAL_DROPPED, self._clock.local(), True, {"facts": count})
        )
        read.last += 1
        self._write_anew(read)

    def _add(self, read: _Read, entry: Entry) -> None:
        self._append(read, _entry_text(entry))
        read.entries.append(entry)
        read.last = entry.number

    def _append(self, read: _Read, text: str) -> None:
        line = _line(text)
        is_new = not self.path.exists()
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), durable.PRIVATE_FILE
        )
        try:
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
            os.fsync(descriptor)
        except OSError:
            self._seen = None
            raise
        finally:
            os.close(descriptor)
        if is_new:
            durable.sync_folder(self.path.parent)
        read.lines += 1
        read.size_bytes += len(line)
        self._keep(read)

    def _write_anew(self, read: _Read) -> None:
        """Only what still says something: the number reached and the facts that wait."""
        texts = [json.dumps({"confirmed": 0, "reached": read.last}, separators=(",", ":"))]
        texts += [_entry_text(entry) for entry in read.entries]
        content = b"".join(_line(text) for text in texts)
        durable.replace(self.path, content)
        read.lines, read.size_bytes, read.whole_bytes = len(texts), len(content), len(content)
        self._keep(read)

    def _keep(self, read: _Read) -> _Read:
        try:
            status = self.path.stat()
            self._stamp = (status.st_ino, status.st_size)
        except FileNotFoundError:
            self._stamp = None
        self._seen = read
        return read


def read_journal(content: bytes) -> _Read:
    """What the bytes of a journal say, whatever they are."""
    read = _Read([], 0, 0, 0, len(content), 0)
    entries: dict[int, Entry] = {}
    position = 0
    for raw in content.split(b"\n")[:-1]:
        position += len(raw) + 1
        read.lines += 1
        read.whole_bytes = position
        text = _checked(raw)
        try:
            value = json.loads(text) if text is not None else None
            if value is None:
                read.broken += 1
            elif "confirmed" in value:
                last = int(value["confirmed"])
                entries = {number: entry for number, entry in entries.items() if number > last}
                read.last = max(read.last, last, int(value.get("reached", 0)))
            else:
                evidence = {str(key): str(item) for key, item in value["e"].items()}
                entry = Entry(int(value["n"]), str(value["c"]), int(value["t"]), bool(value.get("l")), evidence)
                entries[entry.number] = entry
                read.last = max(read.last, entry.number)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            read.broken += 1
    read.entries = [entries[number] for number in sorted(entries)]
    return read


def leaver(journal: Callable[[], Journal]) -> Leave:
    """A `leave` that never fails: for those for whom a full disk must not stop the work."""

    def leave(code: str, /, **evidence: object) -> None:
        with contextlib.suppress(JournalError):
            journal().leave(code, **evidence)

    return leave


def _is_of_drop(entry: Entry) -> bool:
    return entry.code == fact_codes.JOURNAL_DROPPED and entry.evidence.get("facts", "").isdecimal()


def _entry_text(entry: Entry) -> str:
    value: dict[str, object] = {"n": entry.number, "c": entry.code, "t": entry.at, "e": dict(entry.evidence)}
    if entry.is_local:
        value["l"] = 1
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _line(text: str) -> bytes:
    content = text.encode()
    return b"%08x " % zlib.crc32(content) + content + b"\n"


def _checked(raw: bytes) -> bytes | None:
    """The text of a line whose sum is right."""
    if len(raw) < 9 or raw[8:9] != b" ":
        return None
    content = raw[9:]
    return content if raw[:8] == b"%08x" % zlib.crc32(content) else None
