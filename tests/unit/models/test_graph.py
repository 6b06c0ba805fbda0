from __future__ import annotations

import pytest

from afluente.core.errors import CheckFailed
from afluente.core.tables import TableName
from afluente.models.graph import build_graph, graph_problems, tables_read
from tests.unit.models.sample import CLIENTES, PEDIDOS, model


def test_a_model_comes_after_what_it_reads() -> None:
    late = model("SELECT a FROM gold.base JOIN silver.clientes USING (a)", name="a_late")
    early = model("SELECT a FROM silver.pedidos", name="base")
    graph = build_graph([late, early], [PEDIDOS, CLIENTES])
    assert [made.table.name for made in graph.order] == ["base", "a_late"]
    assert graph.reads[late.table] == {TableName("gold", "base"), CLIENTES}


def test_a_cycle_is_named() -> None:
    with pytest.raises(CheckFailed) as failure:
        build_graph([model("SELECT a FROM gold.b", name="a"), model("SELECT a FROM gold.a", name="b")], [])
    assert failure.value.problems[0].code == "model.cycle"
    assert "gold.a -> gold.b -> gold.a" in failure.value.problems[0].message


def test_an_unknown_table_has_its_place_and_the_nearest_name() -> None:
    problems = graph_problems([model("SELECT a\nFROM silver.pedido", sql_line=5)], [PEDIDOS])
    assert [(found.code, found.place.line, found.place.column) for found in problems] == [("model.unknown_table", 6, 6)]
    assert "silver.pedidos" in problems[0].hint


def test_every_mistake_is_reported_at_once() -> None:
    models = [
        model("SELECT FROM", name="a"),
        model("SELECT a FROM silver.x", name="b"),
        model("SELECT a FROM plain", name="c"),
    ]
    assert len(graph_problems(models, [PEDIDOS])) == 3  # noqa: PLR2004 - one each


def test_a_cte_is_no_table() -> None:
    assert tables_read(model("WITH w AS (SELECT * FROM silver.pedidos) SELECT * FROM w")) == {PEDIDOS}
