from __future__ import annotations

from afluente.models.lineage import trace
from tests.unit.models.sample import SCHEMAS, model


def _traced(sql: str, columns: str) -> dict[str, list[str]]:
    return {name: [str(origin) for origin in origins] for name, origins in trace(model(sql, columns), SCHEMAS).items()}


def test_a_column_is_traced_through_ctes_stars_joins_and_laterals() -> None:
    sql = """WITH w AS (SELECT p.*, c.uf FROM silver.pedidos p LEFT JOIN silver.clientes c USING (cliente_id))
    SELECT uf, sum(valor) AS total, max(item) AS item, count(*) AS n
    FROM w LATERAL VIEW explode(itens) e AS item GROUP BY uf"""
    assert _traced(sql, "uf string, total decimal(12,2), item string, n bigint") == {
        "uf": ["silver.clientes.uf"],
        "total": ["silver.pedidos.valor"],
        "item": ["silver.pedidos.itens"],
        "n": [],
    }


def test_a_union_has_the_columns_of_both_sides() -> None:
    sql = "SELECT cliente_id AS id FROM silver.pedidos UNION ALL SELECT cliente_id FROM silver.clientes"
    assert _traced(sql, "id bigint") == {"id": ["silver.clientes.cliente_id", "silver.pedidos.cliente_id"]}


def test_an_expression_and_a_subquery_have_all_their_columns() -> None:
    sql = "SELECT concat(x.uf, CAST(x.nascimento AS STRING)) AS a FROM (SELECT uf, nascimento FROM silver.clientes) x"
    assert _traced(sql, "a string") == {"a": ["silver.clientes.nascimento", "silver.clientes.uf"]}
