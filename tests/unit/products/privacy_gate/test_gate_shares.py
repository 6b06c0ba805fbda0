"""The p% rule, and shares of a segment in bands."""

from __future__ import annotations

import math

import pytest
from afluente.core.errors import Place
from afluente.products.privacy.bands import Band, band_of, total_bounds
from afluente.products.privacy.dominance import Contributions, is_pinned, is_safe
from afluente.project.product import PrivacyPolicy
from gate_workbench import SEGMENT, Sale, Workbench, output, sales
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = PrivacyPolicy(Place("products/vendas.yaml"))
LIMITS = POLICY.share_bands


def parts_of(own: float, *others: float) -> Contributions:
    return Contributions(
        total=own + sum(others),
        own=own,
        largest=max(others, default=0.0),
        others=sum(other > 0 for other in others),
        smallest=min([own, *others]),
    )


@pytest.mark.parametrize(
    ("total", "own", "largest", "expected"), [(100000, 50000, 49000, False), (110000, 52000, 50000, True)]
)
def test_the_published_vectors_of_the_p_percent_rule(total: float, own: float, largest: float, expected: bool) -> None:
    parts = Contributions(total, own, largest, others=3)
    assert is_safe(parts, p_percent=10, minimum_others=3) is expected


def test_too_few_competitors_are_never_safe() -> None:
    assert not is_safe(parts_of(10, 50, 50), p_percent=10, minimum_others=3)
    assert is_safe(parts_of(10, 50, 50, 50), p_percent=10, minimum_others=3)


def test_a_part_below_zero_makes_a_total_unsafe() -> None:
    assert not is_safe(parts_of(10, 50, 50, 50, -1), p_percent=10, minimum_others=3)


def test_the_band_of_a_share_is_the_one_between_the_limits_around_it() -> None:
    band = band_of(parts_of(22, 30, 28, 20), LIMITS, p_percent=10, minimum_competitors=3)
    assert band == Band(0.2, 0.25)
    assert str(band) == "0.20-0.25"


def test_a_band_that_pins_the_total_is_merged_with_its_neighbours() -> None:
    parts = parts_of(22, 30, 28, 20)
    limits = (0.1, 0.2195, 0.2205, 0.5)
    low, high = total_bounds(22, Band(0.2195, 0.2205))
    assert is_pinned(parts, low, high, p_percent=10)
    assert band_of(parts, limits, p_percent=10, minimum_competitors=3) != Band(0.2195, 0.2205)


def test_a_segment_of_the_partner_and_one_other_has_no_band() -> None:
    assert band_of(parts_of(50, 50), LIMITS, p_percent=10, minimum_competitors=1) is None


amounts = st.integers(0, 100_000).map(float)


@given(own=amounts, others=st.lists(amounts, max_size=6), limits=st.sets(st.integers(1, 99), max_size=8))
@settings(max_examples=300, deadline=None)
def test_whatever_band_is_told_leaves_the_largest_competitor_uncertain(
    own: float, others: list[float], limits: set[int]
) -> None:
    parts = parts_of(own, *others)
    edges = tuple(limit / 100 for limit in sorted(limits))
    band = band_of(parts, edges, p_percent=10, minimum_competitors=3)
    if band is None:
        return
    low, high = total_bounds(own, band)
    assert low <= parts.total * (1 + 1e-12)
    assert high >= parts.total * (1 - 1e-12)
    assert parts.others >= 3
    largest_possible = high - own
    assert math.isinf(largest_possible) or largest_possible >= 1.1 * parts.largest * (1 - 1e-12)
    assert math.isinf(high) or high - low >= 0.1 * parts.largest


def test_the_share_of_each_row_is_a_band_over_all_brands_of_its_places(bench: Workbench) -> None:
    market = [
        *sales("S1", 10),
        *[sale for brand, persons in (("A", 15), ("B", 15), ("C", 10)) for sale in sales("S1", persons, marca=brand)],
        *sales("R1", 10),
        *[sale for brand, persons in (("A", 15), ("B", 15)) for sale in sales("R1", persons, marca=brand)],
    ]
    gated = bench.gate(market, output(dimensions=("segmento",), segment=SEGMENT))
    shares = {row["cidade"]: row["participacao_receita"] for row in gated.table.to_pylist()}
    assert shares == {"S1": "0.20-0.25", "R1": None}
    told = [one for one in gated.told if one.quantity == "share"]
    assert [(one.region.where, one.region.places, one.low, one.high, one.own) for one in told] == [
        ("", ("S1",), 0.2, 0.25, ("Nossa",))
    ]
    assert told[0].region.dimensions == (("segmento", "bebidas"),)


def test_products_of_one_place_and_segment_share_one_band(bench: Workbench) -> None:
    market = [
        *sales("S1", 10),
        *sales("S1", 10, produto="p2"),
        *[sale for brand in "ABC" for sale in sales("S1", 20, marca=brand)],
    ]
    gated = bench.gate(market, output(dimensions=("produto", "segmento"), segment=SEGMENT))
    assert [row["participacao_receita"] for row in gated.table.to_pylist()] == ["0.25-0.30", "0.25-0.30"]
    assert sum(one.quantity == "share" for one in gated.told) == 1


def test_a_competitor_that_is_nearly_all_of_the_rest_leaves_no_band(bench: Workbench) -> None:
    market = [*sales("S1", 10), *sales("S1", 30, marca="A"), Sale("S1", "x", marca="B", valor="0.01")]
    market += [Sale("S1", "y", marca="C", valor="0.01")]
    gated = bench.gate(market, output(dimensions=("segmento",), segment=SEGMENT))
    assert [row["participacao_receita"] for row in gated.table.to_pylist()] == [None]
