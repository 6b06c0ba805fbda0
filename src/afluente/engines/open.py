"""Opens the engine a project asks for.

Invariant: importing this module imports no engine; asking for one imports only that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from afluente.core.errors import EngineError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from afluente.engines.engine import Engine
    from afluente.project.settings import EngineSettings


def open_engine(
    settings: EngineSettings,
    *,
    timezone: str,
    temp_folder: Path,
    filesystems: Mapping[str, AbstractFileSystem] | None = None,
    folders: Sequence[str] = (),
    stage: str = "",
    spark_options: Mapping[str, str] | None = None,
) -> Engine:
    """An engine ready to register snapshots; close it when done.

    `temp_folder` is where DuckDB spills. `filesystems` are fsspec's, by scheme. `folders`, when given, are the only
    ones DuckDB may read and write, besides `temp_folder`. `stage` is where Spark keeps materialised tables: a folder
    or URL that the server sees too; without it, `temp_folder`. `spark_options` are the settings' own, secrets resolved.
    """
    match settings.kind:
        case "duckdb":
            from afluente.engines.duckdb.connect import connect
            from afluente.engines.duckdb.execute import DuckDBEngine

            connection = connect(
                timezone=timezone,
                temp_folder=temp_folder,
                memory_limit=settings.memory_limit,
                threads=settings.threads,
                filesystems=filesystems,
                folders=folders,
            )
            return DuckDBEngine(connection)
        case "spark":
            if settings.url is None:
                raise EngineError(
                    "engine.setting_invalid",
                    "engine spark has no address",
                    hint='write engine: {spark: "sc://host:15002"}',
                )
            from afluente.engines.spark.connect import connect as connect_spark
            from afluente.engines.storage import Storage

            session = connect_spark(settings.url, timezone=timezone, options=spark_options)
            from afluente.engines.spark.execute import SparkEngine

            return SparkEngine(session, stage=stage or str(temp_folder.absolute()), storage=Storage(filesystems or {}))
        case _:
            assert_never(settings.kind)
