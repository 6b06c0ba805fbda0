"""What holds of whatever the gate lets out, on random sales, against an adversary that knows how it works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import pytest
from afluente.core.errors import Place
from afluente.products.privacy.exposed import Exposed
from afluente.products.privacy.gated import CELLS, GatedOutput
from afluente.products.privacy.region import Region, Told
from afluente.project.product import PrivacyPolicy
from gate_workbench import Sale, Workbench, output
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

K = 3
POLICY = PrivacyPolicy(Place("products/vendas.yaml"), minimum_persons=K)
CITIES = ("A1", "A2", "A3", "A4", "B1", "B2", "C1")
Cell = tuple[int, str, str]

one_sale = st.builds(
    Sale,
    cidade=st.sampled_from(CITIES),
    cliente=st.integers(0, 25).map(str),
    dia=st.integers(1, 3),
    produto=st.sampled_from(["p1", "p2"]),
    quantidade=st.integers(1, 9),
    valor=st.integers(1, 5000).map(lambda cents: f"{cents / 100:.2f}"),
)
some_sales = st.lists(one_sale, min_size=1, max_size=150)
slow = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def by_cell(rows: Iterable[Sale]) -> dict[Cell, list[Sale]]:
    found: dict[Cell, list[Sale]] = {}
    for sale in rows:
        found.setdefault((sale.dia, sale.cidade, sale.produto), []).append(sale)
    return found


def lies_in(cell: Cell, region: Region) -> bool:
    day, city, product = cell
    within = region.first <= date(2026, 3, day) <= region.last
    return within and city in region.places and dict(region.dimensions).get("produto", product) == product


def regions_of(told: Sequence[Told]) -> list[Region]:
    return list(dict.fromkeys(one.region for one in told))


def persons_of(sales: Iterable[Sale]) -> int:
    return len({sale.cliente for sale in sales})


def small_cells(cells: dict[Cell, list[Sale]]) -> list[Cell]:
    return sorted(cell for cell, sales in cells.items() if persons_of(sales) < K)


def pinned(cells: dict[Cell, list[Sale]], told: Sequence[Told]) -> list[Cell]:
    """The small cells whose units follow exactly from sums told, by elimination, knowing which cells each row has."""
    names = sorted(cells)
    sums = [one for one in told if (one.quantity, one.column) == ("sum", "quantidade")]
    matrix = np.array([[float(lies_in(cell, one.region)) for cell in names] for one in sums]).reshape(-1, len(names))
    rank = np.linalg.matrix_rank(matrix) if len(sums) else 0
    found = []
    for cell in small_cells(cells):
        unit = np.eye(len(names))[names.index(cell)]
        if np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank:
            found.append(cell)
    return found


@given(rows=some_sales)
@slow
def test_told_rows_are_disjoint_of_enough_persons_and_add_up_to_all_but_what_is_hidden(
    bench: Workbench, rows: list[Sale]
) -> None:
    gated = bench.gate(rows, policy=POLICY)
    cells = by_cell(rows)
    shown: set[Cell] = set()
    assert len(regions_of(gated.told)) == gated.table.num_rows
    for region, row in zip(regions_of(gated.told), gated.table.to_pylist(), strict=True):
        inside = {cell for cell in cells if lies_in(cell, region)}
        assert not inside & shown
        shown |= inside
        sold = [sale for cell in inside for sale in cells[cell]]
        assert persons_of(sold) >= K
        assert row["clientes"] == persons_of(sold)
        assert row["unidades"] == sum(sale.quantidade for sale in sold)
        assert row["receita"] * 100 == sum(round(float(sale.valor) * 100) for sale in sold)
        assert row["vendas"] == len(sold)
        assert row["lugares"] == len(inside)
        assert (row["nivel_lugar"] == "cidade") == (len(inside) == 1)
    hidden = sum(sale.quantidade for cell in set(cells) - shown for sale in cells[cell])
    told_units = sum(row["unidades"] for row in gated.table.to_pylist())
    total = sum(sale.quantidade for sale in rows)
    assert told_units == total - hidden
    assert gated.utility.at_level("unidades", "") == pytest.approx(hidden / total)
    assert gated.utility.visible(CELLS) == pytest.approx(len(shown) / len(cells))
    assert sum(share.share for share in gated.utility.shares if share.measured == "receita") == pytest.approx(1)


@given(rows=some_sales)
@slow
def test_no_small_cell_follows_from_the_rows_and_none_is_bounded_closely_from_above(
    bench: Workbench, rows: list[Sale]
) -> None:
    gated = bench.gate(rows, policy=POLICY)
    cells = by_cell(rows)
    assert pinned(cells, gated.told) == []
    for one in gated.told:
        if one.quantity == "sum":
            for cell in small_cells(cells):
                if lies_in(cell, one.region):
                    amounts = [
                        sale.quantidade if one.column == "quantidade" else float(sale.valor) for sale in cells[cell]
                    ]
                    assert one.high >= 1.1 * sum(amounts) - 1e-6


@given(rows=some_sales)
@slow
def test_a_month_after_its_days_pins_no_day_or_says_that_it_would(bench: Workbench, rows: list[Sale]) -> None:
    cells = by_cell(rows)

    def inspect(told: Sequence[Told]) -> list[Exposed]:
        return [Exposed(region_of_cell(cell), (), ()) for cell in pinned(cells, told)]

    days = bench.gate(rows, policy=POLICY)
    month = bench.gate(rows, output(grain="month", dimensions=()), policy=POLICY, told=days.told, inspect=inspect)
    left = pinned(cells, [*days.told, *month.told])
    assert month.findings == ()
    assert left == []
    assert_sound(month, cells)


@given(rows=some_sales)
@slow
def test_days_after_their_month_pin_no_day(bench: Workbench, rows: list[Sale]) -> None:
    cells = by_cell(rows)

    def inspect(told: Sequence[Told]) -> list[Exposed]:
        return [Exposed(region_of_cell(cell), (), ()) for cell in pinned(cells, told)]

    month = bench.gate(rows, output(grain="month", dimensions=("produto",)), policy=POLICY)
    days = bench.gate(rows, policy=POLICY, told=month.told, inspect=inspect)
    left = pinned(cells, [*month.told, *days.told])
    assert days.findings == ()
    assert left == []
    assert_sound(days, cells)


def region_of_cell(cell: Cell) -> Region:
    day, city, product = cell
    when = date(2026, 3, day)
    return Region("gold.vendas", "marca = 'Nossa'", when, when, "dia", "cidade", (city,), (("produto", product),))


def assert_sound(gated: GatedOutput, cells: dict[Cell, list[Sale]]) -> None:
    shown: set[Cell] = set()
    for region in regions_of(gated.told):
        inside = {cell for cell in cells if lies_in(cell, region)}
        assert not inside & shown
        shown |= inside
        assert persons_of(sale for cell in inside for sale in cells[cell]) >= K


def test_the_same_facts_give_the_same_table_and_statements(bench: Workbench) -> None:
    rows = [Sale(city, str(person), dia=1 + person % 3) for city in CITIES for person in range(7)]
    first = bench.gate(rows, policy=POLICY)
    again = bench.gate(list(reversed(rows)), policy=POLICY)
    assert first.table.equals(again.table)
    assert [one.region for one in first.told] == [one.region for one in again.told]
