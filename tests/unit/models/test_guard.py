from __future__ import annotations

import pytest

from afluente.core.errors import ModelError
from afluente.models.compile import compile_model
from tests.unit.models.sample import SCHEMAS, TIMEZONE, model

REFUSED = {
    "SELECT hash(valor) AS a FROM silver.pedidos": "sha2",
    "SELECT current_date() AS a FROM silver.pedidos": "time column",
    "SELECT current_date AS a FROM silver.pedidos": "",
    "SELECT rand() AS a FROM silver.pedidos": "hash",
    "SELECT approx_count_distinct(valor) AS a FROM silver.pedidos": "count(DISTINCT",
    "SELECT collect_list(valor) AS a FROM silver.pedidos": "sort_array",
    "SELECT first(valor) AS a FROM silver.pedidos": "OVER",
    "SELECT valor AS a FROM silver.pedidos LIMIT 3": "ORDER BY",
    "SELECT valor AS a FROM silver.pedidos QUALIFY row_number() OVER (ORDER BY valor) = 1": "subquery",
    "SELECT valor AS a FROM silver.pedidos GROUP BY ALL": "name the columns",
    "SELECT explode(itens) AS a FROM silver.pedidos": "LATERAL VIEW",
    "SELECT valor + 'x' AS a FROM silver.pedidos": "CAST",
    "SELECT CAST(criado_em AS INT) AS a FROM silver.pedidos": "",
    "SELECT a FROM silver.pedidos PIVOT (sum(valor) FOR cliente_id IN (1))": "",
    "SELECT valor AS a FROM silver.pedidos TABLESAMPLE (10 PERCENT)": "",
    "SELECT * EXCEPT (valor) FROM silver.pedidos": "",
    "SELECT 'it''s' AS a": "\\'",
    "SELECT date_format(criado_em, 'QQQ') AS a FROM silver.pedidos": "constants",
    "SELECT regexp_replace(itens[0], '(?=a)', 'b') AS a FROM silver.pedidos": "constants",
    "SELECT row_number() OVER (PARTITION BY valor) AS a FROM silver.pedidos": "ORDER BY",
    "SELECT INTERVAL 1 DAY AS a": "",
    "SELECT levenshtein(itens[0], 'a') AS a FROM silver.pedidos": "compare",
    "SELECT `extract second`(criado_em) AS a FROM silver.pedidos": "",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_not_proved_equal_is_refused_with_an_alternative(sql: str) -> None:
    for dialect in ("duckdb", "spark"):
        with pytest.raises(ModelError) as failure:
            compile_model(model(sql, "a string"), SCHEMAS, dialect, TIMEZONE)  # type: ignore[arg-type]
        assert failure.value.code in {"model.not_allowed", "model.syntax"}
        assert failure.value.hint
        assert REFUSED[sql] in failure.value.hint
        assert failure.value.place is not None


def test_a_refusal_points_at_the_call() -> None:
    with pytest.raises(ModelError) as failure:
        compile_model(
            model("SELECT 1 AS x,\n  xxhash64(valor) AS a\nFROM silver.pedidos", "a bigint", sql_line=7),
            SCHEMAS,
            "duckdb",
            TIMEZONE,
        )
    assert failure.value.place is not None
    assert (failure.value.place.line, failure.value.place.column) == (8, 3)


def test_a_misspelt_function_and_column_get_the_nearest_name() -> None:
    with pytest.raises(ModelError) as failure:
        compile_model(
            model("SELECT substrng(uf, 1, 1) AS a FROM silver.clientes", "a string"), SCHEMAS, "duckdb", TIMEZONE
        )
    assert "'substring'" in failure.value.hint
    with pytest.raises(ModelError) as failure:
        compile_model(model("SELECT ufs AS a FROM silver.clientes", "a string"), SCHEMAS, "duckdb", TIMEZONE)
    assert failure.value.code == "model.unknown_column"
    assert "'uf'" in failure.value.hint


def test_an_ambiguous_column_and_a_shadowed_alias_are_refused() -> None:
    ambiguous = "SELECT cliente_id AS a FROM silver.pedidos p JOIN silver.clientes c ON p.cliente_id = c.cliente_id"
    with pytest.raises(ModelError) as failure:
        compile_model(model(ambiguous, "a bigint"), SCHEMAS, "duckdb", TIMEZONE)
    assert failure.value.code == "model.ambiguous_column"
    shadowed = "SELECT cliente_id, sum(valor) AS valor FROM silver.pedidos GROUP BY cliente_id HAVING valor > 1"
    with pytest.raises(ModelError) as failure:
        compile_model(model(shadowed, "cliente_id bigint, valor decimal(22;2)"), SCHEMAS, "duckdb", TIMEZONE)
    assert failure.value.code == "model.not_allowed"
