"""A YAML document as a tree of nodes that know where they stand, and its form in the cache.

Invariant: `decode(encode(node)) == node`, and the encoded form holds JSON types only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Plain = str | int | float | bool | None
Json = Plain | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document. `raw` is a scalar's text as written; `key_line` is 0 outside a mapping.

    Lines and columns count from 1. A mapping's keys are the keys' texts as written.
    """

    value: Plain | tuple[Node, ...] | dict[str, Node]
    line: int
    column: int
    raw: str = ""
    key_line: int = 0
    key_column: int = 0

    @property
    def mapping(self) -> dict[str, Node]:
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a sequence; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.value, tuple | dict)

    @property
    def kind(self) -> str:
        """What a person would call this value."""
        match self.value:
            case None:
                return "empty"
            case bool():
                return "true or false"
            case int() | float():
                return "a number"
            case str():
                return "a text"
            case tuple():
                return "a list"
            case _:
                return "a mapping"

    def at_key(self, line: int, column: int) -> Node:
        """The same value under a key that stands there."""
        return replace(self, key_line=line, key_column=column)


def to_json(node: Node) -> Json:
    """The bare value, without positions."""
    value = node.value
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def encode(node: Node) -> list[Json]:
    """The tree as JSON: `[line, column, key line, key column, value(, raw)]`."""
    head: list[Json] = [node.line, node.column, node.key_line, node.key_column]
    value = node.value
    if isinstance(value, tuple):
        return [*head, [encode(item) for item in value]]
    if isinstance(value, dict):
        return [*head, {key: encode(item) for key, item in value.items()}]
    return [*head, value] if value == node.raw else [*head, value, node.raw]


def decode(encoded: Json) -> Node:
    """The tree `encode` wrote; ValueError or TypeError when this is something else."""
    if not isinstance(encoded, list):
        raise TypeError("an encoded node is a list")
    line, column, key_line, key_column, value, *rest = encoded
    if not (
        isinstance(line, int) and isinstance(column, int) and isinstance(key_line, int) and isinstance(key_column, int)
    ):
        raise TypeError("a position is a whole number")
    if isinstance(value, list):
        return Node(tuple([decode(item) for item in value]), line, column, "", key_line, key_column)
    if isinstance(value, dict):
        return Node({key: decode(item) for key, item in value.items()}, line, column, "", key_line, key_column)
    raw = rest[0] if rest else value
    if not isinstance(raw, str):
        raise TypeError("a scalar's text is a text")
    return Node(value, line, column, raw, key_line, key_column)
