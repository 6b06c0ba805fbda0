"""What connectors are tested in: a landing in a folder, a context and settings."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from afluente.core.clock import SetClock
from afluente.core.errors import Place
from afluente.project.option import Option
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.source import LandedFile, SourceContext


class FolderLanding:
    """Files under one folder, named by their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, source_name: str, file_name: str, content: Path | BinaryIO) -> LandedFile:
        place = self.folder / source_name / "incoming"
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as copy:
            if isinstance(content, Path):
                with content.open("rb") as stream:
                    shutil.copyfileobj(stream, copy)
            else:
                shutil.copyfileobj(content, copy)
        with place.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        path = f"{source_name}/{digest}/{file_name}"
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        place.rename(self.folder / path)
        return LandedFile(path, digest, (self.folder / path).stat().st_size)

    def open(self, landed: LandedFile) -> BinaryIO:
        return (self.folder / landed.path).open("rb")


@pytest.fixture
def context(tmp_path: Path) -> SourceContext:
    def resolve(secret: SecretReference) -> str:
        return f"value of {secret.target}"

    clock = SetClock(datetime(2026, 7, 1, tzinfo=UTC))
    return SourceContext(tmp_path, resolve, clock, FolderLanding(tmp_path / ".landing"))


Settings = Callable[..., SourceSettings]


@pytest.fixture
def settings() -> Settings:
    def make(options: Mapping[str, Option | SecretReference], *, connector: str = "files") -> SourceSettings:
        return SourceSettings("fonte", connector, (), options, Place("afluente.yaml", 7))

    return make
