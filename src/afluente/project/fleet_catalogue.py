"""The lists of the fleet's catalogue as tables of the project: the hub keeps each in bronze, under its own name.

Invariant: nothing here judges a catalogue, which is done before it is signed; what is read is what a table holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node

FILE = "catalogo.yaml"
BEFORE = ("site", "op", "row_key", "row_hash", "_kind")
AFTER = ("_source", "_source_row", "_ingested_at", "_run_id", "_started_at")
"""The columns that every list's table has before and after the list's own."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,54}")


@dataclass(frozen=True, slots=True)
class FleetList:
    """A list that agents read, by what the catalogue says of it."""

    name: str
    columns: tuple[str, ...]
    place: Place

    @property
    def table(self) -> TableName:
        return TableName("bronze", self.name)

    @property
    def table_columns(self) -> tuple[str, ...]:
        """Every column of its bronze table."""
        return (*BEFORE, *self.columns, *AFTER)


def read_fleet_lists(node: Node, mistakes: Mistakes) -> list[FleetList]:
    """The lists of a catalogue's file. A list read from several versions of PEC stands once."""
    lists = node.mapping.get("lists")
    if lists is None or not lists.items:
        mistakes.add("project.missing_key", "the catalogue has no 'lists'", node, hint="lists: [{name: ..., ...}]")
        return []
    found: dict[str, FleetList] = {}
    for item in lists.items:
        name = item.mapping.get("name")
        columns = item.mapping.get("columns")
        if name is None or not name.is_scalar or _NAME.fullmatch(name.raw) is None:
            mistakes.add("project.name", "a list of the catalogue has no name that a table may have", name or item)
            continue
        names = [column.mapping.get("name") for column in columns.items] if columns is not None else []
        if not names or any(one is None or not one.is_scalar for one in names):
            mistakes.add("project.missing_key", f"list {name.raw!r} of the catalogue names no columns", item)
            continue
        texts = tuple(one.raw for one in names if one is not None)
        found.setdefault(name.raw, FleetList(name.raw, texts, mistakes.place(name)))
    return list(found.values())
