"""What the rooms above know and a project is checked against, passed in because project cannot import them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from afluente.core.errors import Problem
from afluente.core.tables import TableName
from afluente.project.model import Model
from afluente.project.settings import SourceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names that exist outside the project; None leaves that check out.

    `formats` are semantic types, `connectors` connectors, `rules` custom rules of engine `afluente` added by
    entry points. `tables_read` tells the tables a model reads and may raise ModelError; `check_source` tells what
    a connector finds wrong with a source's options.
    """

    formats: Iterable[str] | None = None
    connectors: Iterable[str] | None = None
    rules: Iterable[str] = ()
    check_source: Callable[[SourceSettings], Iterable[Problem]] | None = None
    tables_read: Callable[[Model], Iterable[TableName]] | None = None


NOTHING_KNOWN = Known()
