"""A question in Spark SQL to the tables of the lake.

Invariant: only the tables that the question names are opened, each pinned at one version; the answer is read in
batches, never held whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from afluente.core.errors import ModelError, UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.models.compile import spark_text
from afluente.models.parse import parse_query
from afluente.models.spark_types import parse_type
from afluente.models.translate import translate
from afluente.runs.steps.model_step import column_types
from afluente.runs.steps.views import register_snapshot

if TYPE_CHECKING:
    from afluente.lake.snapshot import Snapshot
from afluente.runs.steps.workspace import Workspace

PLACE = "query"
Version = int | datetime


def ask(
    workspace: Workspace, sql: str, *, at: Mapping[TableName, Version] | None = None, most_rows: int = 0
) -> pa.RecordBatchReader:
    """The answer. `at` reads tables as they were; with `most_rows` no more than that many (and one) are computed.

    UsageError `sql.table_unknown`; ModelError for SQL that is not allowed, with its place in the query.
    """
    tree = _parse(sql)
    versions = dict(at or {})
    snapshots = {table: _open(workspace, table, versions) for table in sorted(tables_named(tree))}
    for table in versions:
        if table not in snapshots:
            raise UsageError("sql.at_unused", f"the query does not read {table}", hint="name a table that it reads")
    schemas = {
        table: {name: parse_type(kind) for name, kind in column_types(snapshot.schema).items()}
        for table, snapshot in snapshots.items()
    }
    translation = translate(tree, schemas, file=PLACE, any_rows=True)
    engine = workspace.engine
    for table, snapshot in snapshots.items():
        register_snapshot(engine, table.view, snapshot)
    text = translation.sql if engine.describe().dialect == "duckdb" else spark_text(sql, tree)
    if most_rows and not tree.args.get("limit") and not tree.args.get("offset"):
        text = f"{text}\nLIMIT {most_rows + 1}"
    return engine.stream(text)


def _parse(sql: str) -> exp.Query:
    try:
        return parse_query(sql, file=PLACE)
    except ModelError as error:
        if error.code != "model.not_one_query":
            raise
        raise UsageError(
            "sql.not_one_query",
            "a query is one SELECT, and this is something else",
            hint="tables are changed by `afluente run`, listed by `afluente tables` and told by `afluente tables show`",
            place=error.place,
        ) from error


def tables_named(tree: exp.Query) -> set[TableName]:
    """The tables a query reads; UsageError when a name is not one of a table."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for node in tree.find_all(exp.Table):
        layer, name = node.text("db").lower(), node.name.lower()
        if not layer and name in ctes:
            continue
        try:
            found.add(TableName.parse(f"{layer}.{name}" if layer else name))
        except ValueError as error:
            raise UsageError(
                "sql.table_unknown", str(error), hint="write it as layer.name; `afluente tables list` shows them"
            ) from error
    return found


def _open(workspace: Workspace, table: TableName, versions: Mapping[TableName, Version]) -> Snapshot:
    if table in versions:
        return workspace.lake.snapshot(table, versions[table])
    found = workspace.lake.find(table)
    if found is None:
        names = [str(name) for name in workspace.lake.tables()]
        made = {str(c.table) for c in workspace.project.contracts} | {str(m.table) for m in workspace.project.models}
        hint = "make it first: afluente run" if str(table) in made else did_you_mean(str(table), names)
        raise UsageError("sql.table_unknown", f"table {table} does not exist", hint=hint)
    return found
