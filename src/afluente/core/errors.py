"""The one tree of errors.

    AfluenteError                 code, message, hint, place; retryable or final; an exit status
    ├── UsageError                the command line is wrong                             exit 2
    ├── ProjectError              a project file is wrong                               exit 2
    │   ├── CheckFailed           every mistake of a project at once
    │   └── ModelError            a model's SQL cannot be used
    ├── SourceError               a source could not be read                            exit 1
    ├── LakeError                 a table could not be read or committed                exit 1
    │   └── CommitConflict        another writer moved the table (retryable)
    ├── EngineError               the engine refused or failed                          exit 1
    ├── StateError                the state database could not be read or written       exit 1
    ├── RunError                  a run could not start, or ended badly                 exit 1
    └── DataRefused               a contract or a guardrail refused the data            exit 3

Invariant: a message says what failed, the value and why, in lower case; the hint says what to do; neither
holds a data value of a restricted column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file of the project. `line` and `column` count from 1; 0 is unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake found in a project: where, which (a stable code), what is wrong, and how to mend it."""

    place: Place
    code: str
    message: str
    hint: str = ""
    is_warning: bool = False


class AfluenteError(Exception):
    """Root of the tree. `code` is stable and dotted, such as `source.file_missing`.

    A traceback, in a notebook, shows the hint too: it is a note of the exception.
    """

    exit_status = 1

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        place: Place | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place
        self.retryable = retryable
        if hint:
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[AfluenteError], fields: dict[str, object]) -> AfluenteError:
    error = kind.__new__(kind)
    error.__dict__.update(fields)
    error.args = (fields["message"],)
    return error


class UsageError(AfluenteError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_status = 2


class ProjectError(AfluenteError):
    """A file of the project is wrong."""

    exit_status = 2


class CheckFailed(ProjectError):
    """A project has mistakes; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = sum(not problem.is_warning for problem in problems)
        noun = "mistake" if count == 1 else "mistakes"
        super().__init__("project.check_failed", f"the project has {count} {noun}")
        self.problems = tuple(problems)
        for problem in problems:
            told = f"{problem.place}: {problem.message}"
            self.add_note(f"{told} (hint: {problem.hint})" if problem.hint else told)


class ModelError(ProjectError):
    """A model's SQL cannot be parsed, translated or placed in the graph."""


class SourceError(AfluenteError):
    """A source could not be reached or read."""


class LakeError(AfluenteError):
    """A table could not be read, checked or committed."""


class CommitConflict(LakeError):
    """Another writer committed first; reading again and planning again may succeed."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("lake.commit_conflict", message, hint=hint, retryable=True)


class EngineError(AfluenteError):
    """The engine could not be reached, or refused or failed a statement."""


class StateError(AfluenteError):
    """The state database could not be read or written."""


class RunError(AfluenteError):
    """A run could not start, or ended badly."""


class DataRefused(AfluenteError):
    """A contract or a guardrail refused the data; nothing was committed to the table in question."""

    exit_status = 3
