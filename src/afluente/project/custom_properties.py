"""The customProperties of a contract that are ours, and how they are told from other people's.

Invariant: a property that is neither ours nor marked as somebody else's (`x-...`, or `vendor`) is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from afluente.core.nearest import did_you_mean
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node

CONTRACT_PROPERTIES = ("owner",)
TABLE_PROPERTIES = ("from", "take", "write", "delivery", "deduplicate", "repairs", "missingTokens", "owner")
COLUMN_PROPERTIES = (
    "from",
    "onInvalid",
    "onMissing",
    "missingTokens",
    "semanticType",
    "locale",
    "formats",
    "timezone",
    "values",
    "synonyms",
    "trueWords",
    "falseWords",
    "case",
    "repairEncoding",
    "stateColumn",
    "options",
)
RELATIONSHIP_PROPERTIES = ("onInvalid", "maxPercent")
_LEVELS = {
    "a table's": TABLE_PROPERTIES,
    "a column's": COLUMN_PROPERTIES,
    "a relationship's": RELATIONSHIP_PROPERTIES,
}


def custom_properties(owner: Node, known: Iterable[str], mistakes: Mistakes, what: str) -> Fields:
    """Our customProperties of a contract, table, column or relationship, as fields by their names."""
    names = tuple(known)
    listed = owner.mapping.get("customProperties")
    entries: dict[str, Node] = {}
    for item in listed.items if listed else ():
        name, value = item.mapping.get("property"), item.mapping.get("value")
        if name is None or value is None or not isinstance(name.value, str):
            continue
        vendor = item.mapping.get("vendor")
        if name.value.startswith("x-") or (vendor is not None and vendor.value != "afluente"):
            continue
        if name.value not in names:
            mistakes.add(
                "contract.unknown_property",
                f"{what} has no custom property {name.value!r}",
                name,
                hint=_hint(name.value, names),
            )
        elif name.value in entries:
            mistakes.add("contract.duplicate_property", f"{what} has {name.value!r} twice", name, hint="keep one")
        else:
            entries[name.value] = value.at_key(name.line, name.column)
    place = listed or owner
    return Fields(Node(entries, place.line, place.column), mistakes, what)


def _hint(name: str, known: tuple[str, ...]) -> str:
    hint = did_you_mean(name, known)
    if hint.startswith("did"):
        return hint
    elsewhere = next((level for level, names in _LEVELS.items() if name in names), None)
    if elsewhere is not None:
        return f"it is {elsewhere} property"
    return f"{hint}; properties of others begin with x-"
