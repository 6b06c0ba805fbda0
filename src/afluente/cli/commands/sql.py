"""`afluente sql`: ask the tables a question in Spark SQL."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.cli.answer import most_rows, write_answer
from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.words import table_name
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    from afluente.core.tables import TableName


def run(arguments: Namespace, console: Console) -> int:
    form = "json" if console.is_json and arguments.format == "table" else arguments.format
    if form == "parquet" and not arguments.output:
        raise UsageError("sql.output_missing", "parquet is not for a terminal", hint="name a file with --output FILE")
    if arguments.limit is not None and arguments.limit < 0:
        raise UsageError("sql.limit", f"--limit {arguments.limit} is below 0", hint="0 gives every row")
    query = arguments.query.strip()
    if not query:
        raise UsageError("sql.empty", "the query is empty", hint='such as "SELECT * FROM gold.vendas LIMIT 10"')
    with open_workspace(arguments) as workspace:
        from afluente.runs.steps.query import ask

        at = dict(_version(text, workspace.project.timezone) for text in arguments.at)
        limit = most_rows(form, arguments.limit)
        reader = ask(workspace, query, at=at, most_rows=limit)
        target = Path(arguments.output) if arguments.output else None
        write_answer(reader, console, form=form, target=target, limit=limit)
    return 0


def _version(text: str, timezone: str) -> tuple[TableName, int | datetime]:
    """`TABLE=VERSION`, where the version is a number or a moment; one without a zone is the project's."""
    name, equals, written = text.partition("=")
    hint = "such as --at silver.clientes=3 or --at silver.clientes=2025-01-31T18:00"
    if not equals or not written.strip():
        raise UsageError("sql.at", f"--at '{text}' is not written TABLE=VERSION", hint=hint)
    table = table_name(name.strip())
    written = written.strip()
    if written.isascii() and written.isdigit():
        return table, int(written)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise UsageError("sql.at", f"--at {name}: '{written}' is no version and no moment", hint=hint) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return table, aware.astimezone(UTC)
