"""A contract's SQL expressions outside a project: by whichever installed package translates them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Literal

from afluente.core.errors import Place, ProjectError


def translate(sql: str, columns: Mapping[str, str], place: Place, dialect: Literal["duckdb", "spark"]) -> str:
    """A Spark SQL expression over named columns (name to Spark type) in a dialect."""
    for point in entry_points(group="afluente.sql"):
        if point.name == "expression":
            translated: str = point.load()(sql, columns, place, dialect)
            return translated
    raise ProjectError(
        "contract.expression_untranslated",
        f"'{sql}' cannot be read: nothing installed translates SQL",
        hint="install afluente again; its entry point afluente.sql:expression is missing",
        place=place,
    )
