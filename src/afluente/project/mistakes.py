"""The mistakes of one file, collected so that all of them can be told at once.

Invariant: a message never holds a value that stands under a key that looks like a secret's.
"""

from __future__ import annotations

from afluente.core.errors import Place, Problem
from afluente.project.yaml_node import Node


class Mistakes:
    """Collects the problems of `file` (relative to the project, with `/`)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._told: set[Problem] = set()
        self._schema_places: set[Place] = set()

    def place(self, at: Node | None = None, *, is_key: bool = False) -> Place:
        """Where a node stands; with `is_key`, where the key before it stands."""
        if at is None:
            return Place(self.file)
        if is_key and at.key_line:
            return Place(self.file, at.key_line, at.key_column)
        return Place(self.file, at.line, at.column)

    def add(
        self, code: str, message: str, at: Node | Place | None = None, *, hint: str = "", is_key: bool = False
    ) -> None:
        """Note a problem, unless the JSON schema already complained about the same spot."""
        place = at if isinstance(at, Place) else self.place(at, is_key=is_key)
        if place in self._schema_places:
            return
        problem = Problem(place, code, message, hint)
        if problem not in self._told:
            self._told.add(problem)
            self.problems.append(problem)

    def add_schema(self, problems: list[Problem]) -> None:
        """Take in what the JSON schema found; later complaints about the same spots are dropped."""
        self.problems.extend(problems)
        self._schema_places.update(problem.place for problem in problems)
