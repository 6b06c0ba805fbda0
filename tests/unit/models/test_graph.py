from __future__ import annotations

from afluente.core.tables import TableName
from afluente.models.graph import graph_problems, tables_read
from tests.unit.models.sample import CLIENTES, PEDIDOS, model


def test_a_model_reads_what_it_names() -> None:
    late = model("SELECT a FROM gold.base JOIN silver.clientes USING (a)", name="a_late")
    early = model("SELECT a FROM silver.pedidos", name="base")
    assert graph_problems([late, early], [PEDIDOS, CLIENTES]) == []
    assert tables_read(late) == {TableName("gold", "base"), CLIENTES}


def test_a_cycle_is_named() -> None:
    models = [model("SELECT a FROM gold.b", name="a"), model("SELECT a FROM gold.a", name="b")]
    [problem] = graph_problems(models, [])
    assert problem.code == "model.cycle"
    assert "gold.a -> gold.b -> gold.a" in problem.message


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
