"""A delivery's options read one by one, every mistake collected.

Invariant: an option that no method asked for is a mistake, and a secret is never written literally.
"""

from __future__ import annotations

from afluente.project.secret_reference import SecretReference
from afluente.sources.options import Options


class DeliveryOptions(Options):
    """The options of one delivery, read as a source's are, with codes `delivery.option_*`."""

    noun = "delivery"

    def texts_or_secrets(self, name: str, *, required: bool = False) -> tuple[str | SecretReference, ...]:
        """One text or secret, or a list of them."""
        value = self._take(name)
        if value is None:
            if required:
                self._missing(name)
            return ()
        given = value if isinstance(value, tuple) else (value,)
        found = tuple(item for item in given if isinstance(item, str | SecretReference))
        if len(found) != len(given):
            self._wrong(name, "a text, a secret or a list of them", value)
        return found
