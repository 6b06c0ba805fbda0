"""The files below a lake's root, the same on a local folder and on an object store.

Invariant: only this file knows how the storage options of deltalake (object_store's names) are said to fsspec.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from afluente.core.errors import LakeError
from afluente.lake.failure import translated
from afluente.lake.location import Location


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file found by listing. `path` is relative to the folder that was listed; the time may be unknown."""

    path: str
    size_bytes: int
    modified_at: datetime | None


class Store:
    """Reads, writes, lists and deletes by address. Everything heavy is imported at first use.

    `temp_folder` is where what is needed for a moment is kept; None is the system's own place.
    """

    def __init__(
        self, location: Location, options: Mapping[str, str], temp_folder: Callable[[], Path | None] = lambda: None
    ) -> None:
        self.location = location
        self.options = dict(options)
        self.temp_folder = temp_folder

    @cached_property
    def fsspec(self) -> Any:
        """The fsspec file system of an object store."""
        return _fsspec(self.location.scheme, self.options)

    @cached_property
    def arrow(self) -> Any:
        """The same as a pyarrow file system."""
        import pyarrow.fs as pafs

        if self.location.is_local:
            return pafs.LocalFileSystem()
        return pafs.PyFileSystem(pafs.FSSpecHandler(self.fsspec))

    def open_write(self, address: str) -> Any:
        """A pyarrow output stream of the bytes as they are (pyarrow alone would pack what is named `.gz`).

        On a local folder its parents are made.
        """
        key = self.location.key(address)
        if self.location.is_local:
            os.makedirs(os.path.dirname(key), exist_ok=True)
        return self.arrow.open_output_stream(key, compression=None)

    def open_read(self, address: str) -> Any:
        """A pyarrow file that can be read at random."""
        return self.arrow.open_input_file(self.location.key(address))

    def open_binary(self, address: str) -> BinaryIO:
        """A plain Python binary file."""
        if self.location.is_local:
            return open(address, "rb")
        return cast("BinaryIO", self.fsspec.open(self.location.key(address), "rb"))

    def read_bytes(self, address: str) -> bytes | None:
        """The whole content, or None when there is no such file."""
        try:
            if self.location.is_local:
                with open(address, "rb") as file:
                    return file.read()
            content: bytes = self.fsspec.cat_file(self.location.key(address))
        except FileNotFoundError:
            return None
        return content

    def size(self, address: str) -> int | None:
        """Size in bytes, or None when there is no such file."""
        import pyarrow.fs as pafs

        info = self.arrow.get_file_info(self.location.key(address))
        return int(info.size) if info.type == pafs.FileType.File else None

    def folders(self, address: str) -> list[str]:
        """Names of the folders right below an address, sorted; none when it does not exist."""
        import pyarrow.fs as pafs

        selector = pafs.FileSelector(self.location.key(address), allow_not_found=True)
        found = self.arrow.get_file_info(selector)
        return sorted(info.base_name for info in found if info.type == pafs.FileType.Directory)

    def files(self, address: str) -> list[StoredFile]:
        """All files below an address, at any depth, sorted by path."""
        key = self.location.key(address)
        found = self._local_files(key) if self.location.is_local else self._remote_files(key)
        return sorted(found, key=lambda file: file.path)

    def _local_files(self, key: str) -> Iterator[StoredFile]:
        import pyarrow.fs as pafs

        for info in self.arrow.get_file_info(pafs.FileSelector(key, allow_not_found=True, recursive=True)):
            if info.type == pafs.FileType.File:
                yield StoredFile(info.path[len(key) + 1 :], int(info.size), info.mtime)

    def _remote_files(self, key: str) -> Iterator[StoredFile]:
        for path, details in self.fsspec.find(key, detail=True).items():
            yield StoredFile(path[len(key) + 1 :], int(details["size"]), _modified_at(details))

    def delete(self, address: str) -> None:
        """Delete one file; a missing one is ignored."""
        key = self.location.key(address)
        try:
            if self.location.is_local:
                os.unlink(key)
            else:
                self.fsspec.rm_file(key)
        except FileNotFoundError:
            return

    def sync(self, addresses: Iterable[str]) -> None:
        """Force files and their folders to disk; nothing to do on an object store."""
        if not self.location.is_local:
            return
        folders = set()
        for address in addresses:
            _fsync(address)
            folders.add(os.path.dirname(address))
        for folder in folders:
            _fsync(folder)


def _fsync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _modified_at(details: Mapping[str, object]) -> datetime | None:
    for name in ("LastModified", "last_modified", "updated", "mtime"):
        found = details.get(name)
        moment = datetime.fromisoformat(found) if isinstance(found, str) else found
        if isinstance(moment, datetime):
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _fsspec(scheme: str, options: Mapping[str, str]) -> Any:
    extra = {"s3": "s3", "gs": "gcs", "abfss": "azure"}.get(scheme, "")
    try:
        import fsspec

        with translated("the object store's options"):
            return fsspec.filesystem(scheme, skip_instance_cache=True, **_fsspec_options(scheme, options))
    except ImportError as error:
        raise LakeError(
            "lake.missing_extra",
            f"a lake on {scheme}:// needs a package that is not installed ({error.name})",
            hint=f"pip install 'afluente[{extra}]'",
        ) from error


def _fsspec_options(scheme: str, options: Mapping[str, str]) -> dict[str, object]:
    prefixes = {"s3": ("aws_",), "gs": ("google_",), "abfss": ("azure_storage_", "azure_")}
    given: dict[str, str] = {}
    for name, value in options.items():
        short = name.lower()
        for prefix in prefixes[scheme]:
            short = short.removeprefix(prefix)
        given[short] = value
    match scheme:
        case "s3":
            client: dict[str, str] = {}
            if endpoint := given.get("endpoint_url") or given.get("endpoint"):
                client["endpoint_url"] = endpoint
            if region := given.get("region") or given.get("default_region"):
                client["region_name"] = region
            named = {"key": "access_key_id", "secret": "secret_access_key", "token": "session_token"}
            chosen: dict[str, object] = {name: given[key] for name, key in named.items() if key in given}
            return {**chosen, "client_kwargs": client, "use_listings_cache": False}
        case "gs":
            token = given.get("service_account") or given.get("service_account_path")
            return {"token": token, "use_listings_cache": False} if token else {"use_listings_cache": False}
        case _:
            names = ("account_name", "account_key", "sas_token", "client_id", "client_secret", "tenant_id")
            return {name: given[name] for name in names if name in given}
