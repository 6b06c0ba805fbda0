"""`afluente compile`: the SQL a model runs as, and where each of its columns comes from."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.sql_layout import laid_out
from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean

if TYPE_CHECKING:
    from afluente.project.model import Model
    from afluente.project.settings import Project


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        from afluente.models.compile import compile_model
        from afluente.models.graph import tables_read
        from afluente.models.lineage import trace
        from afluente.runs.steps.schemas import declared_schemas

        project = workspace.project
        model = find_model(project, arguments.model)
        schemas = declared_schemas(project, workspace.lake)
        dialect = arguments.engine or project.engine.kind
        compiled = compile_model(model, schemas, dialect, project.timezone)
        origins = trace(model, {table: schemas[table] for table in tables_read(model) if table in schemas})
    columns = [
        {
            "column": column.name,
            "type": column.type,
            "classification": column.classification,
            "comes from": [str(origin) for origin in origins[column.name]],
        }
        for column in model.columns
    ]
    if console.is_json:
        reads = [str(table) for table in compiled.tables]
        answer = {"model": str(model.table), "engine": dialect, "sql": compiled.sql, "reads": reads, "columns": columns}
        console.json(answer)
        return 0
    console.data(f"-- {model.table} on {dialect}; tables are read as layer__name")
    console.data(laid_out(compiled.sql) if dialect == "duckdb" else compiled.sql)
    console.data("")
    console.table([column | {"comes from": ", ".join(column["comes from"])} for column in columns])
    return 0


def find_model(project: Project, name: str) -> Model:
    """The model of a gold table, with or without its layer. UsageError."""
    models = {str(model.table): model for model in project.models}
    full = name if "." in name else f"gold.{name}"
    if full not in models:
        raise UsageError("compile.model_unknown", f"no model makes '{name}'", hint=did_you_mean(full, models))
    return models[full]
