"""Landed files without the person: each is replaced by a copy that lacks the person's records.

Landing keeps files as they were sent, so the copy has another sha256: the certificate records both. Delimited text and
JSON lines lose single records, byte for byte the same otherwise, also inside gzip, zstd and zip; Parquet loses rows. A
file of any other form that holds the person goes whole: its rows are in bronze already.

Invariant: the copy is landed before the original is deleted; no file that holds a strong token is left.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from afluente.core.tables import TableName
from afluente.products.governance.row_match import by_texts, by_values
from afluente.products.governance.table_files import store_of
from afluente.products.governance.text_search import lines_with, mentions
from afluente.sources.unpack import packing_of

if TYPE_CHECKING:
    from afluente.lake.landing import LandedFile
    from afluente.runs.steps.workspace import Workspace

_DELIMITERS = ",;\t|"
_FIELD_BYTES = 1 << 24
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Redacted:
    """A landed file that held the person. `sha256_after` is empty when the file went whole."""

    source: str
    sha256_before: str
    sha256_after: str
    records: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells a record: values of named columns, or a token anywhere."""

    columns: Mapping[str, Collection[str]]
    texts: Collection[str]
    pattern: re.Pattern[str] | None


def redact_landing(workspace: Workspace, table: TableName, marks: Marks, *, is_dry_run: bool) -> Iterator[Redacted]:
    """Every landed file of the sources of a bronze table that holds the person."""
    landing = workspace.lake.landing
    for settings in workspace.project.sources:
        if table not in settings.into:
            continue
        for landed in landing.files(settings.name):
            with landing.open(landed) as stream:
                content = stream.read()
            after, records = without_person(landed.name, content, marks)
            if after == content:
                continue
            sha256 = ""
            if not is_dry_run:
                sha256 = _replace(workspace, landed, after)
            yield Redacted(settings.name, landed.sha256, sha256, records, landed.size_bytes)


def _replace(workspace: Workspace, landed: LandedFile, after: bytes | None) -> str:
    landing = workspace.lake.landing
    sha256 = "" if after is None else landing.put(landed.source, landed.name, io.BytesIO(after)).sha256
    store_of(workspace.lake).delete(landing.address_of(landed))
    return sha256


def without_person(name: str, content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    """The content without the person's records and how many those were; None when the whole file has to go."""
    try:
        match packing_of(name):
            case "gzip":
                return _within_gzip(name, content, marks)
            case "zstd":
                return _within_zstd(name, content, marks)
            case "zip":
                return _within_zip(content, marks)
            case "none":
                return _plain(name, content, marks)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error):
        return (None, 0) if _mentions(content, marks) else (content, 0)


def _within_gzip(name: str, content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    import gzip

    plain = gzip.decompress(content)
    after, records = _plain(str(PurePosixPath(name).with_suffix("")), plain, marks)
    if after is None or after == plain:
        return (None, records) if after is None else (content, 0)
    return gzip.compress(after, mtime=0), records


def _within_zstd(name: str, content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        plain = stream.read()
    after, records = _plain(str(PurePosixPath(name).with_suffix("")), plain, marks)
    if after is None or after == plain:
        return (None, records) if after is None else (content, 0)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(after)
    return sink.getvalue().to_pybytes(), records


def _within_zip(content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    sink = io.BytesIO()
    removed = 0
    is_changed = False
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in before.infolist():
            plain = before.read(member)
            after, records = without_person(member.filename, plain, marks)
            removed += records
            is_changed = is_changed or after != plain
            if after is not None:
                copy.writestr(member, after)
    return (sink.getvalue(), removed) if is_changed else (content, 0)


def _plain(name: str, content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    if content[:4] == _PARQUET_MAGIC:
        return _parquet(content, marks)
    if PurePosixPath(name).suffix.lower() == ".json":
        return _json(content, marks)
    text, encoding = _decoded(content)
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        kept, records = _lines(text, marks)
    else:
        kept, records = _delimited(text, marks)
    after = kept.encode(encoding)
    return (None, records) if _mentions(after, marks) else (after if records else content, records)


def _decoded(content: bytes) -> tuple[str, str]:
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _delimited(text: str, marks: Marks) -> tuple[str, int]:
    """Records of delimited text, quoted line ends included, each kept as it stands or left out."""
    csv.field_size_limit(_FIELD_BYTES)
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    spans: list[str] = []
    given = list(io.StringIO(text, newline=""))
    marked = _marked(given, marks)
    is_marked = False

    def lines() -> Iterator[str]:
        nonlocal is_marked
        for at, line in enumerate(given):
            spans.append(line)
            is_marked = is_marked or at in marked
            yield line

    kept: list[str] = []
    removed = 0
    names: list[str] | None = None
    for fields in csv.reader(lines(), delimiter=delimiter):
        record = "".join(spans)
        spans.clear()
        if names is None:
            names = [name.strip().lstrip("\ufeff").casefold() for name in fields]
            kept.append(record)
        elif is_marked or _has_values(dict(zip(names, fields, strict=False)), marks):
            removed += 1
        else:
            kept.append(record)
        is_marked = False
    return "".join([*kept, *spans]), removed


def _lines(text: str, marks: Marks) -> tuple[str, int]:
    kept = []
    removed = 0
    lines = list(io.StringIO(text, newline=""))
    marked = _marked(lines, marks)
    for at, line in enumerate(lines):
        try:
            found = json.loads(line) if line.strip() else None
        except ValueError:
            found = None
        fields = {name.casefold(): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
        is_hidden = "\\" in line and found is not None and _mentions_text(_spelled(found), marks)
        if at in marked or is_hidden or _has_values(fields, marks):
            removed += 1
        else:
            kept.append(line)
    return "".join(kept), removed


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json(content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    """A whole JSON document: the objects of its lists that are the person's are left out."""
    removed = 0

    def cut(value: object) -> object:
        nonlocal removed
        if isinstance(value, dict):
            return {name: cut(inner) for name, inner in value.items()}
        if not isinstance(value, list):
            return value
        kept = []
        for item in value:
            fields = {name.casefold(): str(inner) for name, inner in item.items()} if isinstance(item, dict) else {}
            if isinstance(item, dict) and (_has_values(fields, marks) or _mentions_text(_spelled(item), marks)):
                removed += 1
            else:
                kept.append(cut(item))
        return kept

    after = json.dumps(cut(json.loads(content)), ensure_ascii=False).encode()
    if not removed:
        return (None, 0) if _mentions(content, marks) else (content, 0)
    return (None if _mentions(after, marks) else after), removed


def _parquet(content: bytes, marks: Marks) -> tuple[bytes | None, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(content))
    mask = by_values(table, marks.columns) | by_texts(table, marks.texts)
    if not mask.any():
        return content, 0
    sink = pa.BufferOutputStream()
    pq.write_table(table.filter(pa.array(~mask)), sink)
    return sink.getvalue().to_pybytes(), int(mask.sum())


def _marked(lines: Sequence[str], marks: Marks) -> set[int]:
    return lines_with(marks.pattern, lines) if marks.pattern is not None else set()


def _has_values(fields: Mapping[str, str], marks: Marks) -> bool:
    for name, values in marks.columns.items():
        value = fields.get(name.casefold())
        if value is not None and (value in values or value.strip() in values):
            return True
    return False


def _mentions(content: bytes, marks: Marks) -> bool:
    return _mentions_text(_decoded(content)[0], marks)


def _mentions_text(text: str, marks: Marks) -> bool:
    return marks.pattern is not None and mentions(marks.pattern, text)
