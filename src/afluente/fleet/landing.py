"""Landing: the files that uploads grow in and stand in when they are whole, encrypted (AES-256-GCM).

    landing/<two characters>/<transmission>.part      what is being received
    landing/<two characters>/<transmission>.landed    what is whole

A file is a header (magic, version, id of the key, transmission, salt) and a record for each chunk: its length and its
offset, nonce, ciphertext, tag, and the length of the record once more, so that its end is found from behind. Each
file has its own key, derived from the landing key; a record is bound to the header and to its offset.

Invariant: a path is made of a UUID only; what `append` returned from is on the disk; a record that is torn or was
never counted is cut off by the next append; nothing is read that was not written here, for this transmission, in this
order.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from afluente.fleet.landing_key import KEY_ID_BYTES, LandingKeys, key_id_of
from afluente.fleet.refusal import FleetError
from afluente_agent.protocol.limits import MAX_CHUNK_BYTES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PART, LANDED = ".part", ".landed"
LEAST_FREE_BYTES = 1024**3
"""With less room than this nothing more is taken."""
_HEADER = struct.Struct(f">4sBxxx{KEY_ID_BYTES}s16s16s")
_RECORD = struct.Struct(">IQ")
_TRAILER = struct.Struct(">I")
_MAGIC = b"AFLD"
_VERSION = 1
_NONCE_BYTES = 12
_OVERHEAD_BYTES = _RECORD.size + _NONCE_BYTES + 16 + _TRAILER.size
_LOOK_BACK = 3


class ShortLandingError(Exception):
    """The file holds less than the state says: `offset` is how much it holds."""

    def __init__(self, offset: int) -> None:
        super().__init__("the file in landing is short")
        self.offset = offset


class LandingStore:
    """The files of a landing folder, which several hub processes may share. Methods raise FleetError and OSError."""

    def __init__(self, folder: Path, keys: LandingKeys) -> None:
        self.folder = folder
        self._keys = keys

    def append(self, transmission: str, offset: int, chunk: bytes) -> None:
        """Put a chunk at an offset, and cut off what stood behind it. The caller holds the transmission's lock.

        ShortLandingError when the file does not reach the offset.
        """
        path = self.path_of(transmission, PART)
        if offset == 0:
            self._begin(path, transmission, chunk)
            return
        try:
            file = path.open("r+b", buffering=0)
        except FileNotFoundError:
            raise ShortLandingError(0) from None
        with file:
            cipher, header = self._cipher_of(file, transmission)
            if cipher is None:
                raise ShortLandingError(0)
            end = _end_of(file, offset)
            file.truncate(end)
            file.seek(end)
            try:
                _write(file, _sealed(cipher, header, offset, chunk))
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(end)
                raise
            os.fsync(file.fileno())

    def open_part(self, transmission: str) -> AbstractContextManager[BinaryIO]:
        """What was received so far, or has landed already: the bytes as they were sent. FileNotFoundError."""
        for suffix in (PART, LANDED):
            path = self.path_of(transmission, suffix)
            if path.exists():
                return self._opened(path, transmission)
        raise FileNotFoundError

    def open(self, landed_path: str) -> AbstractContextManager[BinaryIO]:
        """A landed file by the path that the state keeps: the bytes as they were sent."""
        name = Path(landed_path).name
        transmission = name.removesuffix(LANDED)
        if not _is_id(transmission) or landed_path != self.landed_path(transmission):
            raise FleetError(
                "landing.path", "the path of a landed file is not one of landing", hint="look at the state"
            )
        return self._opened(self.folder / landed_path, transmission)

    def land(self, transmission: str) -> str:
        """Turn what was received into what has landed, and give the path for the state. Again does nothing."""
        part, landed = self.path_of(transmission, PART), self.path_of(transmission, LANDED)
        if part.exists() or not landed.exists():
            part.replace(landed)
        _sync_folder(landed.parent)
        return self.landed_path(transmission)

    def discard(self, transmission: str) -> None:
        """Delete what was received of it."""
        for suffix in (PART, LANDED):
            self.path_of(transmission, suffix).unlink(missing_ok=True)

    def path_of(self, transmission: str, suffix: str) -> Path:
        if not _is_id(transmission):
            raise FleetError("landing.id", "the id of a transmission is not a UUID")
        return self.folder / transmission[-2:] / f"{transmission}{suffix}"

    def landed_path(self, transmission: str) -> str:
        return self.path_of(transmission, LANDED).relative_to(self.folder).as_posix()

    def free_bytes(self) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    def _begin(self, path: Path, transmission: str, chunk: bytes) -> None:
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(self.folder)
        key = self._keys.current
        header = _HEADER.pack(_MAGIC, _VERSION, key_id_of(key), uuid.UUID(transmission).bytes, os.urandom(16))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
            _write(file, header + _sealed(_cipher(key, header), header, 0, chunk))
            os.fsync(file.fileno())
        _sync_folder(path.parent)

    def _cipher_of(self, file: io.FileIO, transmission: str) -> tuple[AESGCM | None, bytes]:
        header = file.read(_HEADER.size) or b""
        if len(header) != _HEADER.size:
            return None, b""
        magic, version, key_id, id_bytes, _ = _HEADER.unpack(header)
        if magic != _MAGIC or version != _VERSION or id_bytes != uuid.UUID(transmission).bytes:
            return None, b""
        return _cipher(self._keys.named(key_id), header), header

    @contextlib.contextmanager
    def _opened(self, path: Path, transmission: str) -> Iterator[BinaryIO]:
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise FleetError("landing.missing", "the landed file is not there", hint="ask for it again") from None
        with file:
            cipher, header = self._cipher_of(file, transmission)
            if cipher is None:
                raise _broken()
            with io.BufferedReader(_Records(file, cipher, header)) as stream:
                yield stream


class _Records(io.RawIOBase):
    """The content of the records, one after the other."""

    def __init__(self, file: io.FileIO, cipher: AESGCM, header: bytes) -> None:
        super().__init__()
        self._file = file
        self._cipher = cipher
        self._header = header
        self._offset = 0
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._left:
            self._left = memoryview(self._next())
        with memoryview(buffer) as view:
            taken = min(len(view), len(self._left))
            view[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        return taken

    def _next(self) -> bytes:
        from cryptography.exceptions import InvalidTag

        head = self._file.read(_RECORD.size) or b""
        if not head:
            return b""
        if len(head) != _RECORD.size:
            raise _broken()
        length, offset = _RECORD.unpack(head)
        if offset != self._offset or not 0 < length <= MAX_CHUNK_BYTES:
            raise _broken()
        rest = self._file.read(length + _OVERHEAD_BYTES - _RECORD.size) or b""
        nonce, sealed = rest[:_NONCE_BYTES], rest[_NONCE_BYTES : -_TRAILER.size]
        if len(rest) != length + _OVERHEAD_BYTES - _RECORD.size:
            raise _broken()
        try:
            content = self._cipher.decrypt(nonce, sealed, self._header + head)
        except InvalidTag:
            raise _broken() from None
        self._offset += length
        return content


def _broken() -> FleetError:
    return FleetError("landing.broken", "a file in landing is not what was written", hint="look at the hub's disk")


def _is_id(transmission: str) -> bool:
    try:
        return str(uuid.UUID(transmission)) == transmission
    except ValueError:
        return False


def _cipher(key: bytes, header: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=SHA256(), length=32, salt=header[-16:], info=b"afluente-landing-v1" + header)
    return AESGCM(derived.derive(key))


def _sealed(cipher: AESGCM, header: bytes, offset: int, chunk: bytes) -> bytes:
    head = _RECORD.pack(len(chunk), offset)
    nonce = os.urandom(_NONCE_BYTES)
    return head + nonce + cipher.encrypt(nonce, chunk, header + head) + _TRAILER.pack(len(chunk) + _OVERHEAD_BYTES)


def _write(file: io.FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        written = file.write(view) or 0
        view = view[written:]


def _end_of(file: io.FileIO, offset: int) -> int:
    """Where in the file the record ends that ends at this offset. ShortLandingError."""
    size = os.fstat(file.fileno()).st_size
    end = size
    for _ in range(_LOOK_BACK):
        start = _start_before(file, end)
        if start is None:
            break
        length, begins = _RECORD.unpack(os.pread(file.fileno(), _RECORD.size, start))
        if length + _OVERHEAD_BYTES != end - start or begins + length < offset:
            break
        if begins + length == offset:
            return end
        end = start
    return _end_from_the_beginning(file, offset, size)


def _start_before(file: io.FileIO, end: int) -> int | None:
    if end - _HEADER.size < _OVERHEAD_BYTES:
        return None
    (total,) = _TRAILER.unpack(os.pread(file.fileno(), _TRAILER.size, end - _TRAILER.size))
    start: int = end - total
    return start if total > _OVERHEAD_BYTES and start >= _HEADER.size else None


def _end_from_the_beginning(file: io.FileIO, offset: int, size: int) -> int:
    position, held = _HEADER.size, 0
    while position + _OVERHEAD_BYTES < size:
        length, begins = _RECORD.unpack(os.pread(file.fileno(), _RECORD.size, position))
        following = position + length + _OVERHEAD_BYTES
        if begins != held or length == 0 or following > size or held + length > offset:
            break
        position, held = following, held + int(length)
        if held == offset:
            return int(position)
    raise ShortLandingError(held)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
