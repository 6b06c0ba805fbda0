"""afluente.yaml to settings.

Invariant: every mistake is noted with its line and none raises; secrets leave here as references only, and a
literal secret never enters a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from afluente.core.errors import Place
from afluente.core.language import Language
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.alert_settings import AlertSettings
from afluente.project.cron import cron_mistake
from afluente.project.fields import Fields, read_table
from afluente.project.fleet_settings import FleetSettings
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.read_alerts import read_alerts
from afluente.project.read_fleet import read_fleet
from afluente.project.read_options import Options
from afluente.project.secret_reference import PREFIX, SecretReference, find_literal_secrets
from afluente.project.settings import EngineSettings, LakeSettings, Schedule, SourceSettings
from afluente.project.substitution import begins_with_variable, substitute
from afluente.project.yaml_node import Node

FILE = "afluente.yaml"
DEFAULT_STATE = "sqlite:///.afluente/state.db"
DEFAULT_LAKE = "lake"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
NAME_HINT = "a name is lower-case letters, digits, _ and -, and begins with a letter"

_KEYS = ("name", "timezone", "language", "lake", "state", "engine", "sources", "schedules", "alerts", "fleet")
_ENGINES: tuple[Literal["duckdb", "spark"], ...] = ("duckdb", "spark")
_LANGUAGES: tuple[Language, ...] = ("pt", "en")
_LAKE_SCHEMES = ("s3", "gs", "abfss", "az", "file")
_STATE_SCHEMES = ("sqlite", "postgresql")
_MEMORY = re.compile(r"\d+(\.\d+)?\s*(KB|MB|GB|TB|KiB|MiB|GiB|TiB|%)")
_SOURCE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What afluente.yaml alone says."""

    name: str
    timezone: str
    language: Language
    lake: LakeSettings
    state: str | SecretReference
    engine: EngineSettings
    sources: tuple[SourceSettings, ...]
    schedules: tuple[Schedule, ...]
    place: Place
    alerts: AlertSettings | None = None
    fleet: FleetSettings | None = None


def read_settings(
    node: Node, mistakes: Mistakes, *, environment: Mapping[str, str], typed_in: Path, known: Known
) -> Settings:
    """Read the tree of afluente.yaml. A relative path that came from a variable is taken from `typed_in`."""
    find_literal_secrets(node, mistakes)
    fields = Fields(substitute(node, environment, mistakes), mistakes, "the project")
    fields.only(_KEYS)
    options = Options(mistakes, typed_in)
    alerts = fields.get("alerts")
    fleet = fields.get("fleet")
    return Settings(
        name=_name(fields),
        timezone=_timezone(fields),
        language=fields.choice("language", _LANGUAGES, "pt"),
        lake=_lake(fields, options),
        state=_state(fields, options),
        engine=_engine(fields, options),
        sources=tuple(_source(name, source, mistakes, options, known) for name, source in _named(fields, "sources")),
        schedules=tuple(_schedule(name, schedule, mistakes) for name, schedule in _named(fields, "schedules")),
        place=mistakes.place(fields.node),
        alerts=None if alerts is None else read_alerts(alerts, mistakes),
        fleet=None if fleet is None else read_fleet(fleet, mistakes),
    )


