"""Opening, migrating and failing: what the state database says when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.core.errors import StateError
from afluente.state import events
from afluente.state.database import Database, open_state, schema_revision
from afluente.state.schema import METADATA, REVISION

SQLITE = "sqlite:///.afluente/state.db"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def tables_of(database: Database) -> dict[str, object]:
    """All that the database itself tells of each table: its columns, their types and defaults, keys, checks, indexes."""
    with database.read() as connection:
        inspector = sa.inspect(connection)
        return {
            table: [
                {column["name"]: {**column, "type": str(column["type"])} for column in inspector.get_columns(table)},
                inspector.get_pk_constraint(table),
                sorted(inspector.get_foreign_keys(table), key=str),
                sorted(inspector.get_unique_constraints(table), key=str),
                sorted(inspector.get_check_constraints(table), key=str),
                sorted(inspector.get_indexes(table), key=str),
            ]
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }


def test_the_migrations_make_exactly_what_the_program_describes(database: Database) -> None:
    assert schema_revision(database) == REVISION
    migrated = tables_of(database)
    with database.write() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    assert migrated.keys() == METADATA.tables.keys()
    assert migrated == tables_of(database)


def test_opening_twice_keeps_what_was_written(url: str, tmp_path: Path) -> None:
    with open_state(url, tmp_path) as database, database.write() as connection:
        events.append(connection, at=NOW, kind="k", subject="s")
    with open_state(url, tmp_path) as database, database.read() as connection:
        assert events.last_id(connection) == 1


def test_processes_that_open_an_empty_database_at_once_all_succeed(url: str, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from afluente.state.database import open_state;"
        f"open_state({url!r}, Path({str(tmp_path)!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    open_state(url, tmp_path).close()
    for process in processes:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr.decode()


def test_a_current_database_is_opened_without_importing_alembic(tmp_path: Path) -> None:
    open_state(SQLITE, tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from afluente.state.database import open_state;"
        f"open_state({SQLITE!r}, Path({str(tmp_path)!r})).close();"
        "assert 'alembic' not in sys.modules and 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_newer_schema_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    with open_state(url, tmp_path) as database, database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError) as caught:
        open_state(url, tmp_path)
    assert caught.value.code == "state.newer_schema"
    assert "9999" in caught.value.message
    assert "upgrade" in caught.value.hint


def test_a_locked_database_is_a_retryable_error(tmp_path: Path) -> None:
    with open_state(SQLITE, tmp_path) as holder, open_state(SQLITE, tmp_path, busy_timeout_seconds=0.05) as other:
        with holder.write(), pytest.raises(StateError) as caught, other.write():
            pass
        assert caught.value.code == "state.locked"
        assert caught.value.retryable
        assert caught.value.hint


def test_readers_are_not_held_up_by_a_writer(tmp_path: Path) -> None:
    with open_state(SQLITE, tmp_path) as writer, open_state(SQLITE, tmp_path, busy_timeout_seconds=0.05) as reader:
        with writer.write() as connection:
            events.append(connection, at=NOW, kind="k", subject="s")
            with reader.read() as other:
                assert events.last_id(other) == 0


def test_a_full_database_says_so_and_keeps_what_was_committed(tmp_path: Path) -> None:
    with open_state(SQLITE, tmp_path) as database:
        with database.write() as connection:
            events.append(connection, at=NOW, kind="k", subject="first")
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        with pytest.raises(StateError) as caught, database.write() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            events.append(connection, at=NOW, kind="k", subject="x" * 1_000_000)
        assert caught.value.code == "state.disk_full"
        with database.read() as connection:
            assert [event.subject for event in events.after(connection, 0)] == ["first"]


def test_a_database_that_may_only_be_read_says_so(tmp_path: Path) -> None:
    with open_state(SQLITE, tmp_path) as database:
        with pytest.raises(StateError) as caught, database.write() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            events.append(connection, at=NOW, kind="k", subject="s")
        assert caught.value.code == "state.read_only"


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("not a database, but long enough to have a header" * 10)
    with pytest.raises(StateError) as caught:
        open_state("sqlite:///state.db", tmp_path)
    assert caught.value.code == "state.corrupt"


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / ".afluente").write_text("a file stands where the folder should be")
    with pytest.raises(StateError) as caught:
        open_state(SQLITE, tmp_path)
    assert caught.value.code == "state.cannot_open"


def test_a_database_that_does_not_exist_is_told_apart_from_a_server_that_is_away(
    new_postgres: Callable[..., str], tmp_path: Path
) -> None:
    missing = sa.make_url(new_postgres()).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(StateError) as caught:
        open_state(missing, tmp_path)
    assert caught.value.code == "state.database_missing"
    assert "CREATE DATABASE" in caught.value.hint
    assert not caught.value.retryable


def test_a_server_that_does_not_answer_says_so_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        open_state("postgresql://ana:segredo@127.0.0.1:1/vendas", tmp_path)
    assert caught.value.code == "state.unreachable"
    assert caught.value.retryable
    assert "segredo" not in caught.value.message + caught.value.hint
    assert "postgresql://127.0.0.1:1/vendas" in caught.value.message


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_hold_state_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        open_state(url, tmp_path)
    assert caught.value.code == "state.url"
    assert "sqlite:///" in caught.value.hint


def test_writers_of_many_threads_wait_for_each_other(database: Database) -> None:
    def count_up() -> None:
        for _ in range(10):
            with database.write() as connection:
                events.append(connection, at=NOW, kind="k", subject="s")

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert len(events.after(connection, 0)) == 40
