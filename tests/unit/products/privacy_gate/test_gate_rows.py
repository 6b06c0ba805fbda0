"""Which rows leave the gate."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from gate_workbench import Sale, Workbench, output, sales

Row = dict[str, object]


def key(row: Row) -> tuple[object, object]:
    return row["cidade"], row["uf"]


def test_a_city_of_enough_persons_is_told_by_itself_with_its_figures(bench: Workbench) -> None:
    rows = [*sales("SP1", 5, quantidade=2, valor="12.50"), Sale("SP1", "SP1-0", quantidade=1, valor="0.50")]
    gated = bench.gate(rows)
    assert gated.table.to_pylist() == [
        {
            "dia": date(2026, 3, 1),
            "cidade": "SP1",
            "uf": "S",
            "nivel_lugar": "cidade",
            "lugares": 1,
            "produto": "p1",
            "nome": "cidade SP1",
            "unidades": 11,
            "receita": Decimal("63.00"),
            "clientes": 5,
            "vendas": 6,
            "preco_medio": pytest.approx(63 / 11),
        }
    ]


def test_small_cities_of_a_state_are_told_together_without_their_names(bench: Workbench) -> None:
    gated = bench.gate([*sales("SP1", 9), *sales("SP2", 3), *sales("SP3", 2)])
    rows = gated.table.to_pylist()
    assert [(key(row), row["nivel_lugar"], row["lugares"], row["clientes"]) for row in rows] == [
        (("SP1", "S"), "cidade", 1, 9),
        ((None, "S"), "uf", 2, 5),
    ]
    assert rows[1]["nome"] is None


def test_a_person_in_two_merged_cities_counts_once(bench: Workbench) -> None:
    rows = [Sale(city, f"x{number}") for city in ("S1", "S2") for number in range(3)]
    gated = bench.gate(rows)
    assert gated.table.num_rows == 0
    assert gated.utility.at_level("receita", "") == pytest.approx(1)


def test_a_single_small_city_is_never_the_rest_of_its_state(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 40), *sales("S2", 30), *sales("S3", 6), *sales("S4", 4)])
    assert [(key(row), row["lugares"]) for row in gated.table.to_pylist()] == [
        (("S1", "S"), 1),
        (("S2", "S"), 1),
        ((None, "S"), 2),
    ]


def test_what_is_too_small_for_its_state_is_told_in_the_whole_country(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 50), *sales("S2", 2), *sales("R1", 50), *sales("R2", 3)])
    assert [(key(row), row["nivel_lugar"], row["lugares"]) for row in gated.table.to_pylist()] == [
        (("R1", "R"), "cidade", 1),
        (("S1", "S"), "cidade", 1),
        ((None, None), "total", 2),
    ]


def test_a_product_bought_by_too_few_in_the_whole_country_is_hidden(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 9), *sales("S1", 2, produto="raro"), *sales("R1", 2, produto="raro")])
    assert [row["produto"] for row in gated.table.to_pylist()] == ["p1"]
    assert gated.utility.at_level("unidades", "") == pytest.approx(4 / 13)
    assert gated.utility.visible("cells") == pytest.approx(1 / 3)


def test_a_small_city_that_makes_nearly_all_of_the_rest_is_not_the_rest(bench: Workbench) -> None:
    rows = [*sales("S1", 50), *sales("S2", 4, valor="9000.00"), *sales("S3", 4, valor="0.10"), *sales("S4", 12)]
    gated = bench.gate(rows)
    assert [(key(row), row["lugares"]) for row in gated.table.to_pylist()] != [
        (("S1", "S"), 1),
        (("S4", "S"), 1),
        ((None, "S"), 2),
    ]


def test_other_brands_are_not_counted(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 4), *sales("S1", 30, marca="Outra")])
    assert gated.table.num_rows == 0


def test_only_the_days_asked_for_are_told(bench: Workbench) -> None:
    rows = [sale for day in (1, 2, 3) for sale in sales("S1", 6, dia=day)]
    gated = bench.gate(rows, days=(date(2026, 3, 2), date(2026, 3, 3)))
    assert gated.table.column("dia").to_pylist() == [date(2026, 3, 2), date(2026, 3, 3)]
    assert {(one.region.first, one.region.last) for one in gated.told} == {
        (date(2026, 3, day), date(2026, 3, day)) for day in (2, 3)
    }


def test_a_month_is_told_as_one_period_over_all_its_days(bench: Workbench) -> None:
    rows = [sale for day in (1, 2, 3) for sale in sales("S1", 2 * day, dia=day)]
    gated = bench.gate(rows, output(grain="month", dimensions=()))
    assert [(row["mes"], row["clientes"]) for row in gated.table.to_pylist()] == [("2026-03", 6)]
    assert {(one.region.first, one.region.last) for one in gated.told} == {(date(2026, 3, 1), date(2026, 3, 31))}


def test_what_is_told_is_each_figure_of_each_row_with_the_places_in_it(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 9), *sales("S2", 3), *sales("S3", 3)])
    told = {(one.region.places, one.quantity, one.column): (one.low, one.high) for one in gated.told}
    assert told == {
        (("S1",), "sum", "quantidade"): (9.0, 9.0),
        (("S2", "S3"), "sum", "quantidade"): (6.0, 6.0),
        (("S1",), "sum", "valor"): (90.0, 90.0),
        (("S2", "S3"), "sum", "valor"): (60.0, 60.0),
        (("S1",), "distinct", "cliente"): (9.0, 9.0),
        (("S2", "S3"), "distinct", "cliente"): (6.0, 6.0),
        (("S1",), "count", ""): (9.0, 9.0),
        (("S2", "S3"), "count", ""): (6.0, 6.0),
    }
    assert {one.region.dimensions for one in gated.told} == {(("produto", "p1"),)}


def test_no_facts_make_an_empty_table(bench: Workbench) -> None:
    gated = bench.gate(sales("S1", 9, marca="Outra"), output())
    assert gated.table.num_rows == 0
    assert gated.told == ()
    assert gated.utility.visible("receita") == 1


def test_an_output_without_places_tells_the_whole_or_nothing(bench: Workbench) -> None:
    gated = bench.gate([*sales("S1", 3), *sales("S2", 3), *sales("S2", 2, produto="p2")], output(places=()))
    assert [(row["produto"], row["clientes"]) for row in gated.table.to_pylist()] == [("p1", 6)]


def test_money_stays_exact_where_the_contract_says_number_and_no_more(bench: Workbench) -> None:
    rows = [sale for _ in range(7) for sale in sales("S1", 9, valor="0.10")]
    (row,) = bench.gate(rows, output(places=()), is_typed=False).table.to_pylist()
    assert row["receita"] == Decimal("6.30")
    assert isinstance(row["preco_medio"], float)
