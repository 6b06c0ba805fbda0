"""Semantic types by name: ours, and those other packages add through entry points in the group `afluente.types`.

Invariant: listing names imports nothing; loading imports one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from afluente.conform.reading import SemanticType
from afluente.core.errors import ProjectError
from afluente.core.nearest import did_you_mean
from afluente.project.contract import Column

_BUILT_IN = {
    "br.cpf": "documents:cpf",
    "br.cnpj": "documents:cnpj",
    "br.cpf_cnpj": "documents:cpf_cnpj",
    "br.cns": "documents:cns",
    "br.cep": "place:cep",
    "br.uf": "place:uf",
    "br.municipality": "place:municipality",
    "br.phone": "contact:phone",
    "email": "contact:email",
    "uuid": "contact:uuid",
    "gtin": "gtin:gtin",
    "money": "number:decimal",
    "decimal": "number:decimal",
    "integer": "number:integer",
    "number": "number:number",
    "date": "moment:date",
    "timestamp": "moment:timestamp",
    "boolean": "word:boolean",
    "enum": "word:enum",
    "text": "word:text",
    "regex": "word:code",
}
_OF_LOGICAL_TYPE = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def type_names() -> frozenset[str]:
    """Every semantic type a contract may name."""
    added = {point.name for point in entry_points(group="afluente.types")}
    return frozenset(_BUILT_IN) | added


def rule_names() -> frozenset[str]:
    """Every custom quality rule that measures a table: ours, and those of entry points in `afluente.rules`."""
    return frozenset({"freshness", *(point.name for point in entry_points(group="afluente.rules"))})


def type_of(column: Column) -> str:
    """The name of the semantic type that reads a column: its format, else what its logical type implies."""
    if column.format is not None and column.logical_type in ("string", "number", "integer"):
        return column.format
    if column.logical_type == "string" and column.values:
        return "enum"
    return _OF_LOGICAL_TYPE[column.logical_type]


def load_type(column: Column) -> SemanticType:
    """The semantic type that reads a column; ProjectError when its name is unknown."""
    name = type_of(column)
    found = _load(name)
    if found is None:
        raise ProjectError(
            "contract.format_unknown",
            f"column '{column.name}' names the format '{name}', which does not exist",
            hint=did_you_mean(name, type_names()),
            place=column.place,
        )
    return found


@cache
def _load(name: str) -> SemanticType | None:
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name].split(":")
        found: SemanticType = getattr(import_module(f"afluente.conform.types.{module}"), attribute)
        return found
    for point in entry_points(group="afluente.types"):
        if point.name == name:
            loaded: SemanticType = point.load()
            return loaded
    return None
