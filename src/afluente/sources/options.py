"""A connector's options read one by one, every mistake collected with the nearest right name.

Invariant: an option that no method asked for is a mistake, so nothing a user wrote is silently ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, Self

from afluente.core.errors import CheckFailed, Place, Problem
from afluente.core.nearest import did_you_mean
from afluente.project.option import Option
from afluente.project.secret_reference import SecretReference

Given = Option | SecretReference


class Named(Protocol):
    """What has options: a source, a delivery."""

    @property
    def name(self) -> str: ...
    @property
    def place(self) -> Place: ...
    @property
    def options(self) -> Mapping[str, Given]: ...


class Options:
    """Reads the options of one source, or of what `noun` says.

    Each method returns a usable value even when it records a problem. Codes start with the noun.
    """

    noun = "source"

    def __init__(self, settings: Named, given: Mapping[str, Given] | None = None, *, inside: str = "") -> None:
        self._settings = settings
        self._given = dict(settings.options if given is None else given)
        self._inside = inside
        self._known: set[str] = set()
        self.problems: list[Problem] = []

    def refuse(self, message: str, hint: str = "", *, code: str = "option_invalid") -> None:
        """Record a mistake that concerns more than one option, or a value's meaning."""
        text = f"{self.noun} {self._settings.name}: {message}"
        self.problems.append(Problem(self._settings.place, f"{self.noun}.{code}", text, hint))

    def has(self, name: str) -> bool:
        self._known.add(name)
        return self._given.get(name) is not None

    def _take(self, name: str) -> Given:
        self._known.add(name)
        return self._given.get(name)

    def _label(self, name: str) -> str:
        return f"option '{self._inside}{name}'"

    def _wrong(self, name: str, expected: str, value: Given, *, example: str = "") -> None:
        shown = "a secret" if isinstance(value, SecretReference) else repr(value)
        hint = f"{name}: {example}" if example else ""
        self.refuse(f"{self._label(name)} is {shown}, which is not {expected}", hint)

    def _missing(self, name: str) -> None:
        inside = self._inside.rstrip(".") or f"the {self.noun}"
        self.refuse(f"{self._label(name)} is missing", f"add {name}: to {inside}", code="option_missing")

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        value = self._take(name)
        if value is None:
            if required:
                self._missing(name)
            return default
        if isinstance(value, str):
            return value
        self._wrong(name, "a text", value)
        return default

    def choice(self, name: str, known: Iterable[str], default: str = "") -> str:
        value = self.text(name, default)
        names = list(known)
        if value and value not in names:
            self.refuse(f"{self._label(name)} is {value!r}, which does not exist", did_you_mean(value, names))
            return default
        return value

    def texts(self, name: str, *, required: bool = False) -> tuple[str, ...]:
        """A text or a list of texts."""
        value = self._take(name)
        if value is None:
            if required:
                self._missing(name)
            return ()
        if isinstance(value, str):
            return (value,)
        if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
        self._wrong(name, "a text or a list of texts", value)
        return ()

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
        """A whole number; digits in a text are one too, since a variable gives a text."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:18])
        if isinstance(value, int) and not isinstance(value, bool):
            if value >= minimum and (maximum is None or value <= maximum):
                return value
            limit = f"{minimum} or more" if maximum is None else f"between {minimum} and {maximum}"
            self._wrong(name, limit, value)
            return default
        self._wrong(name, "a whole number", value)
        return default

    def number(self, name: str, default: float, *, minimum: float = 0) -> float:
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= minimum:
            return float(value)
        self._wrong(name, f"a number of {minimum:g} or more", value)
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        self._wrong(name, "true or false", value)
        return default

    def text_or_secret(self, name: str) -> str | SecretReference | None:
        value = self._take(name)
        if value is None or isinstance(value, str | SecretReference):
            return value
        self._wrong(name, "a text or a secret", value)
        return None

    def secret(self, name: str) -> SecretReference | None:
        """A secret, never a literal: the value must not stand in a project's file."""
        value = self._take(name)
        if value is None or isinstance(value, SecretReference):
            return value
        self.refuse(
            f"{self._label(name)} is written literally",
            f"keep it out of the project: {name}: secret:env:NAME",
            code="literal_secret",
        )
        return None

    def scalars(self, name: str) -> dict[str, str | SecretReference]:
        """A mapping of texts; numbers and booleans become text as YAML writes them."""
        value = self._take(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(name, "a mapping", value)
            return {}
        found: dict[str, str | SecretReference] = {}
        items: Iterable[tuple[str, Given]] = value.items()
        for key, item in items:
            if isinstance(item, bool):
                found[key] = "true" if item else "false"
            elif isinstance(item, str | int | float | SecretReference):
                found[key] = item if isinstance(item, SecretReference) else str(item)
            else:
                self.refuse(f"{self._label(f'{name}.{key}')} is {item!r}, which is not a single value")
        return found

    def section(self, name: str, *, example: str = "") -> Self | None:
        """A mapping with options of its own; `finish` it too. None when absent or not a mapping."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self._wrong(name, "a mapping", value, example=example)
            return None
        section = type(self)(self._settings, value, inside=f"{self._inside}{name}.")
        section.problems = self.problems
        return section

    def finish(self) -> None:
        """Record every option that nothing asked for."""
        for name in self._given:
            if name not in self._known:
                self.refuse(
                    f"{self._label(name)} does not exist",
                    did_you_mean(name, self._known),
                    code="option_unknown",
                )


def raise_problems(problems: list[Problem]) -> None:
    """CheckFailed with all of them, if there is one that is not a warning."""
    if any(not problem.is_warning for problem in problems):
        raise CheckFailed(problems)
