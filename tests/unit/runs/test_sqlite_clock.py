from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.runs.sqlite_clock import give_subseconds
from afluente.state.database import sqlite_engine


@pytest.mark.parametrize("version", [(3, 34, 1), (3, 40, 1), sqlite3.sqlite_version_info])
def test_milliseconds_are_written_by_default_and_by_query_whatever_the_sqlite(
    version: tuple[int, ...], tmp_path: Path
) -> None:
    engine = sqlite_engine(tmp_path / "runs.db", is_begun_by_driver=True)
    give_subseconds(engine, version=version)
    before = int(time.time() * 1000)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000), n INT)"))
        connection.execute(sa.text("INSERT INTO t (n) VALUES (1)"))
        asked = connection.scalar(sa.text("SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)"))
    with engine.connect() as connection:
        written = connection.scalar(sa.text("SELECT at FROM t"))
    engine.dispose()
    assert before <= int(written) <= int(asked) <= time.time() * 1000
