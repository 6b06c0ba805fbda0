"""Where files are put one by one for a partner to take: a folder here, or one behind SFTP.

Invariant: names are plain, without folders; every failure is a DeliveryError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Shelf(Protocol):
    """A flat folder. `label` names the delivery in messages."""

    label: str

    def size(self, name: str) -> int | None:
        """The file's bytes; None when there is none."""
        ...

    def read(self, name: str, limit_bytes: int) -> bytes | None:
        """The first bytes of a small file; None when there is none."""
        ...

    def equal_bytes(self, name: str, path: Path) -> int:
        """How many first bytes of the file there are those of `path`, to a block's exactness."""
        ...

    def put(self, name: str, path: Path, offset: int) -> None:
        """Write the bytes of `path` from `offset` on at their place, end the file there and bring it to the disk."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a small file whole and bring it to the disk."""
        ...

    def rename(self, name: str, to: str) -> None:
        """Give a file its name; one that has it already is replaced."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no failure."""
        ...
