"""The relationships of ODCS (of a property or of a schema object) to References.

`estados.uf` names a column of a table of the same project by its name, `silver.estados.uf` by its layer too.
"""

from __future__ import annotations

import re

from afluente.core.tables import LAYERS, TableName
from afluente.project.contract import Reference
from afluente.project.custom_properties import RELATIONSHIP_PROPERTIES, custom_properties
from afluente.project.mistakes import Mistakes
from afluente.project.read_quality import REFERENCE_OUTCOMES, read_percent
from afluente.project.yaml_node import Node

_QUALIFIED = re.compile(r"(?:.*#)?/?schema/([^/]+)/properties/([^/]+)")
_HINT = "write table.column or layer.table.column"


def read_relationships(owner: Node, table: TableName, mistakes: Mistakes, *, column: str | None) -> list[Reference]:
    """The references of a property named `column`, or of the table `table` when it is None."""
    listed = owner.mapping.get("relationships")
    read = [_reference(node, table, mistakes, column) for node in (listed.items if listed else ())]
    return [reference for reference in read if reference is not None]


def _reference(node: Node, table: TableName, mistakes: Mistakes, column: str | None) -> Reference | None:
    what = f"a relationship of {f'column {column!r}' if column else 'the table'}"
    to_node, from_node = node.mapping.get("to"), node.mapping.get("from")
    if to_node is None:
        return None
    targets = [_target(item, table, mistakes, what) for item in to_node.items or (to_node,)]
    columns: tuple[str, ...]
    if column is not None:
        columns = (column,)
    else:
        origins = [
            _target(item, table, mistakes, what) for item in (from_node.items or (from_node,) if from_node else ())
        ]
        for origin in origins:
            if origin is not None and origin[0].name != table.name:
                mistakes.add(
                    "contract.relationship", f"{what} begins at {origin[0]}, not at {table}", from_node, hint=_HINT
                )
        columns = tuple(origin[1] for origin in origins if origin is not None)
    tables = {target[0] for target in targets if target is not None}
    to_columns = tuple(target[1] for target in targets if target is not None)
    if len(to_columns) != len(targets) or not columns:
        return None
    if len(tables) != 1 or len(columns) != len(to_columns):
        mistakes.add(
            "contract.relationship",
            f"{what} needs as many columns on both sides, all of one table",
            to_node,
            hint=_HINT,
        )
        return None
    custom = custom_properties(node, RELATIONSHIP_PROPERTIES, mistakes, what)
    return Reference(
        columns=columns,
        table=tables.pop(),
        to_columns=to_columns,
        place=mistakes.place(to_node),
        on_invalid=custom.choice("onInvalid", REFERENCE_OUTCOMES, "quarantine"),
        max_percent=read_percent(custom),
    )


def _target(node: Node, table: TableName, mistakes: Mistakes, what: str) -> tuple[TableName, str] | None:
    text = node.raw
    if found := _QUALIFIED.fullmatch(text):
        layer, name, column = table.layer, found[1], found[2]
    else:
        *front, column = text.split(".")
        if len(front) == 2:
            layer, name = front
        elif len(front) == 1:
            layer, name = table.layer, front[0]
        else:
            mistakes.add("contract.relationship", f"{what}: {text!r} names no column of a table", node, hint=_HINT)
            return None
    try:
        return TableName.parse(f"{layer}.{name}"), column
    except ValueError as error:
        hint = _HINT if layer in LAYERS else f"layers: {', '.join(LAYERS)}"
        mistakes.add("contract.relationship", f"{what}: {error}", node, hint=hint)
        return None
