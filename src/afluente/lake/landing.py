"""Landing: files exactly as they were received, found again by source, content and name.

Invariant: a landed file is whole (it appears under its name only after its last byte was written) and never
changes; the same content under the same name is stored once; no name leads out of the source's folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from afluente.core.errors import LakeError
from afluente.core.ids import new_id
from afluente.lake.failure import translated
from afluente.lake.store import Store

_SOURCE = re.compile(r"[a-z0-9_][a-z0-9_-]{0,126}")
_UNSAFE = re.compile(r"[^\w.\- ()+,=@]+")
_NAME_BYTES = 180
_CHUNK_BYTES = 1 << 20
_INCOMING = ".incoming"
_ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file in landing. `path` is relative to the landing folder: `<source>/<sha256[:2]>/<sha256>/<name>`."""

    path: str
    sha256: str
    size_bytes: int

    @property
    def source(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        """The name it was given, made safe."""
        return self.path.rsplit("/", 1)[1]


class Landing:
    """The landing folder of a lake."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.address = f"{store.location.root}/landing"

    def put(self, source: str, name: str, stream: BinaryIO | Iterable[bytes]) -> LandedFile:
        """Store a stream whole, or nothing. What was put before is found and not written again."""
        _check_source(source)
        safe = safe_name(name)
        with translated(f"landing {safe!r} of source {source}"):
            if self._store.location.is_local:
                return self._put_local(source, safe, stream)
            return self._put_remote(source, safe, stream)

    def open(self, landed: LandedFile) -> BinaryIO:
        """The content, to be read from the start and closed by the caller."""
        with translated(f"opening {landed.path!r} of landing"):
            return self._store.open_binary(self.address_of(landed))

    def address_of(self, landed: LandedFile) -> str:
        """The absolute path or URL of a landed file."""
        if ".." in landed.path.split("/") or landed.path.startswith("/"):
            raise LakeError("lake.landing_name", f"{landed.path!r} lies outside landing", hint="")
        return f"{self.address}/{landed.path}"

    def exists(self, landed: LandedFile) -> bool:
        with translated(f"looking for {landed.path!r} in landing"):
            return self._store.size(self.address_of(landed)) == landed.size_bytes

    def files(self, source: str) -> list[LandedFile]:
        """Everything that a source landed, sorted by path."""
        _check_source(source)
        with translated(f"listing landing of source {source}"):
            found = self._store.files(f"{self.address}/{source}")
        return [
            LandedFile(f"{source}/{file.path}", file.path.split("/")[1], file.size_bytes)
            for file in found
            if file.path.count("/") == 2
        ]

    def _put_local(self, source: str, name: str, stream: BinaryIO | Iterable[bytes]) -> LandedFile:
        folder = f"{self.address}/{_INCOMING}"
        os.makedirs(folder, exist_ok=True)
        _discard_abandoned(folder)
        temporary = f"{folder}/{new_id(datetime.now(UTC))}"
        try:
            with open(temporary, "xb") as file:
                digest, size = _copy(stream, file)
                file.flush()
                os.fsync(file.fileno())
            landed = LandedFile(_path(source, digest, name), digest, size)
            final = self.address_of(landed)
            if self._store.size(final) != size:
                os.makedirs(os.path.dirname(final), exist_ok=True)
                os.replace(temporary, final)
                self._store.sync([final])
            return landed
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)

    def _put_remote(self, source: str, name: str, stream: BinaryIO | Iterable[bytes]) -> LandedFile:
        with tempfile.TemporaryFile(prefix="landing-", dir=self._store.temp_folder()) as file:
            digest, size = _copy(stream, file)
            landed = LandedFile(_path(source, digest, name), digest, size)
            final = self.address_of(landed)
            if self._store.size(final) != size:
                file.seek(0)
                with self._store.open_write(final) as sink:
                    shutil.copyfileobj(file, sink, _CHUNK_BYTES)
            return landed


def _discard_abandoned(folder: str) -> None:
    """Remove what killed processes had begun to land: nothing has been written to it for a day."""
    before = time.time() - _ABANDONED_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat().st_mtime < before:
                    os.unlink(entry.path)


def safe_name(name: str) -> str:
    """A file name of one segment: the last part of what was given, without what could lead elsewhere."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    cleaned = _UNSAFE.sub("_", last).strip(" ").lstrip(".")
    stem, suffix = os.path.splitext(cleaned)
    suffix = suffix if len(suffix.encode()) <= 20 else ""
    stem = stem if suffix else cleaned
    while len((stem + suffix).encode()) > _NAME_BYTES:
        stem = stem[:-1]
    return (stem + suffix) or "unnamed"


def _check_source(source: str) -> None:
    if not _SOURCE.fullmatch(source):
        raise LakeError(
            "lake.landing_name",
            f"the source's name {source!r} cannot name a folder",
            hint="use lower-case letters, digits, _ and -",
        )


def _path(source: str, digest: str, name: str) -> str:
    return f"{source}/{digest[:2]}/{digest}/{name}"


def _copy(stream: BinaryIO | Iterable[bytes], sink: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    for chunk in _chunks(stream):
        digest.update(chunk)
        sink.write(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _chunks(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(stream, "read", None)
    if read is None:
        yield from stream
        return
    while chunk := read(_CHUNK_BYTES):
        yield chunk
