"""A model's file: a YAML block in a leading comment, then one SELECT in Spark SQL.

Invariant: the SQL is kept as written, with the line of the file it starts at; nothing here parses it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from afluente.core.errors import CheckFailed, Problem
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.model import Incremental, Model, ModelColumn
from afluente.project.read_column import CLASSIFICATIONS
from afluente.project.sql_type import type_mistake
from afluente.project.yaml_node import Node

BLOCK = re.compile(r"\A\s*/\*[ \t]*---[ \t]*\n(?P<yaml>.*?)^[ \t]*---[ \t]*\*/", re.DOTALL | re.MULTILINE)
EXAMPLE = "begin the file with /* --- on a line, the settings in YAML, and --- */ on a line"


def split_model(text: str, mistakes: Mistakes) -> tuple[str, int, str, int]:
    """The settings' YAML and its first line, the SQL and its first line."""
    found = BLOCK.match(text)
    if found is None:
        problem = Problem(mistakes.place(Node(None, 1, 1)), "model.no_settings", "the model has no settings", EXAMPLE)
        raise CheckFailed([problem])
    body = text[found.end() :]
    sql = body.strip()
    blank = len(body) - len(body.lstrip())
    sql_line = text.count("\n", 0, found.end() + blank) + 1
    return found["yaml"], text.count("\n", 0, found.start("yaml")) + 1, sql, sql_line


def read_model(node: Node, sql: str, sql_line: int, mistakes: Mistakes, *, text_sha256: str) -> Model | None:
    """Read the settings of one model; None when its file's name cannot name a table."""
    stem = PurePosixPath(mistakes.file).stem
    fields = Fields(node, mistakes, f"model {stem!r}")
    fields.only(("description", "owner", "columns", "partition_by", "incremental"))
    if not sql:
        mistakes.add(
            "model.no_sql", f"{fields.what} has no SELECT", mistakes.place(Node(None, sql_line, 1)), hint=EXAMPLE
        )
    columns = _columns(fields)
    names = tuple(column.name for column in columns)
    partition_by = fields.texts("partition_by")
    for name in partition_by:
        _check_column(fields, "partition_by", name, names)
    model_incremental = _incremental(fields, names, partition_by)
    try:
        table = TableName.parse(f"gold.{stem}")
    except ValueError:
        mistakes.add(
            "project.table_name",
            f"the file's name {stem!r} cannot name a table",
            hint="rename it to lower-case letters, digits and _",
        )
        return None
    return Model(
        table=table,
        sql=sql,
        sql_line=sql_line,
        place=mistakes.place(Node(None, sql_line, 1)),
        columns=columns,
        partition_by=partition_by,
        incremental=model_incremental,
        owner=fields.text("owner"),
        description=fields.text("description"),
        text_sha256=text_sha256,
    )


def _columns(fields: Fields) -> tuple[ModelColumn, ...]:
    listed = fields.require("columns", hint="columns: [{name: mes, type: string}]") if fields.node.mapping else None
    if listed is None:
        return ()
    if not isinstance(listed.value, tuple):
        fields.wrong("columns", listed, "a list")
        return ()
    if not listed.items:
        fields.mistakes.add("model.no_columns", f"{fields.what} declares no columns", listed, is_key=True)
    read: dict[str, ModelColumn] = {}
    for node in listed.items:
        column = Fields(node, fields.mistakes, f"a column of {fields.what}")
        column.only(("name", "type", "description", "classification"))
        if not node.mapping:
            continue
        name_node = column.require("name")
        name = column.text("name")
        type_node = column.require("type", hint="a Spark SQL type, such as bigint or decimal(18,2)")
        type_name = column.text("type")
        if type_node is not None and type_name and (mistake := type_mistake(type_name)):
            fields.mistakes.add("model.type", f"column {name!r}: {mistake[0]}", type_node, hint=mistake[1])
        if name.casefold() in read:
            fields.mistakes.add("model.duplicate_column", f"column {name!r} stands twice", name_node, hint="keep one")
        elif name:
            classification = column.choice("classification", CLASSIFICATIONS, "internal")
            read[name.casefold()] = ModelColumn(name, type_name, column.text("description"), classification)
    return tuple(read.values())


def _check_column(fields: Fields, key: str, name: str, names: tuple[str, ...]) -> None:
    if names and name not in names:
        fields.mistakes.add(
            "project.unknown_column",
            f"{key!r} of {fields.what} names column {name!r}, which is not declared",
            fields.get(key),
            hint=did_you_mean(name, names),
        )


def _incremental(fields: Fields, names: tuple[str, ...], partition_by: tuple[str, ...]) -> Incremental | None:
    node = fields.get("incremental")
    if node is None:
        return None
    inner = Fields(node, fields.mistakes, f"incremental of {fields.what}")
    inner.only(("time_column", "source", "source_column", "lookback"))
    if not node.mapping:
        return None
    time_node = inner.require("time_column", hint="an output column the table is partitioned by")
    inner.require("source", hint="source: silver.pedidos")
    time_column = inner.text("time_column")
    source = inner.table("source")
    if time_node is not None:
        _check_column(inner, "time_column", time_column, names)
        if time_column in names and time_column not in partition_by:
            inner.mistakes.add(
                "model.incremental",
                f"{fields.what} is incremental by {time_column!r} but not partitioned by it",
                time_node,
                hint=f"partition_by: [{time_column}]",
            )
    if source is None:
        return None
    lookback = inner.integer("lookback", 0)
    return Incremental(
        time_column, source, inner.text("source_column", time_column), lookback, inner.mistakes.place(node)
    )
