"""Models parsed into sqlglot trees whose function calls keep the name and arguments as written.

Invariant: what comes out is one query (SELECT or set operation), and every place points into the model's file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.dialects.databricks import Databricks
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.parsers.databricks import DatabricksParser

from afluente.core.errors import ModelError, Place

if TYPE_CHECKING:
    from afluente.project.model import Model

_ONE_SELECT = "models are written in Spark SQL: one SELECT"
_TEMPLATE = re.compile(r"\{\{|\{%")
_INSIDE = re.compile(r"<class '|sqlglot")
"""Descriptions of the parser's that speak of its own inside."""
_KEPT_FUNCTION_PARSERS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM")


class _Parser(DatabricksParser):
    FUNCTIONS = {}  # noqa: RUF012 - sqlglot reads a plain class attribute
    FUNCTION_PARSERS = {  # noqa: RUF012
        name: parser for name, parser in DatabricksParser.FUNCTION_PARSERS.items() if name in _KEPT_FUNCTION_PARSERS
    }
    NO_PAREN_FUNCTION_PARSERS = {  # noqa: RUF012
        name: parser for name, parser in DatabricksParser.NO_PAREN_FUNCTION_PARSERS.items() if name == "CASE"
    }


class SparkSql(Databricks):
    """Spark SQL with strict CAST, and no function rewritten while parsing."""

    Parser = _Parser


def parse_model(model: Model) -> exp.Query:
    """The model's one query; ModelError `model.syntax` or `model.not_one_query` otherwise."""
    return parse_query(model.sql, file=model.place.file, first_line=model.sql_line)


def parse_query(sql: str, *, file: str, first_line: int = 1, hint: str = _ONE_SELECT) -> exp.Query:
    """One query; places count from `first_line` of `file`. `hint` is told where it does not parse."""
    if _TEMPLATE.search(sql):
        hint = "there are no templates here: name tables as silver.clientes, and write values out"
    try:
        with _quiet_parser():
            statements = [tree for tree in SparkSql().parse(sql, error_level=ErrorLevel.IMMEDIATE) if tree is not None]
    except SqlglotError as failure:
        raise _syntax_error(failure, file, first_line, hint) from failure
    if len(statements) != 1 or not isinstance(statements[0], (exp.Select, exp.SetOperation)):
        what = f"{len(statements)} statements" if len(statements) != 1 else statements[0].key.upper()
        place = place_of(statements[1], file, first_line) if len(statements) > 1 else Place(file, first_line, 1)
        message = f"a model is one SELECT, and this is {what}"
        raise ModelError("model.not_one_query", message, hint="keep one SELECT; earlier steps go in WITH", place=place)
    return statements[0]


@contextmanager
def _quiet_parser() -> Iterator[None]:
    """What the parser would log of statements it does not know is told by our own errors."""
    log = logging.getLogger("sqlglot")
    was, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was


def _syntax_error(failure: SqlglotError, file: str, first_line: int, hint: str) -> ModelError:
    details = getattr(failure, "errors", None) or [{}]
    first = details[0]
    line, column = first.get("line") or 0, first.get("col") or 0
    described = str(first.get("description") or str(failure).split("\n", 1)[0]).rstrip(".")
    if _INSIDE.search(described):
        described = "something is missing"
    near = str(first.get("highlight") or "")
    place = Place(file, first_line + line - 1 if line else first_line, max(column - len(near) + 1, 1) if column else 0)
    message = f"the SQL does not parse: {described[:1].lower()}{described[1:]}"
    return ModelError(
        "model.syntax",
        f"{message}, near '{near}'" if near else message,
        hint=hint,
        place=place,
    )


def place_of(node: exp.Expr, file: str, first_line: int) -> Place:
    """Where a node begins: its own position, else its first descendant's, else its parent's."""
    current: exp.Expr | None = node
    while current is not None:
        found = [part.meta for part in current.walk() if "line" in part.meta]
        if found:
            start = min(found, key=lambda meta: meta["start"])
            return Place(file, first_line + start["line"] - 1, start["col"] - (start["end"] - start["start"]))
        current = current.parent
    return Place(file, first_line)
