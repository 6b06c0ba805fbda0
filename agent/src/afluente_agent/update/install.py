"""Unpacking a version beside the others, and checking one that is there.

Invariant: a folder under its version's name holds exactly the files of its manifest, each checked while it was
written and synced before the name appeared; a process killed anywhere leaves at most a folder that starts with a dot.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

from afluente_agent import durable
from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import to_json
from afluente_agent.update.package import (
    BLOCK_BYTES,
    MANIFEST,
    MOST_MANIFEST_BYTES,
    Manifest,
    PackedFile,
    bad_package,
    digest,
    manifest_of,
    read_manifest,
)
from afluente_agent.update.version_number import is_version

WORKING = ".unpacking-"
ASIDE = ".aside-"
SPARE_BYTES = 64 * 1024 * 1024
UNREADABLE = "update.unreadable"


def install(archive: Path, versions: Path, *, version: str) -> Manifest:
    """Unpack a checked archive as `versions/<version>`; what is there and whole is kept. UpdateError."""
    try:
        with zipfile.ZipFile(archive) as packed:
            manifest = manifest_of(packed)
            if manifest.version != version:
                raise bad_package("the package is of another version")
            _check_fits(manifest)
            with contextlib.suppress(UpdateError):
                if verify(versions / version) == manifest:
                    return manifest
            _unpack(packed, manifest, versions)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise bad_package("the zip cannot be read") from None
    except OSError as error:
        raise UpdateError(
            "update.disk",
            "a atualização não pôde ser gravada no disco",
            f"the update cannot be written: {error.strerror or type(error).__name__}",
            "Confira espaço em disco, permissão da pasta do agente e o antivírus.",
        ) from None
    return manifest


def verify(folder: Path) -> Manifest:
    """Check every file of an unpacked version against its manifest. UpdateError: UNREADABLE when the system keeps a file."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            manifest = read_manifest(file.read(MOST_MANIFEST_BYTES + 1))
        if manifest.version != folder.name:
            raise _damaged("it is of another version")
        expected = {MANIFEST, *(file.path for file in manifest.files)}
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        if found != expected:
            raise _damaged("files are missing or were added")
        for packed in manifest.files:
            path = folder / packed.path
            if path.is_symlink():
                raise _damaged("a file is a link")
            with path.open("rb") as content:
                if digest(content) != (packed.size_bytes, packed.sha256):
                    raise _damaged("a file was changed")
    except FileNotFoundError:
        raise _damaged("a file is missing") from None
    except OSError as error:
        raise _damaged(error.strerror or type(error).__name__, code=UNREADABLE) from None
    return manifest


def discard_others(versions: Path, *, keep: set[str]) -> list[str]:
    """Remove the versions that are not to be kept; what is in use by the system stays for another time."""
    removed: list[str] = []
    if not versions.is_dir():
        return removed
    for folder in sorted(versions.iterdir()):
        is_leftover = folder.name.startswith((WORKING, ASIDE))
        if folder.name in keep or not (is_leftover or is_version(folder.name)):
            continue
        with contextlib.suppress(OSError):
            gone = folder if is_leftover else _set_aside(folder)
            shutil.rmtree(gone)
            removed.append(folder.name)
    return removed


def _unpack(packed: zipfile.ZipFile, manifest: Manifest, versions: Path) -> None:
    durable.make_folder(versions)
    _check_space(versions, manifest)
    working = versions / f"{WORKING}{manifest.version}"
    if working.exists():
        shutil.rmtree(working)
    working.mkdir(mode=durable.PRIVATE_FOLDER)
    folders = {working}
    for file in manifest.files:
        target = working / file.path
        durable.make_folder(target.parent)
        folders.add(target.parent)
        _write(packed, file, target)
    durable.replace(working / MANIFEST, to_json(manifest))
    for folder in folders:
        durable.sync_folder(folder)
    final = versions / manifest.version
    if final.exists():
        _set_aside(final)
    working.rename(final)
    durable.sync_folder(versions)
    verify(final)


def _write(packed: zipfile.ZipFile, file: PackedFile, target: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    mode = 0o700 if file.is_program else durable.PRIVATE_FILE
    size, total = 0, hashlib.sha256()
    with packed.open(file.path) as content, os.fdopen(os.open(target, flags, mode), "wb") as written:
        while block := content.read(min(BLOCK_BYTES, file.size_bytes - size + 1)):
            size += len(block)
            if size > file.size_bytes:
                raise bad_package("a file is larger than its manifest says")
            total.update(block)
            written.write(block)
        written.flush()
        os.fsync(written.fileno())
    if (size, total.hexdigest()) != (file.size_bytes, file.sha256):
        raise bad_package("a file is not the one its manifest names")


def _check_fits(manifest: Manifest) -> None:
    needed = tuple(int(part) for part in manifest.minimum_python.split("."))
    if manifest.kind == "module" and (sys.version_info[:2] < needed or getattr(sys, "frozen", False)):
        raise UpdateError(
            "update.python",
            "esta versão precisa de outro Python",
            f"version {manifest.version} needs Python {manifest.minimum_python}",
            "Reinstale o agente com o instalador novo.",
        )


def _check_space(versions: Path, manifest: Manifest) -> None:
    free = shutil.disk_usage(versions).free
    if free < manifest.unpacked_bytes + SPARE_BYTES:
        raise UpdateError(
            "update.disk",
            "não há espaço em disco para a atualização",
            f"{manifest.unpacked_bytes} bytes are needed and {free} are free",
            "Libere espaço em disco; a atualização será tentada de novo.",
        )


def _set_aside(folder: Path) -> Path:
    return folder.rename(folder.with_name(f"{ASIDE}{folder.name}-{secrets.token_hex(4)}"))


def _damaged(why: str, *, code: str = "update.damaged") -> UpdateError:
    return UpdateError(
        code,
        "os arquivos de uma versão do agente foram alterados ou se perderam",
        f"a version's files are not whole: {why}",
        "Confira o antivírus e o disco; o agente volta à versão anterior por si.",
    )
