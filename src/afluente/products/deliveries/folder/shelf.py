"""A folder of this machine as a shelf.

Invariant: a file's bytes and its name are on the disk when `put`, `write` and `rename` return.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryError
from afluente.products.deliveries.place import unreadable

BLOCK_BYTES = 1 << 20
_NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_NOT_ALLOWED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG))


class FolderShelf:
    """Files directly in `folder`."""

    def __init__(self, folder: Path, *, label: str) -> None:
        self.folder = folder
        self.label = label

    def make(self) -> None:
        """Make the folder, and those above it."""
        with self._translated():
            self.folder.mkdir(parents=True, exist_ok=True)

    def check(self) -> Path:
        """The folder, or the nearest one above that exists, which can be written. Writes nothing."""
        existing = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise DeliveryError(
                failure_codes.REFUSED,
                f"{self.label}: {existing} cannot be written",
                hint="give this user the right to write there, or name another path",
            )
        return self.folder

    def size(self, name: str) -> int | None:
        with self._translated():
            try:
                return (self.folder / name).stat().st_size
            except FileNotFoundError:
                return None

    def read(self, name: str, limit_bytes: int) -> bytes | None:
        with self._translated():
            try:
                with (self.folder / name).open("rb") as file:
                    return file.read(limit_bytes)
            except FileNotFoundError:
                return None

    def equal_bytes(self, name: str, path: Path) -> int:
        with _opened(path) as ours, self._translated(), (self.folder / name).open("rb") as theirs:
            equal = 0
            while held := theirs.read(BLOCK_BYTES):
                if ours.read(len(held)) != held:
                    break
                equal += len(held)
            return equal

    def put(self, name: str, path: Path, offset: int) -> None:
        with _opened(path) as ours, self._translated():
            descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "wb") as theirs:
                theirs.truncate(offset)
                ours.seek(offset)
                theirs.seek(offset)
                shutil.copyfileobj(ours, theirs, BLOCK_BYTES)
                theirs.flush()
                os.fsync(theirs.fileno())

    def write(self, name: str, content: bytes) -> None:
        with self._translated(), (self.folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, name: str, to: str) -> None:
        with self._translated():
            (self.folder / name).replace(self.folder / to)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, name: str) -> None:
        with self._translated():
            (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.failure(error) from error

    def failure(self, error: OSError) -> DeliveryError:
        """The error for what the system said of the folder."""
        reason = (error.strerror or type(error).__name__).lower()
        message = f"{self.label}: {self.folder}: {reason}"
        if error.errno in _NO_SPACE:
            return DeliveryError(failure_codes.QUOTA, message, hint="make space on that disk", retryable=True)
        if error.errno in _NOT_ALLOWED:
            return DeliveryError(failure_codes.REFUSED, message, hint="give this user the right to write there")
        hint = "look whether the disk or the network folder is mounted"
        return DeliveryError(failure_codes.CONNECTION, message, hint=hint, retryable=True)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        yield file
