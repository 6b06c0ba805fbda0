"""`afluente parity`: each model on DuckDB and on Spark over the same rows."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    from afluente.engines.engine import Engine
    from afluente.runs.steps.parity import Difference
    from afluente.runs.steps.workspace import Workspace


def run(arguments: Namespace, console: Console) -> int:
    if arguments.rows < 1:
        raise UsageError("parity.rows", f"--rows {arguments.rows} is below 1", hint="10000 is the default")
    with open_workspace(arguments) as workspace:
        from afluente.cli.commands.compile import find_model
        from afluente.runs.steps.parity import compare

        project = workspace.project
        asked = [find_model(project, name) for name in arguments.models] or list(project.models)
        if not asked:
            raise UsageError("parity.no_models", "the project has no models", hint="write one in models/")
        url = arguments.engine or project.engine.url
        if not url or not url.startswith("sc://"):
            raise UsageError(
                "parity.no_server",
                f"'{url}' is no Spark Connect address" if url else "no Spark Connect server is named",
                hint="give one: afluente parity --engine sc://localhost:15002",
            )
        local, remote = _duckdb(workspace), None
        try:
            remote = _spark(workspace, url)
            engines = (local.describe(), remote.describe())
            found = [compare(workspace, model, local, remote, most_rows=arguments.rows) for model in asked]
        finally:
            for engine in (local, remote):
                if engine is not None:
                    engine.close()
    _tell(found, console, [f"{engine.engine} {engine.version}" for engine in engines])
    return 0 if all(one.is_equal for one in found) else 1


def _duckdb(workspace: Workspace) -> Engine:
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    filesystem = workspace.lake.filesystem()
    location = workspace.lake.location
    return open_engine(
        EngineSettings("duckdb"),
        timezone=workspace.project.timezone,
        temp_folder=workspace.scratch.folder / "parity",
        filesystems={} if filesystem is None else {location.scheme: filesystem},
        folders=[location.root] if location.is_local else (),
    )


def _spark(workspace: Workspace, url: str) -> Engine:
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    options = workspace.project.engine.options if url == workspace.project.engine.url else {}
    return open_engine(
        EngineSettings("spark", url, options=options),
        timezone=workspace.project.timezone,
        temp_folder=workspace.scratch.folder / "parity",
        stage=workspace.stage,
        spark_options=workspace.resolved(options),
    )


def _tell(found: list[Difference], console: Console, engines: list[str]) -> None:
    if console.is_json:
        console.json(
            [
                {
                    "model": str(one.table),
                    "engines": engines,
                    "is_equal": one.is_equal,
                    "rows": [one.rows_first, one.rows_second],
                    "only": [one.only_first, one.only_second],
                    "samples": [{"engine": engine, "row": dict(row)} for engine, row in one.samples],
                    "error": one.error or None,
                }
                for one in found
            ]
        )
        return
    console.table(
        {
            "model": str(one.table),
            "result": "error" if one.error else "equal" if one.is_equal else "different",
            f"rows on {engines[0]}": one.rows_first,
            f"rows on {engines[1]}": one.rows_second,
            "only there (first)": one.only_first,
            "only there (second)": one.only_second,
        }
        for one in found
    )
    for one in found:
        if one.error:
            console.note(f"{one.table}: {one.error}")
        for engine, row in one.samples:
            console.note(f"{one.table}: only on {engine}: {', '.join(f'{name}={value}' for name, value in row)}")
