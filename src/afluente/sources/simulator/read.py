"""The connector `simulator`: a company's dirty files, landed and parsed like any other's.

Invariant: what is landed depends on the options alone; the truth stands outside landing, where no source looks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import CheckFailed, Problem, SourceError
from afluente.project.settings import SourceSettings
from afluente.sources.simulator.config import Config, parse
from afluente.sources.source import Discovery, Landed, Parsed, Position, Reading, Source, SourceContext

if TYPE_CHECKING:
    from afluente.sources.simulator.company import Simulation
    from afluente.sources.simulator.sheet import SimulatedFile


class Simulator:
    """Entry point `simulator`."""

    def check(self, settings: SourceSettings) -> list[Problem]:
        config = parse(settings)
        return config if isinstance(config, list) else []

    def open(self, settings: SourceSettings, context: SourceContext) -> Source:
        config = parse(settings)
        if isinstance(config, list):
            raise CheckFailed(config)
        return SimulatedSource(settings.name, config, context)


class SimulatedSource:
    """One table of the simulated company."""

    def __init__(self, name: str, config: Config, context: SourceContext) -> None:
        self._name = name
        self._config = config
        self._context = context

    def discover(self) -> Discovery:
        config = self._config
        names = self._file_names()
        return Discovery(f"{config.table} of a simulated company: {config.rows} orders, seed {config.seed}", names)

    def read(self, position: Position) -> Reading:
        return Reading(position, self._units(position))

    def _units(self, position: Position) -> Iterator[Landed]:
        digest = self._config.digest
        known = position.get("files") if position.get("simulation") == digest else []
        done = [str(name) for name in known] if isinstance(known, list) else []
        if not set(self._file_names()) - set(done):
            return
        from afluente.sources.simulator.emit import STYLES, truth_path, write_csv, write_truth

        path = truth_path(self._context.project_root / self._config.truth, self._config.table)
        with tempfile.TemporaryDirectory(prefix="simulator-", dir=self._context.temp_folder()) as folder:
            try:
                for file in write_truth(self._simulate(), path):
                    if file.name in done:
                        continue
                    exported = Path(folder) / file.name
                    write_csv(file, STYLES[self._config.table], exported)
                    landed = self._context.landing.put(self._name, file.name, exported)
                    exported.unlink()
                    done.append(file.name)
                    yield Landed(file.name, landed, {"simulation": digest, "files": list(done)})
            except OSError as error:
                raise SourceError(
                    "source.simulator_write",
                    f"source {self._name}: the simulated files could not be written: {error.strerror}",
                    hint="free disk space or check the permissions of the project's folder",
                    retryable=True,
                ) from error

    def parse(self, landed: Landed) -> Parsed:
        from afluente.sources.delimited.reading import DelimitedText, Format
        from afluente.sources.files.encoding import to_utf8
        from afluente.sources.simulator.emit import STYLES
        from afluente.sources.unpack import Bounds, packing_of, unpack

        style = STYLES[self._config.table]
        stream = self._context.landing.open(landed.file)
        packing = packing_of(landed.source)
        unit = landed.source
        pieces = unpack(stream, packing, unit=unit, size_bytes=landed.file.size_bytes, bounds=Bounds())
        text_format = Format(delimiter=style.delimiter)
        text = DelimitedText(to_utf8(pieces, style.encoding, unit=unit), text_format, unit=unit)
        return Parsed(text.schema, text.batches(), text.warnings)

    def _simulation(self) -> Simulation:
        from afluente.sources.simulator.company import Simulation

        config = self._config
        return Simulation(
            seed=config.seed,
            rows=config.rows,
            months=config.months,
            first_month=config.first_month,
            shares=config.shares,
        )

    def _file_names(self) -> tuple[str, ...]:
        from afluente.sources.simulator.generate import file_names

        return file_names(self._config.table, self._simulation())

    def _simulate(self) -> Iterator[SimulatedFile]:
        from afluente.sources.simulator.generate import simulate

        return simulate(self._config.table, self._simulation())
