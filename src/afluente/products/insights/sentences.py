"""Insights said in words, in Portuguese and in English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from afluente.core.language import Language, Message
from afluente.products.insights.insight import Insight, Insights, Unit
from afluente.products.insights.say import (
    LONG_WEEKDAYS,
    band,
    long_month,
    money,
    number,
    percent,
    signed_money,
    signed_percent,
)

if TYPE_CHECKING:
    from afluente.products.insights.insight import MonthFigures, ShareFigures

_NAMED_PLACES = 6


def sentences(found: Insights) -> Insights:
    """The same insights with their items, in the order a reader wants them."""
    items = (
        *_totals(found),
        *_moved(found),
        *_shares(found),
        *_relative_prices(found),
        *_reach(found),
        *_season(found),
        *_prices(found),
        *_movers(found),
    )
    return replace(found, items=items)


def _totals(found: Insights) -> Iterator[Insight]:
    month, before = found.month, found.previous
    if month is None:
        return
    figures: list[tuple[str, Unit, Decimal | None, Decimal | None, Message]] = [
        ("revenue", "money", month.revenue, before.revenue if before else None, Message("receita", "revenue")),
        ("units", "units", month.units, before.units if before else None, Message("unidades", "units")),
        ("price", "money", month.price, before.price if before else None, Message("preço médio", "mean price")),
        (
            "persons",
            "persons",
            month.persons,
            before.persons if before else None,
            Message("clientes, somados por praça", "customers, added up by place"),
        ),
    ]
    for kind, unit, now, was, name in figures:
        if now is None:
            continue
        text = _fill(Message("{name}: {value}", "{name}: {value}"), name=name, value=_figure(now, unit))
        yield Insight(f"total.{kind}", "", month.month, now, unit, text)
        if was:
            change = (now - was) / was
            yield Insight(f"change.{kind}", "", month.month, change, "ratio", _changed(name, change))


def _figure(value: Decimal, unit: Unit) -> Message:
    return _both(lambda language: money(value, language) if unit == "money" else number(value, language))


def _changed(name: Message, change: Decimal) -> Message:
    said = Message("{name} {change} sobre o mês anterior", "{name} {change} on the month before")
    return _fill(said, name=name, change=_both(lambda language: signed_percent(change, language)))


def _moved(found: Insights) -> Iterator[Insight]:
    moved = found.moved
    if moved is None:
        return
    total = Message("a receita mudou {value} no mês", "revenue changed by {value} in the month")
    parts = {
        "volume": Message("{value} por volume", "{value} from volume"),
        "price": Message("{value} por preço", "{value} from price"),
        "mix": Message("{value} por composição de produtos e praças", "{value} from the mix of products and places"),
    }
    yield _money_insight("moved.total", found.period, moved.after - moved.before, total)
    for name, value in (("volume", moved.volume), ("price", moved.price), ("mix", moved.mix)):
        yield _money_insight(f"moved.{name}", found.period, value, parts[name])


def _money_insight(kind: str, period: str, value: Decimal, said: Message) -> Insight:
    text = _both(lambda language: said.say(language, value=signed_money(value, language)))
    return Insight(kind, "", period, value, "money", text)


def _shares(found: Insights) -> Iterator[Insight]:
    segments = dict.fromkeys(one.segment for one in found.shares)
    said = Message("participação em {segment}: {band}", "share of {segment}: {band}")
    trends = {
        1: Message(
            "participação em {segment} subiu sobre o mês anterior", "share of {segment} rose on the month before"
        ),
        -1: Message(
            "participação em {segment} caiu sobre o mês anterior", "share of {segment} fell on the month before"
        ),
        0: Message(
            "participação em {segment} sem mudança que as faixas mostrem",
            "share of {segment} without a change that the bands show",
        ),
    }
    for segment in segments:
        told = {one.month: one for one in found.shares if one.segment == segment}
        now = told.get(found.period)
        if now is None:
            continue
        name = segment or "—"
        text = _fill(said, segment=name, band=_band(now))
        yield Insight("share.low", segment, found.period, now.low, "share", text)
        yield Insight("share.high", segment, found.period, now.high, "share", text)
        was = told.get(found.previous.month) if found.previous else None
        if was is not None:
            trend = 1 if now.low > was.high else -1 if now.high < was.low else 0
            text = _fill(trends[trend], segment=name)
            yield Insight("share.trend", segment, found.period, Decimal(trend), "ratio", text)


def _relative_prices(found: Insights) -> Iterator[Insight]:
    said = Message(
        "preço em {segment}: {band} do preço médio do segmento",
        "price in {segment}: {band} of the segment's mean price",
    )
    for one in found.relative_prices:
        if one.month == found.period:
            text = _fill(said, segment=one.segment or "—", band=_band(one))
            yield Insight("price.segment.low", one.segment, one.month, one.low, "ratio", text)
            yield Insight("price.segment.high", one.segment, one.month, one.high, "ratio", text)


def _reach(found: Insights) -> Iterator[Insight]:
    month = found.month
    if month is None or not month.places:
        return
    reached = Message("vendas em {places} praças", "sales in {places} places")
    yield _count("places.reached", month, Decimal(month.places), reached)
    if month.persons:
        each = Message("{places} clientes por praça", "{places} customers a place")
        value = month.persons / month.places
        yield _count("places.persons", month, value, each)
    for kind, places, said in (
        ("places.gained", found.gained, Message("praças que aparecem: {names}", "places that appear: {names}")),
        (
            "places.lost",
            found.lost,
            Message("praças que deixam de aparecer: {names}", "places that no longer appear: {names}"),
        ),
    ):
        if found.previous is not None:
            text = _fill(said, names=_named(places))
            yield Insight(kind, "", month.month, Decimal(len(places)), "places", text)


def _named(places: tuple[str, ...]) -> Message:
    if not places:
        return Message("nenhuma", "none")
    shown = ", ".join(places[:_NAMED_PLACES])
    rest = len(places) - _NAMED_PLACES
    return Message(f"{shown} e mais {rest}", f"{shown} and {rest} more") if rest > 0 else Message(shown, shown)


def _count(kind: str, month: MonthFigures, value: Decimal, said: Message) -> Insight:
    text = _both(lambda language: said.say(language, places=number(value, language)))
    return Insight(kind, "", month.month, value, "places" if kind == "places.reached" else "persons", text)


def _season(found: Insights) -> Iterator[Insight]:
    if not found.weekdays:
        return
    best = max(found.weekdays, key=lambda one: (one.ratio, -one.weekday))
    worst = min(found.weekdays, key=lambda one: (one.ratio, one.weekday))
    for kind, one in (("season.best", best), ("season.worst", worst)):
        said = Message("{day}: {change} sobre o dia médio", "{day}: {change} on the mean day")
        text = _fill(said, day=_weekday(one.weekday), change=_ratio(one.ratio - 1))
        yield Insight(kind, LONG_WEEKDAYS["pt"][one.weekday], found.period, one.ratio, "ratio", text)


def _prices(found: Insights) -> Iterator[Insight]:
    """The price of each place told by itself, against the mean of all."""
    month = found.month
    if month is None or not month.price:
        return
    for place in found.places:
        if place.is_rest or place.price is None:
            continue
        ratio = place.price / month.price
        said = Message("{place}: preço {change} {side} do médio", "{place}: price {change} {side} the mean")
        side = Message("acima", "above") if ratio >= 1 else Message("abaixo", "below")
        text = _fill(said, place=place.label, change=_size(ratio - 1), side=side)
        yield Insight("price.place", place.label, found.period, ratio, "ratio", text)


def _movers(found: Insights) -> Iterator[Insight]:
    said = Message("{label}: {change}", "{label}: {change}")
    for one in found.movers:
        text = _fill(said, label=one.label, change=_both_money(one.change))
        yield Insight(f"mover.{one.kind}", one.label, found.period, one.change, "money", text)


def _both_money(value: Decimal) -> Message:
    return _both(lambda language: signed_money(value, language))


def _ratio(value: Decimal) -> Message:
    return _both(lambda language: signed_percent(value, language))


def _size(value: Decimal) -> Message:
    return _both(lambda language: percent(value, language))


def _band(share: ShareFigures) -> Message:
    return _both(lambda language: band(share.low, share.high, language))


def _weekday(weekday: int) -> Message:
    return _both(lambda language: LONG_WEEKDAYS[language][weekday])


def _fill(template: Message, **values: Message | str) -> Message:
    """The template filled, each value in its own language."""

    def say(language: Language) -> str:
        said = {name: value if isinstance(value, str) else value.say(language) for name, value in values.items()}
        return template.say(language, **said)

    return _both(say)


def _both(say: Callable[[Language], str]) -> Message:
    return Message(say("pt"), say("en"))


def headline(found: Insights, language: Language) -> str:
    """One sentence that sums the month up, for a title or the first line of a mail."""
    month, before = found.month, found.previous
    if month is None:
        return found.title
    said = period_name(found, language)
    if before is None or not before.revenue:
        return f"{said[:1].upper()}{said[1:]}: {money(month.revenue, language)}"
    change = (month.revenue - before.revenue) / before.revenue
    text = Message(
        "{month}: {revenue}, {change} sobre o mês anterior", "{month}: {revenue}, {change} on the month before"
    )
    return text.say(
        language,
        month=f"{said[:1].upper()}{said[1:]}",
        revenue=money(month.revenue, language),
        change=signed_percent(change, language),
    )


def period_name(found: Insights, language: Language) -> str:
    """`junho de 2026`, or `junho de 2026, até o dia 12` when the month is not over."""
    said = long_month(found.period, language)
    if found.until is None:
        return said
    return Message("{month}, até o dia {day}", "{month}, up to day {day}").say(
        language, month=said, day=found.until.day
    )
