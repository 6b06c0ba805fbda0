"""What the hub holds of each list, so that only what changed travels.

A list has a folder with `confirmed.map`, what the hub said it loaded, and a `pending-<sequence>-<transmission>.map`
for each transmission on its way. The order that loses and doubles nothing, whenever the power goes:

1. an extraction writes its pending map, synced, and only then is its transmission committed to the spool;
2. when the hub says it is loaded, `confirm` renames the pending map to `confirmed.map`, and only then does the
   transmission leave the spool;
3. a pending map whose transmission is not in the spool was never sent: it is no base of anything.

A base that the hub does not have makes the hub ask for the whole list (`forget`), so a mistake here costs bytes only.

Invariant: the base of a delta is a transmission that the hub loaded or that travels before it; a broken map is no map.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from afluente_agent import durable
from afluente_agent.row_map import BrokenMapError, RowMap, RowMapWriter

CONFIRMED = "confirmed.map"
_PENDING = re.compile(r"pending-([0-9]{1,12})-([0-9A-Za-z-]{1,64})\.map")
_LIST_NAME = re.compile(r"[a-z][a-z0-9_]{0,57}")
_TRANSMISSION = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Pending:
    sequence: int
    transmission: str
    path: Path


class DeltaStore:
    """The maps of all lists below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def base(self, list_name: str, *, waiting: Collection[str]) -> Iterator[RowMap | None]:
        """The map that the next delta is reckoned from; None when the list goes whole.

        `waiting` are the transmissions that are in the spool: what is pending without being there was never sent.
        """
        opened = next(self._open_newest(list_name, waiting), None)
        try:
            yield opened
        finally:
            if opened is not None:
                opened.close()

    def writer(self, list_name: str) -> RowMapWriter:
        folder = self._of(list_name)
        durable.make_folder(folder)
        return RowMapWriter(folder)

    def next_pending(self, list_name: str, transmission: str) -> tuple[int, Path]:
        """The sequence and the path of the map of a new transmission."""
        if not _TRANSMISSION.fullmatch(transmission):
            raise ValueError("not the id of a transmission")
        with self.base(list_name, waiting={one.transmission for one in self._pending(list_name)}) as newest:
            sequence = newest.facts.sequence + 1 if newest else 1
        sequence = max([sequence, *(one.sequence + 1 for one in self._pending(list_name))])
        return sequence, self._of(list_name) / f"pending-{sequence}-{transmission}.map"

    def confirm(self, list_name: str, transmission: str) -> bool:
        """The hub loaded a transmission: its map takes its place. Whether there was one; twice is once."""
        pending = self._pending(list_name)
        mine = next((one for one in pending if one.transmission == transmission), None)
        if mine is None:
            return False
        mine.path.replace(self._of(list_name) / CONFIRMED)
        durable.sync_folder(self._of(list_name))
        for one in pending:
            if one.sequence < mine.sequence:
                one.path.unlink(missing_ok=True)
        return True

    def forget(self, list_name: str) -> None:
        """The hub needs the whole list: nothing is known of its rows any more."""
        for one in self._pending(list_name):
            one.path.unlink(missing_ok=True)
        (self._of(list_name) / CONFIRMED).unlink(missing_ok=True)

    def drop_unsent(self, list_name: str, *, waiting: Collection[str]) -> None:
        """Remove maps whose transmissions never came into the spool."""
        for one in self._pending(list_name):
            if one.transmission not in waiting:
                one.path.unlink(missing_ok=True)

    def lists(self) -> tuple[str, ...]:
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._folder.iterdir() if _LIST_NAME.fullmatch(path.name)))

    def _open_newest(self, list_name: str, waiting: Collection[str]) -> Iterator[RowMap]:
        pending = [one for one in self._pending(list_name) if one.transmission in waiting]
        paths = [one.path for one in reversed(pending)] or [self._of(list_name) / CONFIRMED]
        with contextlib.suppress(BrokenMapError, FileNotFoundError):
            yield RowMap(paths[0])

    def _pending(self, list_name: str) -> list[_Pending]:
        folder = self._of(list_name)
        if not folder.is_dir():
            return []
        found = ((_PENDING.fullmatch(path.name), path) for path in folder.iterdir())
        return sorted(
            (_Pending(int(match.group(1)), match.group(2), path) for match, path in found if match),
            key=lambda one: one.sequence,
        )

    def _of(self, list_name: str) -> Path:
        if not _LIST_NAME.fullmatch(list_name):
            raise ValueError("not the name of a list")
        return self._folder / list_name
