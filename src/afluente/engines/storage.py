"""The folders an engine's files stand in, local or in an object store, seen from this process.

Invariant: paths given back are spelled like the folder they were found in (a URL keeps its scheme).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from afluente.core.errors import EngineError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CONCURRENT_REQUESTS = 16


class Storage:
    """Lists, sizes and removes data files. `filesystems` are fsspec's by scheme (`s3`)."""

    def __init__(self, filesystems: Mapping[str, AbstractFileSystem]) -> None:
        self._filesystems = filesystems

    def parquet_files(self, folder: str) -> list[str]:
        """Data files under `folder`, sorted; what Spark leaves beside them (`_SUCCESS`, `.crc`) is passed over."""
        filesystem = self._remote(folder)
        if filesystem is None:
            found = [str(path) for path in Path(folder).rglob("*.parquet")]
        else:
            scheme = folder.split("://", 1)[0]
            found = [f"{scheme}://{path.split('://', 1)[-1]}" for path in filesystem.find(folder)]
        return sorted(path for path in found if path.endswith(".parquet") and path.rsplit("/", 1)[-1][0] not in "._")

    def metadata(self, path: str) -> tuple[int, pq.FileMetaData]:
        """A Parquet file's size in bytes and its footer."""
        filesystem = self._remote(path)
        if filesystem is None:
            return Path(path).stat().st_size, pq.read_metadata(path)
        with filesystem.open(path, "rb") as file:
            return int(filesystem.size(path)), pq.read_metadata(file)

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Which of these files do not exist; those of stores nobody gave a filesystem for are taken to exist."""
        with ThreadPoolExecutor(_CONCURRENT_REQUESTS) as pool:
            exists = list(pool.map(self._exists, paths))
        return [path for path, is_there in zip(paths, exists, strict=True) if not is_there]

    def remove_file(self, path: str) -> None:
        filesystem = self._remote(path)
        if filesystem is None:
            Path(path).unlink(missing_ok=True)
        elif filesystem.exists(path):
            filesystem.rm_file(path)

    def remove_folder(self, folder: str) -> None:
        filesystem = self._remote(folder)
        if filesystem is None:
            shutil.rmtree(folder, ignore_errors=True)
        elif filesystem.exists(folder):
            filesystem.rm(folder, recursive=True)

    def _exists(self, path: str) -> bool:
        scheme, separator, _ = path.partition("://")
        if not separator:
            return Path(path).exists()
        filesystem = self._filesystems.get(scheme)
        return True if filesystem is None else bool(filesystem.exists(path))

    def _remote(self, path: str) -> AbstractFileSystem | None:
        scheme, separator, _ = path.partition("://")
        if not separator:
            return None
        if scheme not in self._filesystems:
            raise EngineError(
                "engine.filesystem_missing",
                f"no filesystem was given for {scheme}://",
                hint=f"install the extra for {scheme} and configure the lake's options",
            )
        return self._filesystems[scheme]
