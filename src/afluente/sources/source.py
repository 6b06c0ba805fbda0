"""The seam between the platform and whatever gives it data.

A connector is checked without being opened, opened without reading, read into landing and parsed from there:

    connector.open(settings, context) -> Source
    source.read(position) -> Reading         iterate: one Landed for each new unit; its bytes are in landing as sent
    source.parse(landed) -> Parsed           a schema and batches of rows, each batch with the lines it refused

Invariant: what `parse` gives depends only on the `Landed` and the settings, never on the source again; a Landed
survives a trip through JSON; a unit read twice from the same position has the same identity (`Landed.source`),
so that writing it again replaces its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from afluente.core.clock import Clock
from afluente.core.errors import Problem
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings

if TYPE_CHECKING:
    import pyarrow as pa

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Position: TypeAlias = Mapping[str, Json]

SOURCE_ROW = "_source_row"
RESERVED_COLUMNS = ("_source", SOURCE_ROW, "_ingested_at", "_run_id")
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file in landing. `path` is the landing's own name for it and means nothing elsewhere."""

    path: str
    sha256: str
    size_bytes: int


class Landing(Protocol):
    """Keeps files as they were sent. What was put is never changed; the same content put twice may be kept once."""

    def put(self, source_name: str, file_name: str, content: Path | BinaryIO) -> LandedFile:
        """Copy a local file, or a binary stream to its end. `file_name` may hold `/`; it is safe, never `..`."""
        ...

    def open(self, landed: LandedFile) -> BinaryIO:
        """The bytes again, from their beginning. The stream need not be seekable."""
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a connector is given. `resolve` turns a reference into the secret at the last moment.

    `temp_folder` is where what is needed for a moment is kept; None is the system's own place.
    """

    project_root: Path
    resolve: Callable[[SecretReference], str]
    clock: Clock
    landing: Landing
    temp_folder: Callable[[], Path | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Landed:
    """One unit in landing, not parsed yet.

    `source` is its identity, written to `_source`: rows of the same identity are replaced. `companion` is a second
    file the connector needs to parse it (a schema). `position` is what to save once this unit is committed.
    """

    source: str
    file: LandedFile
    position: Position
    companion: LandedFile | None = None

    def to_json(self) -> dict[str, Json]:
        return {
            "source": self.source,
            "file": _file_to_json(self.file),
            "position": dict(self.position),
            "companion": _file_to_json(self.companion) if self.companion else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Landed:
        companion, position = value["companion"], value["position"]
        if not isinstance(position, dict):
            raise TypeError("a landed unit's position is a mapping")
        return cls(
            source=str(value["source"]),
            file=_file_from_json(value["file"]),
            position=position,
            companion=_file_from_json(companion) if companion else None,
        )


def _file_to_json(file: LandedFile) -> dict[str, Json]:
    return {"path": file.path, "sha256": file.sha256, "size_bytes": file.size_bytes}


def _file_from_json(value: Json) -> LandedFile:
    if not isinstance(value, dict):
        raise TypeError("a landed file is a mapping")
    return LandedFile(str(value["path"]), str(value["sha256"]), int(str(value["size_bytes"])))


class Reading:
    """The units found since a position, one after another.

    `position` is what to save when everything yielded so far is committed. After the last unit it may have moved
    on without a unit (a file was touched but not changed), so it is worth saving at the end even when none came.
    """

    def __init__(self, position: Position, units: Iterator[Landed | Position]) -> None:
        self.position = position
        self._units = units

    def __iter__(self) -> Iterator[Landed]:
        for unit in self._units:
            if isinstance(unit, Landed):
                self.position = unit.position
                yield unit
            else:
                self.position = unit


@dataclass(frozen=True, slots=True)
class Reject:
    """A line or record that cannot be read. `text` is cut at 64 KiB; `line` counts from 1, 0 is unknown.

    `source_row` is the number the record would have had: numbers of rows and rejects never repeat.
    """

    source_row: int
    line: int
    text: str
    rule: str
    reason_pt: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows, ending in the column `_source_row` (int64), and the rejects met on the way to them."""

    rows: pa.RecordBatch
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A unit as rows. `schema` ends in `_source_row`; `batches` can be read once and may raise SourceError midway.

    Text sources give strings only. `warnings` are fixed sentences about the unit as a whole.
    """

    schema: pa.Schema
    batches: Iterator[Batch]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a source offers now: names (files, a table, an address) and a sentence about the whole."""

    summary: str
    names: tuple[str, ...] = field(default=())


class Source(Protocol):
    """An opened source."""

    def discover(self) -> Discovery:
        """Reach the source without reading its data. SourceError when it cannot be reached."""
        ...

    def read(self, position: Position) -> Reading:
        """Land what is new since `position`; an empty position means everything."""
        ...

    def parse(self, landed: Landed) -> Parsed: ...


class Connector(Protocol):
    """A kind of source. Loading one imports no heavy library; `open` may."""

    def check(self, settings: SourceSettings) -> list[Problem]:
        """Every mistake in the options, without touching the source."""
        ...

    def open(self, settings: SourceSettings, context: SourceContext) -> Source:
        """ProjectError or CheckFailed when the options are wrong."""
        ...
