"""Connectors by name, from the entry points of the group `afluente.sources`.

Invariant: listing names imports no connector; loading one imports that one alone.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from afluente.core.errors import Place, Problem, ProjectError
from afluente.core.nearest import did_you_mean
from afluente.project.settings import SourceSettings
from afluente.sources.source import Connector, Source, SourceContext

GROUP = "afluente.sources"


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def connector_names() -> tuple[str, ...]:
    """The names a project may give as `connector`, sorted."""
    return tuple(sorted(_points()))


def load_connector(name: str, *, place: Place | None = None) -> Connector:
    """The connector of this name. ProjectError `source.connector_unknown` or `source.connector_broken`."""
    point = _points().get(name)
    if point is None:
        raise ProjectError(
            "source.connector_unknown",
            f"connector '{name}' does not exist",
            hint=did_you_mean(name, connector_names()),
            place=place,
        )
    try:
        kind = point.load()
    except (ImportError, AttributeError) as error:
        raise ProjectError(
            "source.connector_broken",
            f"connector '{name}' cannot be loaded from {point.value}: {error}",
            hint="reinstall the package that provides it, with its extra",
            place=place,
        ) from error
    return cast("Connector", kind())


def check_source(settings: SourceSettings) -> list[Problem]:
    """Every mistake in a source's connector name and options."""
    try:
        connector = load_connector(settings.connector, place=settings.place)
    except ProjectError as error:
        return [Problem(settings.place, error.code, f"source {settings.name}: {error.message}", error.hint)]
    return connector.check(settings)


def open_source(settings: SourceSettings, context: SourceContext) -> Source:
    """The opened source of these settings."""
    return load_connector(settings.connector, place=settings.place).open(settings, context)
