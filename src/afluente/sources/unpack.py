"""Bytes of a landed file: plain, gzip, zstd or the members of a zip, in pieces.

Invariant: nothing is written to disk and no more than a piece is held; a file that grows beyond the bounds, is cut or
is damaged is a SourceError, never a short read.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, Literal, cast

from afluente.core.errors import SourceError

PIECE_BYTES = 1024 * 1024
_SPOOL_BYTES = 64 * 1024 * 1024
Packing = Literal["none", "gzip", "zstd", "zip"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Against files that unpack to more than any disk. The ratio counts once `ratio_from_bytes` came out."""

    max_bytes: int = 64 * 1024**3
    max_ratio: int = 200
    ratio_from_bytes: int = 64 * 1024**2
    max_members: int = 10_000


def packing_of(name: str) -> Packing:
    """By the last extension."""
    match PurePosixPath(name).suffix.lower():
        case ".gz" | ".gzip":
            return "gzip"
        case ".zst" | ".zstd":
            return "zstd"
        case ".zip":
            return "zip"
        case _:
            return "none"


def unpacked_name(name: str) -> str:
    """The name without the packing's extension."""
    return name if packing_of(name) == "none" else str(PurePosixPath(name).with_suffix(""))


class _Meter:
    def __init__(self, bounds: Bounds, unit: str, packed_bytes: int) -> None:
        self._bounds, self._unit, self._packed_bytes = bounds, unit, max(packed_bytes, 1)
        self._members: dict[str, int] = {}

    def begin(self, member: str = "") -> None:
        """A member is about to be read, perhaps again."""
        self._members[member] = 0

    def count(self, piece: bytes, member: str = "") -> bytes:
        self._members[member] += len(piece)
        bounds, out = self._bounds, sum(self._members.values())
        is_bomb = out > bounds.ratio_from_bytes and out > bounds.max_ratio * self._packed_bytes
        if is_bomb or out > bounds.max_bytes:
            raise SourceError(
                "source.unpacks_too_large",
                f"{self._unit} holds {self._packed_bytes} bytes and unpacks to {out} or more, beyond the bounds",
                hint="if the file is right, raise max_unpacked_gb or max_unpack_ratio",
            )
        return piece


def cut_error(unit: str) -> SourceError:
    return SourceError(
        "source.file_cut",
        f"{unit} ends in the middle",
        hint="the file was cut while it was copied or written: send it again",
    )


def damaged_error(unit: str, reason: object) -> SourceError:
    return SourceError("source.file_damaged", f"{unit} is damaged: {reason}", hint="send the file again")


def read_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(PIECE_BYTES):
        yield piece


def unpack(stream: IO[bytes], packing: Packing, *, unit: str, size_bytes: int, bounds: Bounds) -> Iterator[bytes]:
    """The pieces of a file that holds one text (not zip)."""
    match packing:
        case "none":
            yield from read_pieces(stream)
        case "gzip":
            meter = _Meter(bounds, unit, size_bytes)
            meter.begin()
            for piece in _gunzip(stream, unit):
                yield meter.count(piece)
        case "zstd":
            meter = _Meter(bounds, unit, size_bytes)
            meter.begin()
            for piece in _unzstd(stream, unit):
                yield meter.count(piece)
        case "zip":
            raise AssertionError("a zip is read member by member")


def _gunzip(stream: IO[bytes], unit: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)
    is_fresh = True
    for piece in read_pieces(stream):
        rest = piece
        while rest:
            if is_fresh and not rest.strip(b"\x00"):
                break
            is_fresh = False
            try:
                inflated = inflater.decompress(rest, PIECE_BYTES)
            except zlib.error as error:
                raise damaged_error(unit, error) from None
            if inflated:
                yield inflated
            if inflater.eof:
                rest = inflater.unused_data
                inflater, is_fresh = zlib.decompressobj(wbits=31), True
            else:
                rest = inflater.unconsumed_tail
    while not is_fresh and (inflated := inflater.decompress(b"", PIECE_BYTES)):
        yield inflated
        is_fresh = inflater.eof
    if not is_fresh and not inflater.eof:
        raise cut_error(unit)


def _unzstd(stream: IO[bytes], unit: str) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd") as unpacked:
            while piece := unpacked.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        if "truncated" in str(error).lower():
            raise cut_error(unit) from None
        raise damaged_error(unit, error) from None


def seekable(stream: BinaryIO) -> BinaryIO:
    """The stream itself, or a copy of it that can be read at any place."""
    if stream.seekable():
        return stream
    copy = cast("BinaryIO", SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115
    for piece in read_pieces(stream):
        copy.write(piece)
    copy.seek(0)
    stream.close()
    return copy


class ZipMembers:
    """A zip's files, in the order of their names. Names serve to choose and to report, never as paths."""

    def __init__(self, stream: BinaryIO, *, unit: str, pattern: str, bounds: Bounds) -> None:
        self._unit, self._bounds = unit, bounds
        self._stream = seekable(stream)
        try:
            self._zip = zipfile.ZipFile(self._stream)
        except zipfile.BadZipFile as error:
            size = self._stream.seek(0, 2)
            self._stream.seek(0)
            is_cut = self._stream.read(2) == b"PK" and size
            raise (cut_error(unit) if is_cut else damaged_error(unit, error)) from None
        infos = [info for info in self._zip.infolist() if _is_wanted(info, pattern)]
        if len(infos) > bounds.max_members:
            raise SourceError(
                "source.unpacks_too_large",
                f"{unit} holds {len(infos)} files, more than {bounds.max_members}",
                hint="choose among them with the option members",
            )
        names = Counter(info.filename for info in infos)
        if repeated := next((name for name, times in names.items() if times > 1), None):
            raise SourceError(
                "source.repeated_member",
                f"{unit} holds '{repeated}' {names[repeated]} times",
                hint="pack each file under a name of its own, so that none hides another",
            )
        self._infos = {info.filename: info for info in sorted(infos, key=lambda info: info.filename)}
        self._meter = _Meter(bounds, unit, sum(info.compress_size for info in infos))
        if not infos:
            raise SourceError(
                "source.no_members",
                f"{unit} holds no file that matches '{pattern}'",
                hint="set the option members to a pattern of names inside the zip",
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._infos)

    def pieces(self, name: str) -> Iterator[bytes]:
        info = self._infos[name]
        if info.flag_bits & 0x1:
            raise SourceError(
                "source.zip_encrypted",
                f"{self._unit}: '{name}' is encrypted",
                hint="send the zip without a password",
            )
        self._meter.begin(name)
        try:
            with self._zip.open(info) as member:
                for piece in read_pieces(member):
                    yield self._meter.count(piece, name)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise damaged_error(f"{self._unit}: '{name}'", error) from None

    def close(self) -> None:
        self._zip.close()
        self._stream.close()


def _is_wanted(info: zipfile.ZipInfo, pattern: str) -> bool:
    path = PurePosixPath(info.filename)
    if info.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts:
        return False
    return fnmatch(info.filename, pattern) or fnmatch(path.name, pattern)
