from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from afluente.core.errors import ModelError
from afluente.models.parse import parse_model, parse_query
from tests.unit.models.sample import model


def test_a_syntax_error_names_the_line_of_the_file() -> None:
    with pytest.raises(ModelError) as failure:
        parse_model(model("SELECT a,\n  FROM (silver.pedidos", sql_line=12))
    assert failure.value.code == "model.syntax"
    assert failure.value.place is not None
    assert failure.value.place.file == "models/vendas.sql"
    assert failure.value.place.line == 13


@pytest.mark.parametrize("sql", ["SELECT 1 AS a; SELECT 2 AS b", "DROP TABLE x", "INSERT INTO t SELECT 1 AS a", ""])
def test_a_model_is_one_query(sql: str) -> None:
    with pytest.raises(ModelError) as failure:
        parse_model(model(sql))
    assert failure.value.code in {"model.not_one_query", "model.syntax"}


def test_a_cast_stays_strict_and_a_function_keeps_its_name() -> None:
    tree = parse_query("SELECT CAST(a AS INT) AS x, dayofweek(b) AS y FROM silver.t", file="m.sql")
    assert not list(tree.find_all(exp.TryCast))
    assert [node.this for node in tree.find_all(exp.Anonymous)] == ["dayofweek"]


@given(st.text(max_size=60))
def test_any_text_parses_or_is_a_model_error(text: str) -> None:
    try:
        parse_query(text, file="m.sql")
    except ModelError as failure:
        assert failure.hint
