"""DuckDB, through our translation, answers what Apache Spark answered, in value and in type; or the guard refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from afluente.core.errors import ModelError
from afluente.models.allowed import CLAUSES, OPERATORS, cast_pairs, function_names, markdown
from tests.contract.parity import translation, vectors

VECTORS = vectors.load()
REFUSED = {
    "CAST(x AS STRING)": "each engine writes doubles in its own way",
}
_LEAST_VECTORS = 3
_INTEGRAL = {"tinyint", "smallint", "int", "bigint"}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = translation.connect()
    yield opened
    opened.close()


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.sql for vector in VECTORS])
def test_duckdb_gives_what_spark_gave(connection: duckdb.DuckDBPyConnection, vector: vectors.Vector) -> None:
    if vector.sql in REFUSED:
        with pytest.raises(ModelError) as refusal:
            translation.translated(vector)
        assert refusal.value.hint
        return
    assert translation.differences(connection, vector) == []


def test_every_statement_has_a_recorded_answer() -> None:
    assert [(vector.kind, vector.sql) for vector in VECTORS] == vectors.statements()


def _counted() -> Counter[str]:
    counted: Counter[str] = Counter()
    for vector in VECTORS:
        if vector.sql not in REFUSED:
            for name in translation.translated(vector).used:
                counted[name] += len(vector.answers)
    return counted


def test_every_allowed_function_has_vectors() -> None:
    counted = _counted()
    names = [name for family in function_names().values() for name in family]
    assert [name for name in names if counted[name] < _LEAST_VECTORS] == []


def test_every_allowed_operator_and_clause_has_a_vector() -> None:
    counted = _counted()
    assert [name for name in (*OPERATORS, *CLAUSES) if not counted[name]] == []


def test_every_allowed_cast_has_vectors() -> None:
    counted = Counter[tuple[str, str]]()
    for name, number in _counted().items():
        if name.startswith(("cast ", "try_cast ")):
            _, have, _, wanted = name.split(" ")
            counted[_family(have), _family(wanted)] += number
    missing = {(_family(have), _family(wanted)) for have, wanted in cast_pairs() if have != "float"}
    assert sorted(pair for pair in missing if counted[pair] < _LEAST_VECTORS) == []


def _family(kind: str) -> str:
    return "integral" if kind in _INTEGRAL else kind


def test_nothing_is_used_that_is_not_listed() -> None:
    known = {name for family in function_names().values() for name in family} | {*OPERATORS, *CLAUSES}
    used = {name for name in _counted() if not name.startswith(("cast ", "try_cast "))}
    assert used - known == set()


def test_at_least_150_functions_and_operators_are_allowed() -> None:
    assert sum(len(names) for names in function_names().values()) + len(OPERATORS) >= 150  # noqa: PLR2004 - the goal


def test_the_page_of_functions_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "sql-functions.md"
    assert page.read_text(encoding="utf-8") == markdown()
