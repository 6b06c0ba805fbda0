"""The lake's landing in the shape sources ask for."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from afluente.lake import landing as lake_landing
from afluente.sources.source import LandedFile


class SourceLanding:
    """Implements the sources' Landing over the lake's."""

    def __init__(self, landing: lake_landing.Landing) -> None:
        self._landing = landing

    def put(self, source_name: str, file_name: str, content: Path | BinaryIO) -> LandedFile:
        if isinstance(content, Path):
            with content.open("rb") as stream:
                put = self._landing.put(source_name, file_name, stream)
        else:
            put = self._landing.put(source_name, file_name, content)
        return LandedFile(put.path, put.sha256, put.size_bytes)

    def open(self, landed: LandedFile) -> BinaryIO:
        return self._landing.open(lake_landing.LandedFile(landed.path, landed.sha256, landed.size_bytes))
