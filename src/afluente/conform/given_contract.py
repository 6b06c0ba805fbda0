"""The contract a caller of the Python API gives: an object, the path of a file, a document's text or mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from afluente.conform.registry import type_names
from afluente.core.errors import CheckFailed, Place, UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.contract import Column, Contract, LogicalType
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.read_contract import read_contract
from afluente.project.yaml_text import parse_yaml

_IN_MEMORY = "contract"
_LOGICAL_TYPES: dict[str, LogicalType] = {
    "money": "number",
    "decimal": "number",
    "number": "number",
    "integer": "integer",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}


def given_contract(given: Contract | Path | str | Mapping[str, object], *, table: str = "") -> Contract:
    """The one contract meant, of `table` where a document describes several.

    A text of one line is a path; CheckFailed holds every mistake of a document.
    """
    if isinstance(given, Contract):
        return given
    if isinstance(given, Mapping):
        return _read(json.dumps(given, ensure_ascii=False, default=str).encode(), _IN_MEMORY, table)
    if isinstance(given, str) and "\n" in given.strip():
        return _read(given.encode(), _IN_MEMORY, table)
    path = Path(given)
    try:
        return _read(path.read_bytes(), path.name, table)
    except OSError as error:
        raise UsageError(
            "conform.contract_unreadable",
            f"the contract {path} cannot be read: {(error.strerror or 'no such file').lower()}",
            hint="give the path of a .odcs.yaml file, its text, a mapping or a Contract",
        ) from None


def _read(content: bytes, file: str, table: str) -> Contract:
    mistakes = Mistakes(file)
    node = parse_yaml(content, mistakes)
    contracts = read_contract(
        node, mistakes, text_sha256=sha256(content).hexdigest(), known=Known(formats=type_names())
    )
    if any(not problem.is_warning for problem in mistakes.problems):
        raise CheckFailed(mistakes.problems)
    names = [str(contract.table) for contract in contracts]
    found = [contract for contract in contracts if table in ("", str(contract.table), contract.table.name)]
    if table and not found:
        hint = did_you_mean(table, names)
        raise UsageError("conform.table_unknown", f"{file} describes no table '{table}'", hint=hint)
    if len(found) != 1:
        raise UsageError(
            "conform.contract_not_one",
            f"{file} describes {len(names)} tables: {', '.join(names)}",
            hint=f"say which: table='{names[0]}'" if names else "give a document with an item in 'schema'",
        )
    return found[0]


def column_contract(semantic_type: str, options: Mapping[str, Any]) -> Contract:
    """A contract of one column named `value`, which refuses what it cannot read and keeps what is missing."""
    known = {field.name for field in fields(Column)} - {
        "name",
        "logical_type",
        "source",
        "place",
        "format",
        "expression",
    }
    for name in options:
        if name not in known:
            raise UsageError("conform.option_unknown", f"there is no option '{name}'", hint=did_you_mean(name, known))
    place = Place(_IN_MEMORY)
    logical_type = _LOGICAL_TYPES.get(semantic_type, "string")
    written = None if semantic_type in ("date", "timestamp", "boolean", "number") else semantic_type
    tuples: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    column = Column("value", logical_type, "value", place, format=written, **tuples)
    return Contract("column", "1.0.0", TableName("silver", "column"), (column,), place, "")
