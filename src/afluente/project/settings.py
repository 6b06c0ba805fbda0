"""The settings of a project as frozen dataclasses. Nothing here opens a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import Place
from afluente.core.language import Language
from afluente.core.tables import TableName
from afluente.project.contract import Contract
from afluente.project.model import Model
from afluente.project.option import Option
from afluente.project.secret_reference import SecretReference

if TYPE_CHECKING:
    from afluente.project.alert_settings import AlertSettings
    from afluente.project.fleet_settings import FleetSettings
    from afluente.project.product import Product


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which engine refines. `url` is the Spark Connect address; memory and threads bound DuckDB (0: its own choice).

    `options` are further fields of the Spark Connect address (`token`), secrets as references.
    """

    kind: Literal["duckdb", "spark"] = "duckdb"
    url: str | None = None
    memory_limit: str = ""
    threads: int = 0
    options: Mapping[str, str | SecretReference] = field(default_factory=dict)
    place: Place = field(default_factory=lambda: Place("afluente.yaml"))


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Where the tables live: a folder relative to the project, or an object store's URL with its options."""

    url: str
    options: Mapping[str, str | SecretReference] = field(default_factory=dict)
    place: Place = field(default_factory=lambda: Place("afluente.yaml"))


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source. `options` are the connector's own, read by it; secrets stand in them as SecretReference."""

    name: str
    connector: str
    into: tuple[TableName, ...]
    options: Mapping[str, Option | SecretReference]
    place: Place
    concurrency: int = 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """When which tables run; cron in the project's time zone. No tables means all."""

    name: str
    cron: str
    tables: tuple[TableName, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Project:
    """Everything a project's files say, already checked.

    `output_contracts` describe what releases give (`release.NAME`); nothing is conformed to them.
    """

    root: Path
    name: str
    timezone: str
    language: Language
    lake: LakeSettings
    state: str | SecretReference
    engine: EngineSettings
    sources: tuple[SourceSettings, ...]
    schedules: tuple[Schedule, ...]
    contracts: tuple[Contract, ...]
    models: tuple[Model, ...]
    place: Place
    products: tuple[Product, ...] = ()
    output_contracts: tuple[Contract, ...] = ()
    alerts: AlertSettings | None = None
    fleet: FleetSettings | None = None