def timezone_exists(name: str) -> bool:
    """Whether the time zone database has this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def note_timezone(name: str, mistakes: Mistakes, node: Node, what: str) -> None:
    """Note a time zone that does not exist."""
    if not timezone_exists(name):
        hint = did_you_mean(name, available_timezones())
        hint = hint if hint.startswith("did") else "such as America/Sao_Paulo or UTC"
        mistakes.add("project.timezone", f"{what}: time zone {name!r} does not exist", node, hint=hint)


def _name(fields: Fields) -> str:
    node = fields.require("name", hint="name: vendas")
    name = fields.text("name")
    if node is not None and name and not NAME.fullmatch(name):
        fields.mistakes.add("project.name", f"the project's name {name!r} is not a name", node, hint=NAME_HINT)
    return name


def _timezone(fields: Fields) -> str:
    node = fields.require("timezone", hint="timezone: America/Sao_Paulo")
    name = fields.text("timezone", "UTC")
    if node is not None and isinstance(node.value, str):
        note_timezone(name, fields.mistakes, node, "the project")
    return name


def _lake(fields: Fields, options: Options) -> LakeSettings:
    node = fields.get("lake")
    if node is None:
        return LakeSettings(DEFAULT_LAKE)
    place = fields.mistakes.place(node)
    if not node.mapping:
        url = fields.text("lake", DEFAULT_LAKE)
        inner: dict[str, str | SecretReference] = {}
    else:
        lake = Fields(node, fields.mistakes, "the lake")
        lake.require("url", hint="lake: {url: s3://bucket/folder, ...}")
        url = lake.text("url", DEFAULT_LAKE)
        inner = options.texts({key: item for key, item in node.mapping.items() if key != "url"})
    _check_scheme(url, _LAKE_SCHEMES, fields.mistakes, node, "the lake")
    return LakeSettings(url, inner, place)


def _state(fields: Fields, options: Options) -> str | SecretReference:
    node = fields.get("state")
    if node is None:
        return DEFAULT_STATE
    if node.is_scalar and node.raw.startswith(PREFIX):
        return options.reference(node) or DEFAULT_STATE
    url = fields.text("state", DEFAULT_STATE)
    if isinstance(node.value, str) and "://" not in url and not begins_with_variable(node):
        hint = "sqlite:///.afluente/state.db or postgresql://host/database"
        fields.mistakes.add("project.url", "the state is not an address", node, hint=hint)
    _check_scheme(url, _STATE_SCHEMES, fields.mistakes, node, "the state")
    return url


def _check_scheme(url: str, schemes: tuple[str, ...], mistakes: Mistakes, node: Node, what: str) -> None:
    scheme, separator, _ = url.partition("://")
    if separator and scheme.partition("+")[0] not in schemes:
        mistakes.add("project.url", f"{what} cannot stand on {scheme!r}", node, hint=did_you_mean(scheme, schemes))


def _engine(fields: Fields, options: Options) -> EngineSettings:
    node = fields.get("engine")
    mistakes = fields.mistakes
    if node is None:
        return EngineSettings()
    place = mistakes.place(node)
    if not node.mapping:
        kind = fields.choice("engine", _ENGINES, "duckdb")
        if kind == "spark":
            mistakes.add("project.missing_key", "engine spark has no address", node, hint='{spark: "sc://host:15002"}')
        return EngineSettings(kind, place=place)
    engine = Fields(node, mistakes, "the engine")
    if "spark" in engine:
        url = engine.text("spark")
        if not url.startswith("sc://") and (spark := engine.get("spark")) is not None and isinstance(spark.value, str):
            mistakes.add(
                "project.url", "Spark is reached through Spark Connect only", spark, hint='{spark: "sc://host:15002"}'
            )
        rest = {key: item for key, item in node.mapping.items() if key not in ("spark", "duckdb")}
        if (duckdb := engine.get("duckdb")) is not None:
            mistakes.add(
                "project.conflict", "the engine is both spark and duckdb", duckdb, is_key=True, hint="keep one"
            )
        return EngineSettings("spark", url, options=options.texts(rest), place=place)
    engine.only(("duckdb", "spark"))
    inner = engine.get("duckdb")
    if inner is None:
        return EngineSettings(place=place)
    duckdb_fields = Fields(inner, mistakes, "engine duckdb")
    duckdb_fields.only(("memory_limit", "threads"))
    limit = duckdb_fields.text("memory_limit")
    if limit and not _MEMORY.fullmatch(limit):
        mistakes.add(
            "project.wrong_value", f"memory limit {limit!r} has no unit", duckdb_fields.get("memory_limit"), hint="4GB"
        )
    return EngineSettings(memory_limit=limit, threads=duckdb_fields.integer("threads", 0), place=place)


def _named(fields: Fields, key: str) -> list[tuple[str, Node]]:
    """The entries of `sources` or `schedules`, each with a right name."""
    node = fields.get(key)
    if node is None:
        return []
    if not node.mapping and node.value != {}:
        fields.wrong(key, node, "a mapping of names")
        return []
    for name, item in node.mapping.items():
        if not _SOURCE_NAME.fullmatch(name):
            hint = "lower-case letters, digits and _"
            fields.mistakes.add("project.name", f"{name!r} in {key!r} is not a name", item, hint=hint, is_key=True)
    return list(node.mapping.items())


def _source(name: str, node: Node, mistakes: Mistakes, options: Options, known: Known) -> SourceSettings:
    fields = Fields(node, mistakes, f"source {name!r}")
    if node.mapping:
        connector = fields.require("connector", hint="such as files, postgres or http")
        connectors = None if known.connectors is None else tuple(known.connectors)
        if connectors is not None and connector is not None and connector.raw not in connectors:
            message = f"{fields.what} uses connector {connector.raw!r}, which does not exist"
            hint = did_you_mean(connector.raw, connectors)
            mistakes.add("project.unknown_connector", message, connector, hint=hint)
    into = fields.require("into", hint=f"into: bronze.{name}") if node.mapping else None
    named = [] if into is None else list(into.items) or [into]
    tables = [read_table(item, mistakes, fields.what, layers=("bronze",)) for item in named]
    own = {key: item for key, item in node.mapping.items() if key not in ("connector", "into", "concurrency")}
    return SourceSettings(
        name=name,
        connector=fields.text("connector"),
        into=tuple(table for table in tables if table is not None),
        options=options.read(own),
        place=mistakes.place(node, is_key=True),
        concurrency=fields.integer("concurrency", 1, minimum=1),
    )


def _schedule(name: str, node: Node, mistakes: Mistakes) -> Schedule:
    fields = Fields(node, mistakes, f"schedule {name!r}")
    fields.only(("cron", "run"))
    cron_node = fields.require("cron", hint='cron: "0 6 * * *"') if node.mapping else None
    cron = fields.text("cron")
    if cron_node is not None and cron and (mistake := cron_mistake(cron)):
        hint = "minute hour day-of-month month day-of-week, such as 0 6 * * *"
        mistakes.add("project.cron", f"schedule {name!r}: {mistake}", cron_node, hint=hint)
    tables: list[TableName] = []
    if (run := fields.get("run")) is not None:
        for item in run.items or (run,):
            table = read_table(item, mistakes, fields.what)
            if table is not None:
                tables.append(table)
    return Schedule(name, cron, tuple(tables), mistakes.place(node, is_key=True))
