"""The pointer: which version runs, which ran before, and which are never tried again.

Invariant: the file is replaced whole and synced under a lock, so that a reader sees one decision; the version that is
left is remembered before the next one starts; a version marked bad is never pointed at again.
An empty name is the installed version, which no update touches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from afluente_agent import durable
from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import MessageError, from_json, to_json
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.status import UpdateStatus

Reason = Literal["crash", "hang", "no_hub", "damaged", "no_start"]
Verdict = Literal["bad", "undecided", "excused"]
MOST_BAD = 50
MOST_TRIES_WITHOUT_HUB = 3


@dataclass(frozen=True, slots=True)
class BadVersion:
    """A version that was rolled back.

    One that did not reach the hub is `undecided` until the version before did (`bad`) or did not either (`excused`).
    """

    version: str
    reason: Reason
    verdict: Verdict
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Pointer:
    """`installed` is the version of the installation itself; `offer` the number of the newest order seen.

    `latest_time` is the newest hub's time at which metadata was found good; `status` the text of heartbeats.
    """

    current: str = ""
    previous: str = ""
    installed: str = ""
    is_on_trial: bool = False
    trial_starts: int = 0
    healthy: str = ""
    offer: int = 0
    latest_time: int = 0
    bad: tuple[BadVersion, ...] = ()
    status: str = ""

    def version(self) -> str:
        """The number of the version that is pointed at."""
        return self.current or self.installed

    def bad_mark(self, version: str) -> BadVersion | None:
        return next((mark for mark in self.bad if mark.version == version), None)

    def is_bad(self, version: str) -> bool:
        """Whether a version is not to be tried (again); one that missed the hub with everybody has a few tries."""
        mark = self.bad_mark(version)
        return mark is not None and (mark.verdict != "excused" or mark.tries >= MOST_TRIES_WITHOUT_HUB)

    def undecided(self) -> str:
        """The version that missed the hub and of which it is not known whose fault it was; empty when there is none."""
        return next((mark.version for mark in self.bad if mark.verdict == "undecided"), "")

    def named(self, version: str) -> str:
        """How a version is pointed at: the installed one by the empty name."""
        return "" if version == self.installed else version


class PointerFile:
    """Reads and changes the pointer of a folder."""

    def __init__(self, folder: UpdateFolder) -> None:
        self.folder = folder

    def load(self) -> Pointer:
        """The pointer; that of a fresh installation when there is none. UpdateError when it cannot be read."""
        try:
            return from_json(Pointer, self.folder.pointer.read_bytes())
        except FileNotFoundError:
            return Pointer()
        except (MessageError, OSError):
            raise UpdateError(
                "update.pointer",
                "o arquivo que diz qual versão usar não pode ser lido",
                "the pointer cannot be read",
                "Não é preciso fazer nada: a versão instalada é usada.",
            ) from None

    def change(self, changed: Callable[[Pointer], Pointer]) -> Pointer:
        """Read, change and write as one; an unreadable one is begun anew. UpdateError."""
        try:
            with durable.locked(self.folder.pointer_lock):
                try:
                    before: Pointer | None = self.load()
                except UpdateError:
                    before = None
                after = changed(before or Pointer())
                if after != before:
                    durable.replace(self.folder.pointer, to_json(after))
        except OSError as error:
            raise UpdateError(
                "update.disk",
                "a pasta de atualizações não pode ser escrita",
                f"the update folder cannot be written: {error.strerror or type(error).__name__}",
                "Confira espaço em disco e permissão da pasta do agente.",
            ) from None
        return after


def switched(pointer: Pointer, version: str, *, offer: int) -> Pointer:
    """Point at another version, on trial; the one before is remembered."""
    name = pointer.named(version)
    if name == pointer.current:
        return replace(pointer, offer=max(offer, pointer.offer))
    return replace(
        pointer,
        current=name,
        previous=pointer.current,
        is_on_trial=bool(name),
        trial_starts=0,
        offer=max(offer, pointer.offer),
        status=UpdateStatus("trial" if name else "healthy", version).text(),
    )


def confirmed(pointer: Pointer, version: str) -> Pointer:
    """The version on trial is healthy and stays."""
    if pointer.current != version:
        return pointer
    kept = tuple(mark for mark in pointer.bad if mark.version != version)
    return replace(
        pointer,
        is_on_trial=False,
        trial_starts=0,
        healthy=version,
        bad=kept,
        status=UpdateStatus("healthy", version).text(),
    )


def rolled_back(pointer: Pointer, version: str, reason: Reason, *, to: str | None = None) -> Pointer:
    """Go back from a version to the one before (or to `to`) and mark it; one that already left changes nothing."""
    if pointer.current != version or not version:
        return pointer
    known = pointer.bad_mark(version)
    tries = known.tries + 1 if known is not None else 1
    mark = BadVersion(version, reason, "undecided" if reason == "no_hub" else "bad", tries)
    others = tuple(one for one in pointer.bad if one.version != version)
    return replace(
        pointer,
        current=pointer.previous if to is None else to,
        previous="",
        is_on_trial=False,
        trial_starts=0,
        bad=(*others, mark)[-MOST_BAD:],
        status=UpdateStatus("rolled_back", version, reason).text(),
    )


def decided(pointer: Pointer, version: str, verdict: Verdict) -> Pointer:
    """What the version before showed: it reached the hub where this one did not (`bad`), or not either (`excused`)."""
    marks = tuple(replace(mark, verdict=verdict) if mark.version == version else mark for mark in pointer.bad)
    return replace(pointer, bad=marks)
