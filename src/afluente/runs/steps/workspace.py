"""A project opened for work: its lake, its state, its engine and its secrets, each opened at first use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from afluente.core.clock import Clock, SystemClock
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import Project
from afluente.runs.drive import are_steps_running
from afluente.runs.limits import Limits
from afluente.state.secret import resolve

if TYPE_CHECKING:
    from types import TracebackType

    from afluente.engines.engine import Engine
    from afluente.lake.lake import Lake
    from afluente.runs.steps.scratch import Scratch
    from afluente.sources.source import Source
    from afluente.state.database import Database

FOLDER = ".afluente"


class Workspace:
    """Opens nothing until it is asked. Close it, or use it in a `with`."""

    def __init__(
        self, project: Project, *, environment: Mapping[str, str] | None = None, clock: Clock | None = None
    ) -> None:
        self.project = project
        self.environment = os.environ if environment is None else environment
        self.clock = clock or SystemClock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the project keeps what is not data: state, logs, spill."""
        return self.project.root / FOLDER

    def secret(self, reference: SecretReference) -> str:
        """The secret's text, for the one call that needs it."""
        return resolve(reference, self.environment, self.project.root).reveal()

    def resolved(self, options: Mapping[str, str | SecretReference]) -> dict[str, str]:
        return {
            name: self.secret(value) if isinstance(value, SecretReference) else value for name, value in options.items()
        }

    @cached_property
    def lake(self) -> Lake:
        from afluente.lake.lake import Lake

        settings = self.project.lake
        options = self.resolved(settings.options)
        url = settings.url if "://" in settings.url else str((self.project.root / settings.url).absolute())
        return Lake(url, options, self.project.name, clock=self.clock, temp_folder=lambda: self.scratch.folder)

    @cached_property
    def scratch(self) -> Scratch:
        """Where this process keeps what it needs only while it works. What killed ones left goes first."""
        from afluente.runs.steps.scratch import Scratch

        opened = Scratch(self.folder / "spill")
        for name in opened.left:
            self._discard_stage(name)
        return opened

    @cached_property
    def stage(self) -> str:
        """Where this process keeps files that an engine has to read: beside the lake, for a Spark server to see."""
        return f"{self.lake.location.root}/.stage/{self.scratch.name}"

    @contextmanager
    def stage_folder(self, name: str) -> Iterator[str]:
        """A folder of this name in the stage, for as long as the `with` lasts."""
        self._discard_stage(f"{self.scratch.name}/{name}")
        try:
            yield f"{self.stage}/{name}"
        finally:
            self._discard_stage(f"{self.scratch.name}/{name}")

    def discard_stages(self) -> None:
        """Delete what any process left in the stage. Only while no run of the project goes on."""
        self._discard_stage("")

    def _discard_stage(self, name: str) -> None:
        folder, filesystem = f"{self.lake.location.root}/.stage/{name}".rstrip("/"), self.lake.filesystem()
        if filesystem is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        key = self.lake.location.key(folder)
        if filesystem.exists(key):
            filesystem.rm(key, recursive=True)

    @cached_property
    def state(self) -> Database:
        from afluente.state.database import open_state

        url = self.project.state
        return open_state(self.secret(url) if isinstance(url, SecretReference) else url, self.project.root)

    @cached_property
    def engine(self) -> Engine:
        from afluente.engines.open import open_engine

        filesystem = self.lake.filesystem()
        local = self.lake.location.is_local
        return open_engine(
            self.project.engine,
            timezone=self.project.timezone,
            temp_folder=self.scratch.folder,
            filesystems={} if filesystem is None else {self.lake.location.scheme: filesystem},
            folders=[self.lake.location.root] if local else (),
            stage=self.stage,
            spark_options=self.resolved(self.project.engine.options),
        )

    def source(self, name: str) -> Source:
        """The source of this name, opened."""
        from afluente.runs.steps.landing import SourceLanding
        from afluente.sources.registry import open_source
        from afluente.sources.source import SourceContext

        settings = next(source for source in self.project.sources if source.name == name)
        landing = SourceLanding(self.lake.landing)
        context = SourceContext(
            self.project.root, self.secret, self.clock, landing, temp_folder=lambda: self.scratch.folder
        )
        return open_source(settings, context)

    def limits(self) -> Limits:
        """How many steps run at once, from the sources' settings."""
        return Limits(sources={source.name: source.concurrency for source in self.project.sources})

    def close(self) -> None:
        """Close what was opened, unless steps of an interrupted run still use it: the process is about to end."""
        if are_steps_running():
            return
        for name in ("engine", "state"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()
        if "scratch" in self.__dict__:
            if self.__dict__.pop("stage", None) is not None:
                self._discard_stage(self.scratch.name)
            self.__dict__.pop("scratch").close()
