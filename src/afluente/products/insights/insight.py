"""Insights as frozen dataclasses, and as a table: one row an insight.

Invariant: an insight is a function of released tables alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from afluente.core.language import Message

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.products.insights.decompose import Decomposition

Unit = Literal["money", "units", "persons", "places", "percent", "ratio", "share"]


@dataclass(frozen=True, slots=True)
class Insight:
    """One thing to say. `subject` is a place, a dimension's value or empty for all; `period` a month `yyyy-MM`."""

    kind: str
    subject: str
    period: str
    value: Decimal | None
    unit: Unit
    text: Message


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month as told, all rows together. `persons` adds up places, so whoever bought in two counts twice."""

    month: str
    revenue: Decimal
    units: Decimal | None
    persons: Decimal | None
    places: int

    @property
    def price(self) -> Decimal | None:
        return self.revenue / self.units if self.units else None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A day as told, all rows together."""

    day: date
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class WeekdayFigures:
    """The mean revenue of a weekday (0 is Monday) and its ratio to the mean day."""

    weekday: int
    revenue: Decimal
    ratio: Decimal
    days: int


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """A place in the newest month. `is_rest` is one row for several small places together."""

    label: str
    region: str
    revenue: Decimal
    persons: Decimal | None
    price: Decimal | None
    places: int
    is_rest: bool


@dataclass(frozen=True, slots=True)
class ShareFigures:
    """The bounds that the bands told put on the share of a segment in a month (0 to 1), or on a price over its."""

    month: str
    segment: str
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Mover:
    """Something whose revenue changed. `before` or `after` is None when it was not told in that month."""

    kind: Literal["place", "dimension"]
    label: str
    before: Decimal | None
    after: Decimal | None

    @property
    def change(self) -> Decimal:
        return (self.after or Decimal()) - (self.before or Decimal())


@dataclass(frozen=True, slots=True)
class Insights:
    """Everything a report shows. Empty parts are parts that the product does not tell."""

    title: str
    partner: str
    product: str
    period: str
    until: date | None = None
    months: tuple[MonthFigures, ...] = ()
    days: tuple[DayFigures, ...] = ()
    weekdays: tuple[WeekdayFigures, ...] = ()
    places: tuple[PlaceFigures, ...] = ()
    shares: tuple[ShareFigures, ...] = ()
    relative_prices: tuple[ShareFigures, ...] = ()
    moved: Decomposition | None = None
    movers: tuple[Mover, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    items: tuple[Insight, ...] = ()

    @property
    def month(self) -> MonthFigures | None:
        return self.months[-1] if self.months else None

    @property
    def previous(self) -> MonthFigures | None:
        """The calendar month before the newest, when it was told."""
        return previous_month(self.months)

    def table(self) -> pa.Table:
        """kind, subject, period, value, unit, text_pt, text_en."""
        import pyarrow as pa

        cent = Decimal("0.000001")
        return pa.table(
            {
                "kind": pa.array([one.kind for one in self.items], pa.string()),
                "subject": pa.array([one.subject for one in self.items], pa.string()),
                "period": pa.array([one.period for one in self.items], pa.string()),
                "value": pa.array(
                    [None if one.value is None else one.value.quantize(cent) for one in self.items],
                    pa.decimal128(38, 6),
                ),
                "unit": pa.array([one.unit for one in self.items], pa.string()),
                "text_pt": pa.array([one.text.pt for one in self.items], pa.string()),
                "text_en": pa.array([one.text.en for one in self.items], pa.string()),
            }
        )


def previous_month(months: tuple[MonthFigures, ...]) -> MonthFigures | None:
    """The month right before the last one, if it is among them."""
    if not months:
        return None
    year, month = (int(part) for part in months[-1].month.split("-"))
    name = f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02}"
    return next((one for one in months if one.month == name), None)
