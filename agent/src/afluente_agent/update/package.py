"""A version of the agent as a zip: its files, and a manifest that lists them.

Invariant: the same files make the same bytes; a manifest names every file but itself, once, by a path that is safe on
every system, with size and sha256; whatever the zip says otherwise is not believed.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import MessageError, from_json, to_json
from afluente_agent.update.version_number import is_version

MANIFEST = "afluente-version.json"
MOST_MANIFEST_BYTES = 1024 * 1024
MOST_PATH = 200
MOST_DEPTH = 12
MOST_FILES = 1000
MOST_UNPACKED_BYTES = 400 * 1024 * 1024
MOST_PACKED_BYTES = 200 * 1024 * 1024
BLOCK_BYTES = 256 * 1024
OLDEST_DATE = (1980, 1, 1, 0, 0, 0)
UNIX = 3
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,99}")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_PYTHON = re.compile(r"3\.[0-9]{1,2}")
_MODULE = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*")

Kind = Literal["module", "program"]


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a version: its path with `/`, its size and its lower-case sha256."""

    path: str
    size_bytes: int
    sha256: str
    is_program: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version is. `start` is the module to run for kind `module`, the path of the program for `program`."""

    version: str
    kind: Kind
    start: str
    minimum_python: str
    files: tuple[PackedFile, ...]

    @property
    def unpacked_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def is_safe_path(path: str) -> bool:
    """Whether a path stays where it is unpacked, on Linux and on Windows, and means the same file on both."""
    parts = path.split("/")
    if len(path) > MOST_PATH or len(parts) > MOST_DEPTH:
        return False
    return all(_PART.fullmatch(part) and not part.endswith(".") and not _RESERVED.fullmatch(part) for part in parts)


def read_manifest(content: bytes) -> Manifest:
    """A manifest, checked. UpdateError."""
    try:
        manifest = from_json(Manifest, content, max_bytes=MOST_MANIFEST_BYTES)
    except MessageError:
        raise bad_package("the manifest cannot be read") from None
    if not is_version(manifest.version) or not _PYTHON.fullmatch(manifest.minimum_python):
        raise bad_package("the manifest's version is none")
    seen: set[str] = {MANIFEST.casefold()}
    folders: set[str] = set()
    for file in manifest.files:
        folded = file.path.casefold()
        if not is_safe_path(file.path) or folded in seen:
            raise bad_package("a path of the manifest is not safe")
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256) or file.size_bytes < 0:
            raise bad_package("a file of the manifest has no size or digest")
        seen.add(folded)
        folders.update(str(parent) for parent in _parents(folded))
    if folders & seen:
        raise bad_package("a path of the manifest is a file and a folder")
    if manifest.unpacked_bytes > MOST_UNPACKED_BYTES:
        raise bad_package("the version is too large")
    _check_start(manifest)
    return manifest


def build(
    source: Path,
    archive: Path,
    *,
    version: str,
    kind: Kind = "module",
    start: str = "afluente_agent.cli",
    minimum_python: str = "3.11",
) -> Manifest:
    """Pack the files under `source` into a zip. The same files give the same bytes. UpdateError."""
    names = sorted(_walk(source))
    files = tuple(_packed(source / name, name) for name in names)
    manifest = read_manifest(to_json(Manifest(version, kind, start, minimum_python, files)))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        packed.writestr(_entry(MANIFEST, is_program=False), to_json(manifest))
        for file in manifest.files:
            entry = _entry(file.path, is_program=file.is_program)
            with (source / file.path).open("rb") as content, packed.open(entry, "w") as target:
                while block := content.read(BLOCK_BYTES):
                    target.write(block)
    return manifest


def manifest_of(packed: zipfile.ZipFile) -> Manifest:
    """The manifest of an open zip whose entries are exactly those it names. UpdateError."""
    entries = packed.infolist()
    if len(entries) > MOST_FILES + 1:
        raise bad_package("the zip has too many entries")
    names = [entry.filename for entry in entries]
    try:
        first = packed.getinfo(MANIFEST)
    except KeyError:
        raise bad_package("the zip has no manifest") from None
    if first.file_size > MOST_MANIFEST_BYTES:
        raise bad_package("the manifest is too large")
    with packed.open(first) as file:
        manifest = read_manifest(file.read(MOST_MANIFEST_BYTES + 1))
    if sorted(names) != sorted([MANIFEST, *(file.path for file in manifest.files)]):
        raise bad_package("the zip holds other files than its manifest names")
    return manifest


def digest(file: IO[bytes]) -> tuple[int, str]:
    """The size of a stream and its sha256."""
    size, total = 0, hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        size += len(block)
        total.update(block)
    return size, total.hexdigest()


def bad_package(why: str) -> UpdateError:
    return UpdateError(
        "update.package",
        "o pacote da atualização não é o que deveria ser e não foi instalado",
        f"the update's package was refused: {why}",
        "Não é preciso fazer nada: a versão atual continua. O suporte verá este aviso.",
    )


def _check_start(manifest: Manifest) -> None:
    paths = {file.path: file for file in manifest.files}
    if manifest.kind == "program":
        found = paths.get(manifest.start)
        is_there = found is not None and found.is_program
    else:
        module = manifest.start.replace(".", "/")
        is_there = _MODULE.fullmatch(manifest.start) is not None and (
            f"{module}.py" in paths or f"{module}/__main__.py" in paths
        )
    if not is_there:
        raise bad_package("the manifest names no file to start")


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    for size in range(1, len(parts)):
        yield "/".join(parts[:size])


def _walk(source: Path) -> Iterator[str]:
    for path in source.rglob("*"):
        name = path.relative_to(source).as_posix()
        is_left_out = "__pycache__" in path.parts or name == MANIFEST
        if path.is_symlink() and not is_left_out:
            raise bad_package("a file is a link")
        if path.is_file() and not is_left_out:
            yield name


def _packed(path: Path, name: str) -> PackedFile:
    with path.open("rb") as file:
        size, sha256 = digest(file)
    return PackedFile(name, size, sha256, is_program=bool(path.stat().st_mode & 0o100) or name.endswith(".exe"))


def _entry(name: str, *, is_program: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, OLDEST_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = UNIX
    entry.external_attr = (0o100755 if is_program else 0o100644) << 16
    return entry
