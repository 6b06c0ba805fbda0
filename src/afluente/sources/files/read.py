"""The connector `files`: only new or changed files, known by content, are landed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from afluente.core.errors import Problem, SourceError
from afluente.project.settings import SourceSettings
from afluente.sources.files import config as files_config
from afluente.sources.files.config import Config
from afluente.sources.files.listing import FoundFile, list_files
from afluente.sources.files.memory import Memory, SeenFile
from afluente.sources.options import raise_problems
from afluente.sources.source import Discovery, Landed, Parsed, Position, Reading, SourceContext

if TYPE_CHECKING:
    from afluente.sources.files.parse import FileParser


class Files:
    """Connector of files in folders."""

    def check(self, settings: SourceSettings) -> list[Problem]:
        config = files_config.parse(settings)
        return config if isinstance(config, list) else []

    def open(self, settings: SourceSettings, context: SourceContext) -> FilesSource:
        config = files_config.parse(settings)
        if isinstance(config, list):
            raise_problems(config)
            raise AssertionError("options with problems that are all warnings")
        return FilesSource(config, context)


class FilesSource:
    """The files that match the patterns."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context

    def discover(self) -> Discovery:
        files = self._list()
        size_bytes = sum(file.size_bytes for file in files)
        return Discovery(f"{len(files)} files, {size_bytes} bytes", tuple(file.identity for file in files))

    def read(self, position: Position) -> Reading:
        return Reading(position, self._units(Memory(position, self._options_digest())))

    def parse(self, landed: Landed) -> Parsed:
        return self._parser().parse(landed)

    def _parser(self) -> FileParser:
        from afluente.sources.files.parse import FileParser

        return FileParser(self._config, self._context.landing)

    def _options_digest(self) -> str:
        meaning = replace(self._config, name="", paths=(), is_optional=False, allows_empty=False)
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]

    def _list(self) -> list[FoundFile]:
        return list_files(self._config.paths, self._context.project_root, is_optional=self._config.is_optional)

    def _units(self, memory: Memory) -> Iterator[Landed | Position]:
        files = self._list()
        changed = [file for file in files if self._is_changed(file, memory)]
        for file in changed:
            yield from self._land(file, memory)
        for file in files:
            if memory.get(file.identity) is None or memory.is_orphan(file.identity):
                yield from self._land(file, memory)
        yield memory.position()

    def _is_changed(self, file: FoundFile, memory: Memory) -> bool:
        """Whether a file already seen has other bytes now; a file only touched is remembered as it is now."""
        seen = memory.get(file.identity)
        if seen is None or (seen.size_bytes, seen.mtime_ns) == (file.size_bytes, file.mtime_ns):
            return False
        if seen.size_bytes == file.size_bytes and _sha256(file) == seen.sha256:
            touched = replace(seen, mtime_ns=file.mtime_ns)
            if seen.same_as:
                memory.point(file.identity, touched, seen.same_as)
            else:
                memory.own(file.identity, touched)
            return False
        memory.release(file.identity)
        return True

    def _land(self, file: FoundFile, memory: Memory) -> Iterator[Landed | Position]:
        try:
            landed = self._context.landing.put(self._config.name, file.identity, file.path)
            stat = file.path.stat()
        except FileNotFoundError:
            raise _changed(file, "it was removed") from None
        except PermissionError as error:
            raise _unreadable(file, error) from error
        if (stat.st_size, stat.st_mtime_ns) != (file.size_bytes, file.mtime_ns) or landed.size_bytes != stat.st_size:
            raise _changed(file, "it was written to")
        seen = SeenFile(file.size_bytes, file.mtime_ns, landed.sha256)
        owner = memory.owner(landed.sha256)
        if owner is not None:
            memory.point(file.identity, seen, owner)
            yield memory.position()
            return
        memory.own(file.identity, seen)
        yield Landed(file.identity, landed, memory.position())


def _sha256(file: FoundFile) -> str:
    try:
        with file.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except PermissionError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: FoundFile, error: OSError) -> SourceError:
    return SourceError(
        "source.file_unreadable",
        f"'{file.identity}' cannot be read: {error.strerror}",
        hint="give the user that runs afluente the right to read it",
    )


def _changed(file: FoundFile, what: str) -> SourceError:
    return SourceError(
        "source.file_changed",
        f"'{file.identity}' changed while it was read: {what}",
        hint="run again when the file is whole; write it under another name and rename it at the end",
        retryable=True,
    )
