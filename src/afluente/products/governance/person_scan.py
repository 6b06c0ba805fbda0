"""Looking for a person in every file of a project, as whoever seizes the disk would: packed files unpacked, Parquet
decoded, databases byte by byte.

Invariant: nothing is written, and what is found is told by path and count, never by value.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.products.governance.table_files import store_of
from afluente.products.governance.text_search import lines_with, mentions

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.runs.steps.workspace import Workspace

_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that still holds the person. `path` is relative to the project, or the address in an object store."""

    path: str
    matches: int


def scan(workspace: Workspace, pattern: re.Pattern[str]) -> list[Trace]:
    """Every file of the project and of its lake in which the pattern stands."""
    root = workspace.project.root.absolute()
    lake = workspace.lake
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            matches = occurrences(path.read_bytes(), pattern)
            if matches:
                found.append(Trace(path.relative_to(root).as_posix(), matches))
    if lake.location.is_local and Path(lake.location.root).is_relative_to(root):
        return found
    store = store_of(lake)
    for file in store.files(lake.location.root):
        address = f"{lake.location.root}/{file.path}"
        matches = occurrences(store.read_bytes(address) or b"", pattern)
        if matches:
            found.append(Trace(address, matches))
    return found


def occurrences(content: bytes, pattern: re.Pattern[str]) -> int:
    """How often the pattern stands in the bytes, in what they unpack to, and in the values of Parquet."""
    text = content.decode("utf-8", errors="replace")
    matches = sum(1 for _ in pattern.finditer(text)) if mentions(pattern, text) else 0
    try:
        for inner in _unpacked(content):
            matches += occurrences(inner, pattern)
        if content[:4] == _PARQUET:
            matches += _in_parquet(content, pattern)
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile):
        return matches
    return matches


def _unpacked(content: bytes) -> Iterator[bytes]:
    if content[:2] == _GZIP:
        yield gzip.decompress(content)
    elif content[:4] == _ZSTD:
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            yield stream.read()
    elif content[:4] == _ZIP:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for member in packed.infolist():
                yield packed.read(member)


def _in_parquet(content: bytes, pattern: re.Pattern[str]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    matches = 0
    for column in pq.read_table(pa.BufferReader(content)).columns:
        texts = list(_texts(column))
        matches += sum(1 for at in lines_with(pattern, texts) for _ in pattern.finditer(texts[at]))
    return matches


def _texts(column: pa.ChunkedArray) -> Iterator[str]:
    import pyarrow.types as pt

    if pt.is_string(column.type) or pt.is_large_string(column.type):
        yield from (text for text in column.unique().to_pylist() if text)
    elif pt.is_nested(column.type):
        yield from (str(value) for value in column.to_pylist() if value)
    elif pt.is_integer(column.type):
        yield from (str(value) for value in column.unique().to_pylist() if value is not None)
