"""The options of a connector, of a source or of a delivery, read from a file.

Invariant: a secret is a reference, and a path that an environment variable gave is absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from afluente.project.mistakes import Mistakes
from afluente.project.option import Option
from afluente.project.secret_reference import FORMS, PREFIX, SecretReference, parse_reference
from afluente.project.substitution import begins_with_variable
from afluente.project.yaml_node import Node

_PATH_KEYS = ("path", "paths")


class Options:
    """A connector's options: plain values, secrets as references, paths from the environment made absolute."""

    def __init__(self, mistakes: Mistakes, typed_in: Path) -> None:
        self._mistakes = mistakes
        self._typed_in = typed_in

    def read(self, entries: Mapping[str, Node]) -> dict[str, Option | SecretReference]:
        return {key: self._value(key, item) for key, item in entries.items()}

    def texts(self, entries: Mapping[str, Node]) -> dict[str, str | SecretReference]:
        """Options that are all texts."""
        read: dict[str, str | SecretReference] = {}
        for key, node in entries.items():
            if not node.is_scalar:
                self._mistakes.add("project.wrong_type", f"{key!r} must be a text, and is {node.kind}", node)
                continue
            value = self._value(key, node)
            read[key] = value if isinstance(value, str | SecretReference) else node.raw
        return read

    def reference(self, node: Node) -> SecretReference | None:
        """The reference a text holds; None after a mistake was noted."""
        try:
            return parse_reference(node.raw)
        except ValueError as error:
            self._mistakes.add("project.secret_reference", str(error), node, hint=FORMS)
            return None

    def _value(self, key: str, node: Node) -> Option | SecretReference:
        value = node.value
        if isinstance(value, tuple):
            return tuple(self._value(key, item) for item in value)
        if isinstance(value, dict):
            return {name: self._value(name, item) for name, item in value.items()}
        if isinstance(value, str) and node.raw.startswith(PREFIX):
            return self.reference(node)
        if isinstance(value, str) and key in _PATH_KEYS and begins_with_variable(node) and value:
            is_relative = "://" not in value and not Path(value).is_absolute()
            return str(self._typed_in / value) if is_relative else value
        return value
