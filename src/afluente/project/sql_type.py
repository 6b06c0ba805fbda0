"""Names of Spark SQL types, checked as text.

Source: Spark SQL reference, "Data Types".
"""

from __future__ import annotations

import re

from afluente.core.nearest import did_you_mean

_SIMPLE = {
    "string": frozenset({"string"}),
    "text": frozenset({"string"}),
    "boolean": frozenset({"boolean"}),
    "tinyint": frozenset({"integer"}),
    "byte": frozenset({"integer"}),
    "smallint": frozenset({"integer"}),
    "short": frozenset({"integer"}),
    "int": frozenset({"integer"}),
    "integer": frozenset({"integer"}),
    "bigint": frozenset({"integer"}),
    "long": frozenset({"integer"}),
    "float": frozenset({"number"}),
    "real": frozenset({"number"}),
    "double": frozenset({"number"}),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp"}),
    "timestamp_ntz": frozenset({"timestamp"}),
    "binary": frozenset[str](),
}
_DECIMAL = re.compile(r"(decimal|dec|numeric)(?:\s*\(\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\))?")
_TEXT = re.compile(r"(varchar|char)\s*\(\s*\d{1,9}\s*\)")
_NESTED = re.compile(r"(array|map|struct)\s*<.+>")
MAX_PRECISION = 38


def type_mistake(text: str) -> tuple[str, str] | None:
    """What is wrong with the name of a Spark SQL type, and a hint; None when it is right."""
    folded = text.strip().lower()
    if folded in _SIMPLE or _TEXT.fullmatch(folded):
        return None
    if _NESTED.fullmatch(folded):
        return None if folded.count("<") == folded.count(">") else (f"type {text!r} has unequal < and >", "")
    if found := _DECIMAL.fullmatch(folded):
        precision, scale = int(found[2] or 10), int(found[3] or 0)
        if not 1 <= precision <= MAX_PRECISION or scale > precision:
            return f"type {text!r} does not exist", f"decimal(p,s) has p from 1 to {MAX_PRECISION} and s at most p"
        return None
    return f"type {text!r} does not exist in Spark SQL", did_you_mean(folded, [*_SIMPLE, "decimal(p,s)"])


def logical_types_of(text: str) -> frozenset[str]:
    """The logical types of ODCS a column of this type may have; empty when none fits."""
    folded = text.strip().lower()
    if found := _DECIMAL.fullmatch(folded):
        return frozenset({"number"}) if int(found[3] or 0) else frozenset({"number", "integer"})
    if _TEXT.fullmatch(folded):
        return frozenset({"string"})
    return _SIMPLE.get(folded, frozenset())
