"""The spool folder: transmissions that wait, in the order of their commits, and those set aside.

    spool/waiting/<id>/000000.segment ... manifest
    spool/quarantine/<id>-<number>/...

Invariant: a committed transmission leaves only when the hub has it, when a later full one supersedes it and room is
needed, or when it is broken - and then it is set aside and told; what is broken never raises while listing.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import durable
from afluente_agent.errors import JournalError, SpoolError
from afluente_agent.protocol import fact_codes, messages
from afluente_agent.spool import manifest as manifests
from afluente_agent.spool import segment, trouble
from afluente_agent.spool.bounds import SpoolLimits, Wanted, free_on_disk, make_room
from afluente_agent.spool.crypt import load_key
from afluente_agent.spool.manifest import Manifest
from afluente_agent.spool.sink import SpoolSink, new_transmission_id

if TYPE_CHECKING:
    from afluente_agent.facts import Leave

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Spool:
    """`now` is the hub's time in seconds as the agent reckons it; `leave` keeps facts. SpoolError."""

    def __init__(
        self,
        folder: Path,
        identity_folder: Path,
        *,
        leave: Leave,
        now: Callable[[], float],
        limits: SpoolLimits | None = None,
        free_bytes: Callable[[Path], int] = free_on_disk,
    ) -> None:
        self.limits = limits or SpoolLimits()
        self.waiting_folder = folder / "waiting"
        self.quarantine_folder = folder / "quarantine"
        self._leave = leave
        self._now = now
        self._free_bytes = free_bytes
        self._open: dict[str, int] = {}
        try:
            for place in (folder, self.waiting_folder, self.quarantine_folder):
                durable.make_folder(place)
        except OSError as error:
            raise trouble.failed(error) from error
        self.key, is_lost = load_key(identity_folder)
        if is_lost:
            self.tell(fact_codes.SPOOL_KEY_LOST)

    def new_sink(self) -> SpoolSink:
        """A place for a new transmission."""
        transmission = new_transmission_id(self._now())
        try:
            durable.make_folder(self.folder_of(transmission))
        except OSError as error:
            raise self.told(trouble.failed(error)) from error
        self._open[transmission] = 0
        return SpoolSink(self, transmission)

    def waiting(self) -> list[Manifest]:
        """What is to be sent, in the order of the commits. What is broken is set aside on the way."""
        found = []
        for folder in self.folders():
            if folder.name in self._open:
                continue
            try:
                one = manifests.read(folder, self.key)
            except SpoolError as error:
                self.quarantine(folder.name, what=error.message_en)
                continue
            except OSError:
                continue
            if one is not None:
                found.append(one)
        return sorted(found, key=lambda one: (one.sequence, one.id))

    def read(self, one: Manifest, offset: int, size: int) -> bytes:
        """`size` packed bytes from `offset`, less at the end. SpoolError: broken, missing, or not to be read now."""
        found = bytearray()
        folder = self.folder_of(one.id)
        try:
            while size > len(found) and offset + len(found) < one.start.size_bytes:
                number, within = divmod(offset + len(found), one.segment_bytes)
                entry = one.segments[number]
                piece = segment.read(one.place(folder, number), self.key, entry, within, size - len(found))
                found += piece
        except SpoolError:
            if not (folder / manifests.NAME).exists():
                raise trouble.missing() from None
            raise
        except OSError as error:
            raise trouble.failed(error) from error
        return bytes(found)

    def check(self, one: Manifest) -> None:
        """That every segment is what was written, to the bit. SpoolError, OSError."""
        for number, entry in enumerate(one.segments):
            segment.check(one.place(self.folder_of(one.id), number), entry)

    def remove(self, transmission: str) -> None:
        """The hub has it: forget it."""
        self._drop(transmission)

    def quarantine(self, transmission: str, *, what: str, name: str = "") -> None:
        """Set a broken transmission aside and tell what broke. Never raises SpoolError."""
        self._set_aside(transmission, fact_codes.SPOOL_QUARANTINED, list=name, reason=what)

    def refuse(self, one: Manifest, *, code: str) -> None:
        """Set aside what the hub refused for good, and tell it. Never raises SpoolError."""
        self._set_aside(one.id, fact_codes.SEND_SET_ASIDE, list=one.start.list_name, code=code)

    def status(self) -> messages.Spool:
        """What a heartbeat says of the spool."""
        waiting = self.waiting()
        return messages.Spool(
            waiting_bytes=sum(one.start.size_bytes for one in waiting),
            waiting_segments=sum(len(one.segments) for one in waiting),
            oldest_at=min((one.committed_at for one in waiting), default=0),
            quarantined=sum(1 for _ in self._quarantined()),
            free_disk_bytes=self._free_now(),
        )

    def reserve(self, transmission: str, new_bytes: int) -> None:
        """Room for the next segment of an open transmission, made where the rule allows it. SpoolError."""
        waiting = {one.id: one for one in self.waiting()}
        kept = [one.kept() for one in waiting.values()]
        for is_last in (False, True):
            wanted = Wanted(new_bytes, sum(self._open.values()), len(self._open), self._free_now())
            room = make_room(kept, wanted, self.limits)
            if not room.refusal or is_last:
                break
            self._bound_quarantine(most=0)
        if room.refusal:
            raise self.told(trouble.full(room.refusal, waiting_bytes=sum(one.file_bytes for one in kept)))
        for gone in room.gives_way:
            self._drop(gone)
            self.tell(fact_codes.SPOOL_GAVE_WAY, transmission=gone, list=waiting[gone].start.list_name)
        self._open[transmission] = self._open.get(transmission, 0) + new_bytes

    def commit(self, one: Manifest) -> None:
        """Used by the sink."""
        try:
            manifests.write(self.folder_of(one.id), one, self.key)
        except OSError as error:
            raise self.told(trouble.failed(error)) from error
        self._open.pop(one.id, None)

    def forget(self, transmission: str) -> None:
        """Remove the files of what was not committed, or no longer is; what stays is removed at the next start."""
        shutil.rmtree(self.folder_of(transmission), ignore_errors=True)
        self._open.pop(transmission, None)

    def tell(self, code: str, /, **evidence: object) -> None:
        """Leave a fact, if the journal can take it: its disk may be full too."""
        with contextlib.suppress(JournalError):
            self._leave(code, **evidence)

    def told(self, error: SpoolError) -> SpoolError:
        """The error, after its fact was left."""
        self.tell(error.code, **error.evidence)
        return error

    def next_sequence(self) -> int:
        return max((one.sequence for one in self.waiting()), default=0) + 1

    def now_seconds(self) -> int:
        return int(self._now())

    def folder_of(self, transmission: str) -> Path:
        return self.waiting_folder / transmission

    def folders(self) -> list[Path]:
        """The folders of transmissions; what else stands there is not ours."""
        try:
            return sorted(path for path in self.waiting_folder.iterdir() if _ID.fullmatch(path.name) and path.is_dir())
        except OSError as error:
            raise trouble.failed(error) from error

    def _set_aside(self, transmission: str, fact: str, /, **evidence: object) -> None:
        """The oldest set aside give way to it."""
        folder = self.folder_of(transmission)
        with contextlib.suppress(OSError):
            segments = sum(1 for _ in folder.glob("*.segment"))
            target = self._free_name(transmission)
            folder.rename(target)
            durable.sync_folder(self.quarantine_folder)
            durable.sync_folder(self.waiting_folder)
            self.tell(fact, transmission=transmission, **evidence, segments=segments)
        self._bound_quarantine()

    def _drop(self, transmission: str) -> None:
        """The manifest goes first, so that half of it never waits."""
        folder = self.folder_of(transmission)
        try:
            (folder / manifests.NAME).unlink(missing_ok=True)
            if folder.is_dir():
                durable.sync_folder(folder)
        except OSError as error:
            raise trouble.failed(error) from error
        self.forget(transmission)

    def _free_now(self) -> int:
        try:
            return self._free_bytes(self.waiting_folder)
        except OSError:
            return 0

    def _quarantined(self) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            yield from (path for path in self.quarantine_folder.iterdir() if path.is_dir())

    def _free_name(self, transmission: str) -> Path:
        number = 1
        while (self.quarantine_folder / f"{transmission}-{number}").exists():
            number += 1
        return self.quarantine_folder / f"{transmission}-{number}"

    def _bound_quarantine(self, *, most: int | None = None) -> None:
        most = self.limits.most_quarantined if most is None else most
        held = 0
        for number, folder in enumerate(sorted(self._quarantined(), reverse=True)):
            with contextlib.suppress(OSError):
                held += sum(path.stat().st_size for path in folder.iterdir())
            if number >= most or held > self.limits.most_quarantined_bytes:
                shutil.rmtree(folder, ignore_errors=True)
