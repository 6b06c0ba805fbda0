"""An ODCS document to Contracts, one for each of its schema objects.

Invariant: the document was held against the JSON schema before, or is known to fit it; whatever we cannot
execute is a mistake.
"""

from __future__ import annotations

import re
from typing import Literal

from afluente.core.nearest import did_you_mean
from afluente.core.tables import RELEASE, TableName
from afluente.project.contract import Column, Contract, Deduplicate, Delivery, Reference, Take, WriteMode
from afluente.project.custom_properties import CONTRACT_PROPERTIES, TABLE_PROPERTIES, custom_properties
from afluente.project.fields import Fields, read_table
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.odcs_schema import schema_problems
from afluente.project.read_column import read_column
from afluente.project.read_quality import Rules, read_quality
from afluente.project.read_relationship import read_relationships
from afluente.project.yaml_node import Node

WRITE_MODES: tuple[WriteMode, ...] = ("replace", "append", "upsert", "replace_partitions")
TAKES: tuple[Take, ...] = ("all", "present")
DELIVERIES: tuple[Delivery, ...] = ("run", "file")
REPAIRS: tuple[Literal["count", "log"], ...] = ("count", "log")
KEEP: tuple[Literal["latest", "first", "most_complete"], ...] = ("latest", "first", "most_complete")
OLDEST_API = (3, 1)
_OF_TABLES = ("from", "take", "write", "delivery", "deduplicate", "repairs")

_API_VERSION = re.compile(r"v(\d+)\.(\d+)\.\d+")


def read_contract(
    node: Node, mistakes: Mistakes, *, text_sha256: str, known: Known, is_known_valid: bool = False
) -> list[Contract]:
    """Read one document. `is_known_valid` leaves out the JSON schema, for a text that passed it before."""
    if not is_known_valid:
        mistakes.add_schema(schema_problems(node, mistakes))
    fields = Fields(node, mistakes, "the contract")
    _check_api_version(fields)
    own = custom_properties(node, CONTRACT_PROPERTIES, mistakes, "the contract")
    schema = fields.require("schema", hint="a contract describes a table in 'schema'")
    objects = schema.items if schema is not None else ()
    if schema is not None and not objects:
        mistakes.add("contract.no_table", "the contract describes no table", schema, hint="one item in 'schema'")
    read = [_table(item, fields, own, mistakes, text_sha256, known) for item in objects]
    return [contract for contract in read if contract is not None]


def _check_api_version(fields: Fields) -> None:
    node = fields.get("apiVersion")
    found = _API_VERSION.fullmatch(node.raw) if node is not None else None
    if found and (int(found[1]), int(found[2])) < OLDEST_API:
        fields.mistakes.add(
            "contract.api_version", f"apiVersion {found[0]} is too old", node, hint="write apiVersion: v3.1.0 or later"
        )


def _table(
    node: Node, contract: Fields, own: Fields, mistakes: Mistakes, text_sha256: str, known: Known
) -> Contract | None:
    native = Fields(node, mistakes, f"table {node.mapping['name'].raw!r}" if "name" in node.mapping else "a table")
    physical = native.require("physicalName", hint="physicalName: silver.clientes")
    layers = ("silver", "gold", RELEASE)
    table = read_table(physical, mistakes, native.what, layers=layers) if physical is not None else None
    custom = custom_properties(node, TABLE_PROPERTIES, mistakes, native.what)
    source = custom.table("from", layers=("bronze", "silver"))
    # A table without a right name is read all the same, so that its other mistakes are told too.
    named = table or TableName("silver", "_")
    columns, rules, references = _columns(native, custom, mistakes, known, named)
    read_quality(node, rules, mistakes, known)
    references += read_relationships(node, named, mistakes, column=None) + rules.references
    write = custom.choice("write", WRITE_MODES, "replace")
    if table is None:
        return None
    if table.layer == RELEASE and (given := next((key for key in _OF_TABLES if key in custom), None)):
        mistakes.add(
            "contract.of_output",
            f"{native.what} is what a release gives, and is not made by {given!r}",
            custom.get(given),
            hint="the product's file says what it is made of; leave it out",
        )
    if table.layer == "silver" and "from" not in custom:
        mistakes.add(
            "contract.no_source",
            f"{native.what} does not say what it is conformed from",
            physical,
            hint=f"customProperties: [{{property: from, value: bronze.{table.name}}}]",
        )
    read = Contract(
        id=contract.text("id"),
        version=contract.text("version"),
        table=table,
        columns=tuple(columns),
        place=mistakes.place(physical),
        text_sha256=text_sha256,
        source=source,
        source_place=mistakes.place(custom.get("from")) if source is not None else None,
        take=custom.choice("take", TAKES, "all"),
        write=write,
        delivery=custom.choice("delivery", DELIVERIES, "run"),
        deduplicate=_deduplicate(custom),
        references=tuple(references),
        row_rules=tuple(rules.rows),
        quality=tuple(rules.quality),
        repairs=custom.choice("repairs", REPAIRS, "count"),
        owner=custom.text("owner") or own.text("owner") or _team(contract),
        description=native.text("description"),
    )
    _check_writing(read, custom, mistakes)
    _check_deduplicate(read, custom, mistakes)
    return read


