"""Insights computed from what the partner is told: the tables of a release and of those before it.

Invariant: no other input. Shares are bounds that the bands told already give; a place that is told in one month only
is said to appear or to disappear, since privacy and sales cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from afluente.products.insights.decompose import Decomposition, Part, decompose
from afluente.products.insights.insight import (
    DayFigures,
    Insights,
    MonthFigures,
    Mover,
    PlaceFigures,
    ShareFigures,
    WeekdayFigures,
    previous_month,
)
from afluente.products.insights.sentences import sentences
from afluente.products.insights.told_rows import Roles, ToldRow, read_rows, roles_of

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.product import Output, Product

WEEKDAY_DAYS = 91
SHOWN_DAYS = 92
SHOWN_MONTHS = 24
MOST_MOVERS = 5
_NOTHING = Decimal()
_MILLIONTH = Decimal("0.000001")


def compute_insights(
    product: Product,
    tables: Mapping[str, pa.Table],
    *,
    history: Mapping[str, Sequence[pa.Table]] | None = None,
) -> Insights | None:
    """Insights of a release's tables by output; `history` gives those told before, oldest first.

    None when the product has no output of cells with a period and a sum, or when its tables are empty. Without a month
    told whole, months are added up from days; the newest may not be over (`until`), and is compared with as many days.
    """
    chosen = {grain: _chosen(product, grain) for grain in ("month", "day")}
    rows: dict[str, list[ToldRow]] = {}
    for grain, output in chosen.items():
        if output is not None:
            told = [*(history or {}).get(output.name, ()), *([tables[output.name]] if output.name in tables else [])]
            rows[grain] = read_rows(output, told)
    grain = "month" if rows.get("month") else "day"
    main = chosen[grain]
    monthly = rows.get(grain, [])
    if main is None or not monthly:
        return None
    roles = roles_of(main)
    until = _until(monthly)
    if until is not None:
        monthly = [row for row in monthly if row.day is not None and row.day.day <= until.day]
    months = _months(monthly, roles, is_by_month=grain == "month")[-SHOWN_MONTHS:]
    month = months[-1].month
    before = previous_month(months)
    now_rows = [row for row in monthly if row.month == month]
    old_rows = [row for row in monthly if before is not None and row.month == before.month]
    gained, lost = _gained_and_lost(old_rows, now_rows) if before is not None else ((), ())
    daily_roles = roles_of(chosen["day"]) if chosen["day"] is not None else roles
    days = _days(rows.get("day", []), daily_roles)
    found = Insights(
        title=product.title,
        partner=product.partner,
        product=product.name,
        period=month,
        until=until,
        months=months,
        days=days[-SHOWN_DAYS:],
        weekdays=_weekdays(days),
        places=_places(now_rows, roles),
        shares=_shares(monthly, roles, main),
        relative_prices=_relative_prices(product, main, roles, tables, history or {}),
        moved=_moved(old_rows, now_rows, roles),
        movers=_movers(old_rows, now_rows, roles) if before is not None else (),
        gained=gained,
        lost=lost,
    )
    return sentences(found)


def _chosen(product: Product, grain: str) -> Output | None:
    for output in product.outputs:
        if output.is_of_cells and output.period_column and output.grain == grain and roles_of(output).revenue:
            return output
    return None


def _until(rows: Iterable[ToldRow]) -> date | None:
    """The last day told of a month that is not over; earlier months are then compared up to the same day."""
    last = max((row.day for row in rows if row.day is not None), default=None)
    return None if last is None or (last + timedelta(days=1)).day == 1 else last


def _sum(rows: Iterable[ToldRow], name: str) -> Decimal:
    return sum((row.sums[name] for row in rows if name in row.sums), _NOTHING)


def _months(rows: Sequence[ToldRow], roles: Roles, *, is_by_month: bool) -> tuple[MonthFigures, ...]:
    grouped: dict[str, list[ToldRow]] = {}
    for row in rows:
        grouped.setdefault(row.month, []).append(row)
    return tuple(
        MonthFigures(
            month,
            _sum(told, roles.revenue),
            _sum(told, roles.units) if roles.units else None,
            _sum(told, roles.persons) if roles.persons and is_by_month else None,
            _reached(told),
        )
        for month, told in sorted(grouped.items())
    )


def _reached(rows: Iterable[ToldRow]) -> int:
    """How many of the finest places have sales; rows of one region count once, however many dimensions they tell."""
    most: dict[tuple[str, ...], int] = {}
    for row in rows:
        most[row.place] = max(most.get(row.place, 0), row.places)
    return sum(most.values())


def _days(rows: Iterable[ToldRow], roles: Roles) -> tuple[DayFigures, ...]:
    sums: dict[object, Decimal] = {}
    found = {}
    for row in rows:
        if row.day is not None:
            sums[row.day] = sums.get(row.day, _NOTHING) + row.sums.get(roles.revenue, _NOTHING)
            found[row.day] = DayFigures(row.day, sums[row.day])
    return tuple(found[day] for day in sorted(found))


def _weekdays(days: Sequence[DayFigures]) -> tuple[WeekdayFigures, ...]:
    """The profile of the last thirteen weeks; empty until every weekday was seen."""
    if not days:
        return ()
    since = days[-1].day - timedelta(days=WEEKDAY_DAYS)
    recent = [one for one in days if one.day > since]
    by_weekday = [[one.revenue for one in recent if one.day.weekday() == weekday] for weekday in range(7)]
    if not all(by_weekday):
        return ()
    means = [sum(revenues, _NOTHING) / len(revenues) for revenues in by_weekday]
    mean = sum(means, _NOTHING) / len(means)
    if mean <= 0:
        return ()
    return tuple(
        WeekdayFigures(weekday, means[weekday], means[weekday] / mean, len(by_weekday[weekday])) for weekday in range(7)
    )


def _places(rows: Iterable[ToldRow], roles: Roles) -> tuple[PlaceFigures, ...]:
    grouped: dict[tuple[str, ...], list[ToldRow]] = {}
    for row in rows:
        if row.place:
            grouped.setdefault(row.place, []).append(row)
    found = []
    for place, told in grouped.items():
        revenue, units = _sum(told, roles.revenue), _sum(told, roles.units) if roles.units else _NOTHING
        found.append(
            PlaceFigures(
                label=told[0].place_label,
                region=place[0],
                revenue=revenue,
                persons=_sum(told, roles.persons) if roles.persons else None,
                price=revenue / units if units else None,
                places=max(row.places for row in told),
                is_rest=not told[0].is_finest,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.revenue, one.label)))


def _shares(rows: Iterable[ToldRow], roles: Roles, output: Output) -> tuple[ShareFigures, ...]:
    """The bounds of the share of each segment by month, over the rows whose band is told."""
    if output.segment is None:
        return ()
    at = output.dimensions.index(output.segment.column) if output.segment.column in output.dimensions else None
    measure = next(
        (one.name for one in output.measures if one.aggregation == "sum" and one.column == output.segment.measure),
        roles.revenue,
    )
    owned: dict[tuple[str, str], dict[Hashable, Decimal]] = {}
    bands: dict[tuple[str, str], dict[Hashable, tuple[Decimal, Decimal]]] = {}
    for row in rows:
        if row.share is None or row.share[1] <= 0 or measure not in row.sums:
            continue
        key = (row.month, row.dimensions[at] if at is not None else "")
        region = (row.place, row.share)
        owned.setdefault(key, {})[region] = owned.get(key, {}).get(region, _NOTHING) + row.sums[measure]
        bands.setdefault(key, {})[region] = row.share
    found = []
    for (month, segment), regions in owned.items():
        limits = [(Fraction(value), bands[month, segment][at]) for at, value in regions.items() if value > 0]
        own = sum((value for value, _ in limits), Fraction())
        if not limits:
            continue
        high = own / sum((value / Fraction(band[1]) for value, band in limits), Fraction())
        low = Fraction()
        if all(band[0] > 0 for _, band in limits):
            low = own / sum((value / Fraction(band[0]) for value, band in limits), Fraction())
        found.append(ShareFigures(month, segment, _rounded(low), min(_rounded(high), Decimal(1))))
    return tuple(sorted(found, key=lambda one: (one.segment, one.month)))


def _rounded(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_MILLIONTH).normalize()


def _relative_prices(
    product: Product,
    main: Output,
    roles: Roles,
    tables: Mapping[str, pa.Table],
    history: Mapping[str, Sequence[pa.Table]],
) -> tuple[ShareFigures, ...]:
    """The bounds of the price over the segment's, where the shares of both revenue and units are told.

    (own revenue / own units) / (segment's revenue / segment's units) is the share of revenue over that of units.
    """
    columns = {measure.name: measure.column for measure in main.measures}
    shares: dict[str, dict[tuple[str, str], ShareFigures]] = {}
    for output in product.outputs:
        if output.segment is None or output.grain != main.grain or output.segment.column not in output.dimensions:
            continue
        told = [*history.get(output.name, ()), *([tables[output.name]] if output.name in tables else [])]
        for one in _shares(read_rows(output, told), roles_of(output), output):
            shares.setdefault(output.segment.measure, {})[one.month, one.segment] = one
    of_revenue, of_units = (shares.get(columns.get(name, ""), {}) for name in (roles.revenue, roles.units))
    return tuple(
        ShareFigures(month, segment, one.low / of_units[month, segment].high, one.high / of_units[month, segment].low)
        for (month, segment), one in sorted(of_revenue.items())
        if (month, segment) in of_units and of_units[month, segment].low > 0
    )


def _parts(rows: Iterable[ToldRow], roles: Roles, *, with_region: bool) -> dict[Hashable, Part]:
    parts: dict[Hashable, Part] = {}
    for row in rows:
        key = (row.place[:1] if with_region else (), row.dimensions)
        old = parts.get(key, Part(_NOTHING, _NOTHING))
        units, revenue = row.sums.get(roles.units, _NOTHING), row.sums.get(roles.revenue, _NOTHING)
        parts[key] = Part(old.units + units, old.revenue + revenue)
    return parts


def _moved(before: Sequence[ToldRow], after: Sequence[ToldRow], roles: Roles) -> Decomposition | None:
    """By dimensions and coarsest place, which privacy leaves comparable; by dimensions where some rows tell no place."""
    if not before or not roles.units:
        return None
    with_region = all(row.place for row in (*before, *after))
    return decompose(
        _parts(before, roles, with_region=with_region),
        _parts(after, roles, with_region=with_region),
    )


def _movers(before: Sequence[ToldRow], after: Sequence[ToldRow], roles: Roles) -> tuple[Mover, ...]:
    """What went up and down most: places told by themselves in both months, and values of the dimensions."""
    found: list[Mover] = []
    old_places, new_places = ({row.place: row.place_label for row in rows if row.is_finest} for rows in (before, after))
    for place in old_places.keys() & new_places.keys():
        was, now = (_sum((row for row in rows if row.place == place), roles.revenue) for rows in (before, after))
        found.append(Mover("place", new_places[place], was, now))
    labels = {row.dimensions: row.label for row in (*before, *after)}
    if len(labels) > 1:
        for dimensions, label in labels.items():
            was_told, now_told = ([row for row in rows if row.dimensions == dimensions] for rows in (before, after))
            found.append(
                Mover(
                    "dimension",
                    label,
                    _sum(was_told, roles.revenue) if was_told else None,
                    _sum(now_told, roles.revenue) if now_told else None,
                )
            )
    ordered = sorted(found, key=lambda one: (-one.change, one.kind, one.label))
    up = [one for one in ordered if one.change > 0][:MOST_MOVERS]
    down = [one for one in reversed(ordered) if one.change < 0][:MOST_MOVERS]
    return (*up, *reversed(down))


def _gained_and_lost(before: Sequence[ToldRow], after: Sequence[ToldRow]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    old, new = ({row.place: row.place_label for row in rows if row.is_finest} for rows in (before, after))
    gained = sorted(new[place] for place in new.keys() - old.keys())
    lost = sorted(old[place] for place in old.keys() - new.keys())
    return tuple(gained), tuple(lost)
