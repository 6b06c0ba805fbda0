"""One mistake made in right files, and what has to be told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from afluente.core.errors import Problem


class Mistake(NamedTuple):
    """In `file`, `old` becomes `new` (all of it where `old` is the file's name); the problem stands in file `where` (or
    the same), in the line that holds `at`.
    """

    file: str
    old: str
    new: str
    code: str
    at: str
    hint: str
    where: str = ""

    def made_in(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files with the mistake in them."""
        right = files[self.file]
        assert self.old == self.file or self.old in right
        wrong = self.new if self.old == self.file else right.replace(self.old, self.new, 1)
        return {**files, self.file: wrong}

    def is_told(self, problems: Sequence[Problem], files: Mapping[str, str], *, alone: bool) -> None:
        """Assert that it is among the problems of these files with its code, line and hint; `alone`: and nothing else."""
        where = self.where or self.file
        told = [problem for problem in problems if problem.code == self.code and problem.place.file == where]
        assert told, problems
        assert self.hint in told[0].hint
        if self.at:
            assert self.at in files[where]
            assert told[0].place.line == files[where][: files[where].index(self.at)].count("\n") + 1
        if alone:
            assert problems == told[:1]