def _columns(
    native: Fields, custom: Fields, mistakes: Mistakes, known: Known, table: TableName
) -> tuple[list[Column], Rules, list[Reference]]:
    tokens = custom.texts("missingTokens")
    listed = native.require("properties", hint="a table has at least one column")
    columns: list[Column] = []
    rules = Rules()
    references: list[Reference] = []
    seen: dict[str, str] = {}
    last_key = last_partition = 0
    for node in listed.items if listed is not None else ():
        column = read_column(
            node,
            mistakes,
            known=known,
            position=last_key,
            partition=last_partition,
            missing_tokens=tokens,
        )
        if column is None:
            continue
        if column.name.casefold() in seen:
            other = seen[column.name.casefold()]
            mistakes.add(
                "contract.duplicate_column",
                f"column {column.name!r} stands twice, as {other!r}",
                column.place,
                hint="keep one",
            )
            continue
        seen[column.name.casefold()] = column.name
        columns.append(column)
        last_key = max(last_key, column.primary_key_position)
        last_partition = max(last_partition, column.partition_position)
        references += read_relationships(node, table, mistakes, column=column.name)
        read_quality(node, rules, mistakes, known, column=column.name)
    if listed is not None and not listed.items:
        mistakes.add("contract.no_columns", f"{native.what} has no columns", listed, is_key=True)
    return columns, rules, references


def _deduplicate(custom: Fields) -> Deduplicate | None:
    node = custom.get("deduplicate")
    if node is None:
        return None
    if not isinstance(node.value, dict):
        if node.value != "exact":
            hint = "{keys: [...], keep: latest, by: ...}, or exact"
            custom.wrong("deduplicate", node, "a mapping", hint=hint)
            return None
        return Deduplicate()
    fields = Fields(node, custom.mistakes, "deduplicate")
    fields.only(("keys", "keep", "by"))
    read = Deduplicate(fields.texts("keys"), fields.choice("keep", KEEP, "latest"), fields.text("by") or None)
    if read.keys and read.keep == "latest" and read.by is None:
        hint = "by: a column that grows, such as atualizado_em"
        custom.mistakes.add(
            "contract.deduplicate", "deduplicate keeps the latest, but not by which column", node, hint=hint
        )
    if read.by is not None and not read.keys:
        custom.mistakes.add("contract.deduplicate", "deduplicate has 'by' but no keys", node, hint="keys: [...]")
    return read


def _check_writing(contract: Contract, custom: Fields, mistakes: Mistakes) -> None:
    node = custom.get("write")
    if contract.write == "upsert" and not contract.keys:
        mistakes.add("contract.write", f"{contract.table} is upserted without a key", node, hint="primaryKey: true")
    if contract.source is not None and contract.source.layer == "silver" and contract.write != "replace":
        mistakes.add(
            "contract.write",
            f"{contract.table} is conformed from {contract.source}, whose rows keep no origin, and writes by {contract.write}",
            node,
            hint="write: replace, or conform it from a bronze table",
        )
    if contract.write == "replace_partitions" and not contract.partition_by:
        mistakes.add(
            "contract.write", f"{contract.table} replaces partitions it has not", node, hint="partitioned: true"
        )
    if contract.take == "present" and contract.write != "replace":
        mistakes.add(
            "contract.write",
            f"{contract.table} takes the rows that are present, and keeps those that are gone",
            node or custom.get("take"),
            hint="write: replace",
        )
    if contract.write != "replace_partitions" and "delivery" in custom:
        mistakes.add(
            "contract.write",
            f"{contract.table} says what a delivery is, and keeps the rows of every delivery",
            custom.get("delivery"),
            hint="write: replace_partitions, or leave delivery out",
        )
    if contract.columns and len(contract.partition_by) == len(contract.columns):
        mistakes.add("contract.partition", f"every column of {contract.table} is a partition", contract.place)
    names = tuple(column.name for column in contract.columns)
    for kind, positions in (
        ("primaryKeyPosition", [column.primary_key_position for column in contract.columns]),
        ("partitionKeyPosition", [column.partition_position for column in contract.columns]),
    ):
        taken = [position for position in positions if position]
        if len(taken) != len(set(taken)):
            mistakes.add("contract.position", f"two columns of {contract.table} have one {kind}", contract.place)
    for column in contract.columns:
        if column.state_column is not None and column.state_column not in names:
            mistakes.add(
                "project.unknown_column",
                f"column {column.name!r} takes its state from {column.state_column!r}, which does not exist",
                column.place,
                hint=did_you_mean(column.state_column, names),
            )


def _check_deduplicate(contract: Contract, custom: Fields, mistakes: Mistakes) -> None:
    node = custom.get("deduplicate")
    names = tuple(column.name for column in contract.columns)
    keys, by = (node.mapping.get("keys"), node.mapping.get("by")) if node is not None else (None, None)
    for named in (*(keys.items or (keys,) if keys is not None else ()), *((by,) if by is not None else ())):
        if named.is_scalar and named.raw not in names:
            mistakes.add(
                "project.unknown_column",
                f"deduplicate of {contract.table} names column {named.raw!r}, which does not exist",
                named,
                hint=did_you_mean(named.raw, names),
            )


def _team(contract: Fields) -> str:
    team = contract.get("team")
    name = team.mapping.get("name") if team is not None else None
    return name.raw if name is not None else ""
