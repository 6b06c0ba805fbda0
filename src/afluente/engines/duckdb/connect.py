"""Opens DuckDB for refining: bounded memory, spilling to a folder, no extension loaded or downloaded.

Invariant: after `connect` no SQL can change a setting, see a Python variable or fetch an extension; with `folders`
given, none can read or write a file outside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from afluente.core.errors import EngineError
from afluente.engines.duckdb.types import text, text_list
from afluente.engines.memory import default_memory_limit

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def connect(
    *,
    timezone: str,
    temp_folder: Path,
    memory_limit: str = "",
    threads: int = 0,
    temp_limit: str = "",
    folders: Sequence[str] = (),
    filesystems: Mapping[str, AbstractFileSystem] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection to an empty database in memory. Limits are as DuckDB writes them (`4GB`)."""
    temp_folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit or default_memory_limit(),
        "temp_directory": str(temp_folder),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
    }
    if threads:
        config["threads"] = threads
    try:
        connection = duckdb.connect(":memory:", config=config)
    except duckdb.Error as error:
        raise _wrong_setting(error, memory_limit) from None
    try:
        connection.execute(f"SET GLOBAL TimeZone = {text(timezone)}")
        connection.execute("SET GLOBAL parquet_metadata_cache = true")
        if temp_limit:
            # Given to `duckdb.connect` (2.0.0) this limit is shown by current_setting but not kept.
            connection.execute(f"SET GLOBAL max_temp_directory_size = {text(temp_limit)}")
        for filesystem in (filesystems or {}).values():
            connection.register_filesystem(filesystem)
        if folders:
            allowed = [folder.rstrip("/") + "/" for folder in (*folders, str(temp_folder))]
            connection.execute(f"SET allowed_directories = {text_list(allowed)}")
            connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise EngineError(
            "engine.setting_invalid",
            f"the engine does not know the time zone '{timezone}', or refused a setting ({type(error).__name__})",
            hint="timezone is an IANA name, such as America/Sao_Paulo",
        ) from None
    return connection


def _wrong_setting(error: duckdb.Error, memory_limit: str) -> EngineError:
    return EngineError(
        "engine.setting_invalid",
        f"the engine could not start with memory_limit '{memory_limit}' ({type(error).__name__})",
        hint="write memory_limit as a number and a unit, such as 4GB",
    )
