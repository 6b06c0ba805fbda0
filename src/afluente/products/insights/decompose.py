"""What moved a revenue between two periods: volume, mix and price.

    volume = (U1 - U0) * P0
    mix    = sum(u1 * p0) - U1 * P0
    price  = sum(u1 * (p1 - p0))

with u and p the units and the price of each part, U and P those of all together, 0 before and 1 after. A part that was
not there before counts at the earlier average price, so its difference is price; what is gone is in volume and mix.
Source: the price, volume and mix analysis of management accounting, with Laspeyres weights for the mix.

Invariant: the three add up to the change of the revenue, to the cent.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Part:
    """What was sold of one part: units and revenue."""

    units: Decimal
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`volume + mix + price == after - before`."""

    before: Decimal
    after: Decimal
    volume: Decimal
    mix: Decimal
    price: Decimal


def decompose(before: Mapping[Hashable, Part], after: Mapping[Hashable, Part]) -> Decomposition | None:
    """The decomposition in cents; None when nothing was sold before, or units without number."""
    units_before = sum((Fraction(part.units) for part in before.values()), Fraction())
    units_after = sum((Fraction(part.units) for part in after.values()), Fraction())
    revenue_before = sum((part.revenue for part in before.values()), Decimal())
    revenue_after = sum((part.revenue for part in after.values()), Decimal())
    if units_before <= 0:
        return None
    average = Fraction(revenue_before) / units_before
    at_old_prices = Fraction()
    for key, part in after.items():
        old = before.get(key)
        price = Fraction(old.revenue) / Fraction(old.units) if old is not None and old.units > 0 else average
        at_old_prices += Fraction(part.units) * price
    exact = {
        "volume": (units_after - units_before) * average,
        "mix": at_old_prices - units_after * average,
        "price": Fraction(revenue_after) - at_old_prices,
    }
    rounded = _in_cents(exact, revenue_after - revenue_before)
    return Decomposition(revenue_before, revenue_after, rounded["volume"], rounded["mix"], rounded["price"])


def _in_cents(exact: Mapping[str, Fraction], total: Decimal) -> dict[str, Decimal]:
    """Each part to the cent, the parts rounded so that they add up: those cut by most get the cents that are missing.

    A total that is not of whole cents leaves its rest in the price.
    """
    cents = {name: value * 100 // 1 for name, value in exact.items()}
    whole = int(Fraction(total) * 100 // 1)
    missing = whole - sum(cents.values())
    order = sorted(exact, key=lambda name: (cents[name] - exact[name] * 100, name))
    for name in order[:missing]:
        cents[name] += 1
    parts = {name: Decimal(count) * CENT for name, count in cents.items()}
    parts["price"] += total - Decimal(whole) * CENT
    return parts
