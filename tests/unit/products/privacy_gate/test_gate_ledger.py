"""What the gate does about what was told before, with the ledger's own audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from afluente.core.errors import DataRefused
from afluente.products.privacy.exposed import Exposed
from afluente.products.privacy.region import Region, Told
from gate_workbench import SEGMENT, Sale, Workbench, output, sales

MONTH = output(grain="month", dimensions=())
STATES = output(dimensions=("produto",), places=("uf",))


def places_told(told: Sequence[Told]) -> set[tuple[str, ...]]:
    return {one.region.places for one in told}


def test_a_month_is_not_told_of_a_city_when_its_days_would_give_one_small_day(bench: Workbench) -> None:
    rows = [sale for day in (1, 2) for city in ("S1", "S2") for sale in sales(city, 20, dia=day)]
    rows += [*sales("S1", 2, dia=3), *sales("S2", 20, dia=3), *sales("S3", 4, dia=3)]
    days = bench.gate(rows, inspect=None)
    assert ("S1",) in places_told(one for one in days.told if one.region.first.day == 1)
    assert ("S1", "S3") in places_told(one for one in days.told if one.region.first.day == 3)
    month = bench.gate(rows, MONTH, told=days.told, inspect=None)
    assert month.findings == ()
    assert ("S1",) not in places_told(month.told)
    assert month.utility.visible("receita") > 0


def test_without_days_told_before_the_same_month_is_told_by_city(bench: Workbench) -> None:
    rows = [sale for day in (1, 2) for city in ("S1", "S2") for sale in sales(city, 20, dia=day)]
    month = bench.gate(rows, MONTH, inspect=None)
    assert places_told(month.told) == {("S1",), ("S2",)}


def test_cities_are_not_told_when_their_state_was_and_one_would_be_left(bench: Workbench) -> None:
    rows = [*sales("S1", 30), *sales("S2", 20), *sales("S3", 2), *sales("R1", 2), *sales("R2", 9)]
    states = bench.gate(rows, STATES, inspect=None)
    cities = bench.gate(rows, told=states.told, inspect=None)
    assert cities.findings == ()
    shown = places_told(cities.told)
    assert {("S1",), ("S2",)} - shown
    assert ("R2",) not in shown


def test_a_cell_that_stays_narrowed_is_a_finding_that_names_it_and_no_value(bench: Workbench) -> None:
    cell = Region("gold.vendas", "", date(2026, 3, 1), date(2026, 3, 1), "dia", "cidade", ("S2",), (("produto", "p1"),))
    gated = bench.gate(
        [*sales("S1", 9, valor="77.77"), *sales("S2", 9, valor="77.77")],
        inspect=lambda _: (Exposed(cell, ("valor",), (("", "vendas_dia"),)),),
    )
    (finding,) = gated.findings
    assert finding.code == "privacy.cell_narrowed"
    assert finding.cell == "2026-03-01 cidade=S2 produto=p1"
    assert "77" not in finding.message_pt + finding.message_en
    assert gated.table.num_rows == 0


def test_shares_pass_the_audit_with_the_partner_knowing_its_own_sales(bench: Workbench) -> None:
    rows = [*sales("S1", 10), *[sale for brand in "ABC" for sale in sales("S1", 12, marca=brand)]]
    gated = bench.gate(rows, output(grain="month", dimensions=("segmento",), segment=SEGMENT), inspect=None)
    assert gated.findings == ()
    assert gated.table.column("participacao_receita").to_pylist() == ["0.20-0.25"]


def test_a_finest_place_in_two_coarser_ones_is_refused_without_its_name(bench: Workbench) -> None:
    rows = [*sales("S1", 9), *sales("R1", 9)]
    with pytest.raises(DataRefused) as refused:
        bench.gate(rows, output(places=("segmento", "uf")))
    assert refused.value.code == "privacy.place_ambiguous"
    assert "bebidas" not in str(refused.value)


def test_one_person_does_not_make_a_city_by_buying_often(bench: Workbench) -> None:
    gated = bench.gate([Sale("S1", "one") for _ in range(50)])
    assert gated.table.num_rows == 0


def test_an_output_without_a_period_or_places_is_told_and_audited(bench: Workbench) -> None:
    rows = [*sales("S1", 10), *[sale for brand in "ABC" for sale in sales("S1", 12, marca=brand)]]
    asked = replace(output(dimensions=("segmento",), segment=SEGMENT, places=()), period_column="")
    gated = bench.gate(rows, asked, inspect=None)
    assert gated.table.to_pylist() == [
        {
            "segmento": "bebidas",
            "unidades": 10,
            "receita": 100,
            "clientes": 10,
            "vendas": 10,
            "preco_medio": 10.0,
            "participacao_receita": "0.20-0.25",
        }
    ]
    assert gated.findings == ()
