"""The lists of the fleet's catalogue as tables of the project: the hub keeps each in bronze, under its own name.

Invariant: what a list may ask of PEC is judged before it is signed, not here; here it is what a table holds, and for which
versions of PEC each list is, one list a version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node
from afluente_agent.protocol.pec_range import PecRange, read_range

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
    ranges: dict[str, list[PecRange]] = {}
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
        known = found.setdefault(name.raw, FleetList(name.raw, texts, mistakes.place(name)))
        if known.columns != texts:
            mistakes.add(
                "project.wrong_value",
                f"list {name.raw!r} of the catalogue has other columns for other versions of PEC",
                item,
                hint="give it the same columns everywhere, with NULL where a version has none",
            )
        _check_range(name.raw, item, ranges.setdefault(name.raw, []), mistakes)
    return list(found.values())


def _check_range(name: str, item: Node, others: list[PecRange], mistakes: Mistakes) -> None:
    """A list says its versions of PEC in the one form there is, and stands once for each version."""
    pec = item.mapping.get("pec")
    hint = 'pec: ">=5.2,<5.4"'
    try:
        if pec is not None and not pec.is_scalar:
            raise ValueError("not a text")
        made = read_range("" if pec is None else pec.raw)
    except ValueError as error:
        mistakes.add("project.wrong_value", f"'pec' of list {name!r} of the catalogue is {error}", pec, hint=hint)
        return
    if any(made.meets(other) for other in others):
        message = f"list {name!r} of the catalogue stands twice for one version of PEC"
        mistakes.add("project.repeated", message, pec or item, hint=hint)
    others.append(made)
