"""What moved a revenue, split into volume, mix and price."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.insights.decompose import Decomposition, Part, decompose

MONEY = st.decimals(min_value=0, max_value=10_000_000, places=2, allow_nan=False)
UNITS = st.integers(min_value=0, max_value=1_000_000)
PERIOD = st.dictionaries(st.sampled_from("abcdef"), st.builds(lambda u, r: Part(Decimal(u), r), UNITS, MONEY))


def part(units: int, revenue: str) -> Part:
    return Part(Decimal(units), Decimal(revenue))


@settings(max_examples=200, deadline=None)
@given(before=PERIOD, after=PERIOD)
def test_the_parts_add_up_to_the_change_to_the_cent(before: dict[str, Part], after: dict[str, Part]) -> None:
    found = decompose(dict(before), dict(after))
    if found is None:
        assert sum(one.units for one in before.values()) == 0
        return
    assert found.volume + found.mix + found.price == found.after - found.before
    assert all(value == value.quantize(Decimal("0.01")) for value in (found.volume, found.mix, found.price))


def test_selling_more_at_the_same_prices_is_volume() -> None:
    before = {"a": part(10, "50.00"), "b": part(10, "100.00")}
    after = {"a": part(20, "100.00"), "b": part(20, "200.00")}
    assert decompose(before, after) == Decomposition(
        Decimal("150.00"), Decimal("300.00"), Decimal("150.00"), Decimal("0.00"), Decimal("0.00")
    )


def test_another_price_for_the_same_is_price() -> None:
    found = decompose({"a": part(10, "50.00")}, {"a": part(10, "60.00")})
    assert found is not None
    assert (found.volume, found.mix, found.price) == (Decimal(0), Decimal(0), Decimal("10.00"))


def test_the_same_units_with_more_of_the_dearer_is_mix() -> None:
    found = decompose(
        {"a": part(10, "50.00"), "b": part(10, "100.00")}, {"a": part(5, "25.00"), "b": part(15, "150.00")}
    )
    assert found is not None
    assert (found.volume, found.mix, found.price) == (Decimal(0), Decimal("25.00"), Decimal(0))


def test_nothing_sold_before_cannot_be_decomposed() -> None:
    assert decompose({}, {"a": part(1, "1.00")}) is None
