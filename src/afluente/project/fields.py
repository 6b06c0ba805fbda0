"""The entries of a mapping read by type, every mistake noted with its place.

Invariant: a reading that fails notes a problem and goes on with the default; it never raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from afluente.core.nearest import did_you_mean
from afluente.core.tables import LAYERS, TableName
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node

Choice = TypeVar("Choice", bound=str)


class Fields:
    """The entries of `node`, named `what` in messages. Something that is not a mapping is a mistake."""

    def __init__(self, node: Node, mistakes: Mistakes, what: str) -> None:
        self.node = node
        self.mistakes = mistakes
        self.what = what
        if not hasattr(node.value, "items"):
            mistakes.add("project.wrong_type", f"{what} must be a mapping, and is {node.kind}", node)

    def __contains__(self, key: str) -> bool:
        return key in self.node.mapping

    def get(self, key: str) -> Node | None:
        """The node under a key; None when it is absent or empty."""
        node = self.node.mapping.get(key)
        return None if node is None or (node.is_scalar and node.value is None) else node

    def only(self, known: Iterable[str]) -> None:
        """Note every key that is none of `known`."""
        names = list(known)
        for key, node in self.node.mapping.items():
            if key not in names:
                self.mistakes.add(
                    "project.unknown_key",
                    f"{self.what} has no setting {key!r}",
                    node,
                    hint=did_you_mean(key, names),
                    is_key=True,
                )

    def require(self, key: str, *, hint: str = "") -> Node | None:
        """The node under a key, noting its absence."""
        node = self.get(key)
        if node is None:
            self.mistakes.add("project.missing_key", f"{self.what} has no {key!r}", self.node, hint=hint, is_key=True)
        return node

    def wrong(self, key: str, node: Node, wanted: str, *, hint: str = "") -> None:
        """Note that the value of a key is of another type."""
        self.mistakes.add(
            "project.wrong_type", f"{key!r} of {self.what} must be {wanted}, and is {node.kind}", node, hint=hint
        )

    def text(self, key: str, default: str = "") -> str:
        node = self.get(key)
        if node is None:
            return default
        if isinstance(node.value, str):
            return node.value
        if node.is_scalar and not isinstance(node.value, bool):
            return node.raw
        self.wrong(key, node, "a text")
        return default

    def boolean(self, key: str) -> bool:
        """False where it is not given."""
        node = self.get(key)
        if node is None:
            return False
        if isinstance(node.value, bool):
            return node.value
        self.wrong(key, node, "true or false")
        return False

    def integer(self, key: str, default: int, *, minimum: int = 0) -> int:
        node = self.get(key)
        if node is None:
            return default
        value = node.value
        if isinstance(value, str) and node.raw.startswith("${env:") and value.isascii() and value.isdigit():
            value = int(value[:18])
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(key, node, "a whole number")
            return default
        if value < minimum:
            self.mistakes.add("project.wrong_value", f"{key!r} of {self.what} is {value}, under {minimum}", node)
            return default
        return value

    def number(self, key: str) -> float | None:
        """A finite number; None when it is absent or wrong."""
        node = self.get(key)
        if node is None:
            return None
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.wrong(key, node, "a number")
            return None
        return float(value)

    def choice(self, key: str, options: tuple[Choice, ...], default: Choice) -> Choice:
        node = self.get(key)
        if node is None:
            return default
        for option in options:
            if node.value == option:
                return option
        if isinstance(node.value, str):
            self.mistakes.add(
                "project.wrong_value",
                f"{key!r} of {self.what} is {node.value!r}, none of {', '.join(options)}",
                node,
                hint=did_you_mean(node.value, options),
            )
        else:
            self.wrong(key, node, f"one of {', '.join(options)}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of scalars as they were written, or one scalar as a list of one."""
        node = self.get(key)
        if node is None:
            return ()
        if node.is_scalar:
            return (node.value if isinstance(node.value, str) else node.raw,)
        if not isinstance(node.value, tuple):
            self.wrong(key, node, "a list")
            return ()
        read: list[str] = []
        for item in node.items:
            if item.is_scalar:
                read.append(item.value if isinstance(item.value, str) else item.raw)
            else:
                self.wrong(key, item, "a list of texts")
        return tuple(read)

    def text_pairs(self, key: str) -> dict[str, str]:
        """A mapping of texts to texts, both as written."""
        node = self.get(key)
        if node is None:
            return {}
        if not hasattr(node.value, "items"):
            self.wrong(key, node, "a mapping")
            return {}
        pairs: dict[str, str] = {}
        for name, item in node.mapping.items():
            if item.is_scalar:
                pairs[name] = item.raw
            else:
                self.wrong(key, item, "a mapping of texts")
        return pairs

    def table(self, key: str, *, layers: tuple[str, ...] = LAYERS) -> TableName | None:
        """A table's name of one of these layers; None when it is absent or wrong."""
        node = self.get(key)
        return None if node is None else read_table(node, self.mistakes, self.what, layers=layers)


def read_table(node: Node, mistakes: Mistakes, what: str, *, layers: tuple[str, ...] = LAYERS) -> TableName | None:
    """The table a node names; None after a mistake was noted."""
    if not isinstance(node.value, str):
        mistakes.add("project.wrong_type", f"{what} names a table by a text, and not by {node.kind}", node)
        return None
    try:
        table = TableName.parse(node.value, layers=dict.fromkeys((*LAYERS, *layers)))
    except ValueError as error:
        mistakes.add("project.table_name", f"{what}: {error}", node, hint=_table_hint(node.value, layers))
        return None
    if table.layer not in layers:
        mistakes.add(
            "project.table_layer",
            f"{what}: {node.value!r} is not of the layer {' or '.join(layers)}",
            node,
            hint=f"did you mean '{layers[0]}.{table.name}'?",
        )
        return None
    return table


def _table_hint(text: str, layers: tuple[str, ...]) -> str:
    layer, dot, name = text.partition(".")
    if dot and layer not in LAYERS:
        return did_you_mean(layer, layers)
    tidy = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in (name if dot else layer).lower())
    return f"did you mean '{layer if dot else layers[0]}.{tidy}'?" if tidy.strip("_") else "write layer.name"
