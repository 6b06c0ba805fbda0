"""The one table of allowed functions, by family. A function that is not here is refused."""

from __future__ import annotations

from afluente.models.functions import aggregates, arrays, conditionals, dates, numbers, strings
from afluente.models.functions.signature import Signature

FAMILIES: dict[str, tuple[Signature, ...]] = {
    "dates and times": dates.SIGNATURES,
    "text": strings.SIGNATURES,
    "numbers": numbers.SIGNATURES,
    "nulls and choices": conditionals.SIGNATURES,
    "arrays, maps and structs": arrays.SIGNATURES,
    "aggregates and windows": aggregates.SIGNATURES,
}


def _by_name() -> dict[str, tuple[Signature, ...]]:
    found: dict[str, tuple[Signature, ...]] = {}
    for signatures in FAMILIES.values():
        for signature in signatures:
            found[signature.name] = (*found.get(signature.name, ()), signature)
    return found


FUNCTIONS: dict[str, tuple[Signature, ...]] = _by_name()
