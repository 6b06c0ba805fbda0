"""A delivery's options read one by one, every mistake collected.

Invariant: an option that no method asked for is a mistake, and a secret is never written literally.
"""

from __future__ import annotations

from collections.abc import Mapping

from afluente.core.errors import Problem
from afluente.project.product import DeliverySettings
from afluente.project.settings import Option, SourceSettings
from afluente.sources.options import Options


class DeliveryOptions(Options):
    """The options of one delivery, read as a source's are, with codes `delivery.option_*`."""

    def __init__(
        self, settings: DeliverySettings, given: Mapping[str, Option] | None = None, *, inside: str = ""
    ) -> None:
        kind = SourceSettings(settings.name, settings.connector, (), settings.options, settings.place)
        super().__init__(kind, given, inside=inside)
        self._delivery = settings

    def refuse(self, message: str, hint: str = "", *, code: str = "source.option_invalid") -> None:
        own = code.replace("source.", "delivery.", 1)
        text = f"delivery {self._delivery.name}: {message}"
        self.problems.append(Problem(self._delivery.place, own, text, hint.replace("to the source", "to the delivery")))

    def section(self, name: str) -> DeliveryOptions | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self._wrong(name, "a mapping", value)
            return None
        section = DeliveryOptions(self._delivery, value, inside=f"{self._inside}{name}.")
        section.problems = self.problems
        return section
