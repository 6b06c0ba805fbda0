"""Which files a source's patterns mean now, each with an identity that does not depend on where the folder lies.

Invariant: a folder that leads back to one above it is not entered again, and one that cannot be listed is an error:
files are never left out in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from afluente.core.errors import SourceError
from afluente.core.nearest import nearest

_MAGIC = "*?["


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file. `identity` is its path from the deepest folder that all patterns share, with `/`."""

    path: Path
    identity: str
    size_bytes: int
    mtime_ns: int


def list_files(patterns: Sequence[str], root: Path, *, is_optional: bool) -> list[FoundFile]:
    """Every file once, by identity. SourceError `source.file_missing` for a pattern that finds none."""
    full = [os.path.normpath(os.path.join(root, pattern)) for pattern in patterns]  # noqa: PTH118
    base = os.path.commonpath([_fixed_folder(pattern) for pattern in full])
    found: dict[str, FoundFile] = {}
    for written, pattern in zip(patterns, full, strict=True):
        try:
            paths = _match(pattern)
            if not paths and not is_optional:
                raise _missing(written, pattern)
            for path in paths:
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue
                identity = _text(path.relative_to(base).as_posix())
                found[identity] = FoundFile(path, identity, stat.st_size, stat.st_mtime_ns)
        except PermissionError as error:
            raise _unreadable(written, error) from error
    return [found[identity] for identity in sorted(found)]


def _match(pattern: str) -> list[Path]:
    literal = Path(pattern)
    if literal.is_file():
        return [literal]
    if not any(character in pattern for character in _MAGIC):
        return []
    folder = Path(_fixed_folder(pattern))
    if not folder.is_dir():
        return []
    return list(dict.fromkeys(_descend(folder, literal.relative_to(folder).parts, (_place(folder),))))


def _descend(folder: Path, parts: Sequence[str], above: Sequence[tuple[int, int]]) -> Iterator[Path]:
    """The files under a folder that the rest of a pattern means. `above` are the folders on the way, itself included."""
    first, *rest = parts
    if first == "**":
        yield from _descend(folder, rest or ("*",), above)
    matches = re.compile(translate("*" if first == "**" else first)).match
    for name in sorted(entry.name for entry in os.scandir(folder)):
        if not matches(name) or (name.startswith(".") and not first.startswith(".")):
            continue
        path = folder / name
        if first != "**" and not rest:
            if path.is_file():
                yield path
        elif path.is_dir() and (place := _place(path)) not in above:
            yield from _descend(path, parts if first == "**" else rest, (*above, place))


def _place(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _fixed_folder(pattern: str) -> str:
    parts = Path(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if any(c in part for c in _MAGIC)), len(parts) - 1)
    return str(Path(*parts[: max(fixed, 1)]))


def _missing(written: str, pattern: str) -> SourceError:
    folder = Path(_fixed_folder(pattern))
    name = Path(pattern).name
    if folder.is_dir():
        names = sorted(_text(entry.name) for entry in os.scandir(folder) if Path(entry).is_file())
        near = nearest(name, names)
        shown = f"did you mean '{near}'?" if near else f"the folder holds: {', '.join(names[:5]) or 'no file'}"
        hint = f"{shown}; with optional: true no file is no error"
    else:
        hint = f"the folder '{_nearest_existing(folder)}' exists, and nothing deeper of the path"
    return SourceError("source.file_missing", f"no file matches '{written}'", hint=hint)


def _unreadable(written: str, error: OSError) -> SourceError:
    name = _text(str(error.filename))
    return SourceError(
        "source.file_unreadable",
        f"'{written}' cannot be listed: {name}: {error.strerror}",
        hint="give the user that runs afluente the right to list the folder, or write a pattern that leaves it out",
    )


def _text(name: str) -> str:
    """A file's name as text that can be stored: bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _nearest_existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.is_dir())
