"""The pictures of a report as Vega-Lite specs. Long because it is a list: one function a picture, each of them a spec.

Invariant: a spec is a function of the insights and the language, its data stands in it, and it asks for nothing from
outside; labels that are numbers are texts already, in the reader's language.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate, pairwise

from afluente.core.language import Language, Message
from afluente.products.insights.insight import Insights, MonthFigures
from afluente.products.insights.look import ACCENT, BAD, GOOD, INK, MUTED, QUIET, SCHEMA, SERIES, SOFT, config
from afluente.products.insights.picture import (
    MILLION,
    THOUSAND,
    Picture,
    Spec,
    framed,
    names_of,
    short_money,
    values_of,
)
from afluente.products.insights.say import (
    WEEKDAYS,
    band,
    short_month,
    signed_percent,
)
from afluente.products.insights.sentences import period_name
from afluente.state.json_value import Json

MOST_PLACES = 12
_MEAN_DAYS = 7


def pictures(found: Insights, language: Language) -> tuple[Picture, ...]:
    """Every picture that the insights have data for, in the order of the report."""
    made = (
        _months(found, language),
        _moved(found, language),
        _days(found, language),
        _weekdays(found, language),
        _places(found, language),
        _shares(found, language),
    )
    return tuple(picture for picture in made if picture is not None)


def picture_of_month(found: Insights, language: Language) -> Picture:
    """The one picture of the month, for an e-mail: the months and what moved the newest, side by side."""
    parts = [picture for picture in (_months(found, language), _moved(found, language)) if picture is not None]
    title = f"{found.title} · {period_name(found, language)}"
    inner: list[Json] = [
        {key: value for key, value in part.spec.items() if key not in ("$schema", "config")} for part in parts
    ]
    spec: Spec = {
        "$schema": SCHEMA,
        "config": config(language),
        "title": {"text": title, "fontSize": 18, "offset": 22},
        "padding": 24,
        "hconcat": inner,
        "spacing": 56,
    }
    return Picture("mes", title, spec)


def _months(found: Insights, language: Language) -> Picture | None:
    shown = found.months[-12:]
    if not shown:
        return None
    rows: list[Spec] = [
        {
            "month": short_month(one.month, language),
            "revenue": float(one.revenue),
            "label": short_money(one.revenue, language),
            "now": one is shown[-1],
        }
        for one in shown
    ]
    x: Json = {
        "field": "month",
        "type": "ordinal",
        "sort": names_of(rows, "month"),
        "axis": {"title": None, "labelAngle": 0, "labelOverlap": True},
        "scale": {"paddingInner": 0.35, "paddingOuter": 0.2},
    }
    spec: Spec = {
        "data": values_of(rows),
        "encoding": {"x": x, "y": {"field": "revenue", "type": "quantitative", "axis": None}},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "width": {"band": 0.9} if len(rows) > 1 else 90},
                "encoding": {
                    "color": {"condition": {"test": "datum.now", "value": ACCENT}, "value": SOFT},
                },
            },
            {
                "mark": {"type": "text", "dy": -8, "fontSize": 11},
                "encoding": {
                    "text": {"field": "label"},
                    "color": {"condition": {"test": "datum.now", "value": INK}, "value": MUTED},
                },
            },
        ],
    }
    return framed(
        "meses",
        Message("Receita por mês", "Revenue by month"),
        Message("R$, como informada", "R$, as told"),
        language,
        spec,
    )


def _moved(found: Insights, language: Language) -> Picture | None:
    moved, before, month = found.moved, found.previous, found.month
    if moved is None or before is None or month is None:
        return None
    levels = list(accumulate((moved.volume, moved.mix, moved.price), initial=moved.before))
    floor, ceiling = _room(moved.after, *levels)
    names = (Message("volume", "volume"), Message("composição", "mix"), Message("preço", "price"))
    rows = [
        _total(before, floor, moved.before, language),
        *(_step(name.say(language), *ends, language) for name, ends in zip(names, pairwise(levels), strict=True)),
        _total(month, floor, moved.after, language),
    ]
    order: list[Json] = [row["step"] for row in rows]
    colors: Json = {"domain": ["total", "up", "down"], "range": [QUIET, GOOD, BAD]}
    spec: Spec = {
        "data": values_of(rows),
        "encoding": {
            "x": {
                "field": "step",
                "type": "ordinal",
                "sort": order,
                "axis": {"title": None, "labelAngle": 0},
                "scale": {"paddingInner": 0.3},
            },
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadius": 1.5, "clip": True},
                "encoding": {
                    "y": {
                        "field": "low",
                        "type": "quantitative",
                        "axis": None,
                        "scale": {"domain": [float(floor), float(ceiling)], "zero": False, "nice": False},
                    },
                    "y2": {"field": "high"},
                    "color": {"field": "kind", "type": "nominal", "scale": colors, "legend": None},
                },
            },
            {
                "mark": {"type": "text", "dy": -8, "fontSize": 11.5, "fontWeight": 600},
                "encoding": {"y": {"field": "top", "type": "quantitative"}, "text": {"field": "text"}},
            },
        ],
    }
    return framed(
        "o_que_moveu",
        Message("O que moveu o mês", "What moved the month"),
        Message(
            "R$, de um mês ao outro; a escala não parte de zero" if floor else "R$, de um mês ao outro",
            "R$, from one month to the next; the scale does not start at zero" if floor else "R$, month to month",
        ),
        language,
        spec,
    )


def _total(month: MonthFigures, floor: Decimal, level: Decimal, language: Language) -> Spec:
    return _bar(short_month(month.month, language), floor, level, short_money(level, language), "total")


def _step(name: str, before: Decimal, after: Decimal, language: Language) -> Spec:
    value = after - before
    text = f"{'+' if value > 0 else ''}{short_money(value, language)}"
    return _bar(name, before, after, text, "up" if value >= 0 else "down")


def _bar(step: str, low: Decimal, high: Decimal, text: str, kind: str) -> Spec:
    return {
        "step": step,
        "low": float(low),
        "high": float(high),
        "top": float(max(low, high)),
        "text": text,
        "kind": kind,
    }


def _room(*levels: Decimal) -> tuple[Decimal, Decimal]:
    """The part of the scale to show: all of it, or what is around the levels when they are close to each other."""
    least, greatest = min(levels), max(levels)
    spread = greatest - least
    floor = least - spread * 2 if spread and least - spread * 2 > 0 else Decimal()
    return floor, greatest + (greatest - floor) * Decimal("0.1")


def _days(found: Insights, language: Language) -> Picture | None:
    if len(found.days) <= _MEAN_DAYS:
        return None
    revenues = [one.revenue for one in found.days]
    rows: list[Spec] = []
    for at, one in enumerate(found.days):
        window = revenues[max(0, at - _MEAN_DAYS + 1) : at + 1]
        row: Spec = {"day": one.day.isoformat(), "revenue": float(one.revenue)}
        if len(window) == _MEAN_DAYS:
            row["mean"] = float(sum(window) / _MEAN_DAYS)
        rows.append(row)
    ticks = [one.day for one in found.days if one.day.day in (1, 15)]
    shown = ", ".join(f"'{day.isoformat()}': '{_day_label(day.isoformat(), language)}'" for day in ticks)
    x: Json = {
        "field": "day",
        "type": "ordinal",
        "axis": {
            "title": None,
            "labelAngle": 0,
            "values": [day.isoformat() for day in ticks],
            "labelExpr": f"{{{shown}}}[datum.value]",
        },
        "scale": {"paddingOuter": 0.1},
    }
    y: Json = {
        "field": "revenue",
        "type": "quantitative",
        "axis": {"title": None, "tickCount": 4, "labelExpr": _axis_money(max(revenues), language), "domain": False},
    }
    spec: Spec = {
        "data": values_of(rows),
        "encoding": {"x": x},
        "layer": [
            {"mark": {"type": "bar", "color": SOFT, "opacity": 0.75}, "encoding": {"y": y}},
            {
                "transform": [{"filter": "isValid(datum.mean)"}],
                "mark": {"type": "line", "color": ACCENT, "strokeWidth": 2.2, "interpolate": "monotone"},
                "encoding": {"y": {"field": "mean", "type": "quantitative"}},
            },
        ],
    }
    return framed(
        "dias",
        Message("Receita por dia", "Revenue by day"),
        Message("R$; a linha é a média de sete dias", "R$; the line is the mean of seven days"),
        language,
        spec,
    )


def _axis_money(greatest: Decimal, language: Language) -> str:
    """The expression of an axis: whole numbers in the unit that the greatest value asks for."""
    words = {"pt": (" mi", " mil"), "en": ("m", "k")}[language]
    if greatest >= 2 * MILLION:
        return f"datum.value == 0 ? '0' : format(datum.value / 1e6, ',~g') + '{words[0]}'"
    if greatest >= 2 * THOUSAND:
        return f"datum.value == 0 ? '0' : format(datum.value / 1e3, ',~g') + '{words[1]}'"
    return "format(datum.value, ',~g')"


def _day_label(day: str, language: Language) -> str:
    month = short_month(day[:7], language).replace("/", " ").split(" ")[0]
    return f"{int(day[8:])} {month}" if language == "pt" else f"{month} {int(day[8:])}"


def _weekdays(found: Insights, language: Language) -> Picture | None:
    if not found.weekdays:
        return None
    rows: list[Spec] = [
        {
            "day": WEEKDAYS[language][one.weekday],
            "change": float(one.ratio - 1),
            "label": signed_percent(one.ratio - 1, language),
            "side": "up" if one.ratio >= 1 else "down",
        }
        for one in found.weekdays
    ]
    y: Json = {"field": "change", "type": "quantitative", "axis": None}
    spec: Spec = {
        "data": values_of(rows),
        "encoding": {
            "x": {
                "field": "day",
                "type": "ordinal",
                "sort": names_of(rows, "day"),
                "axis": {"title": None, "labelAngle": 0, "domain": False, "orient": "bottom"},
                "scale": {"paddingInner": 0.35},
            },
            "y": y,
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {"color": {"condition": {"test": "datum.side == 'up'", "value": ACCENT}, "value": QUIET}},
            },
            {
                "transform": [{"filter": "datum.side == 'up'"}],
                "mark": {"type": "text", "dy": -8, "fontSize": 11},
                "encoding": {"text": {"field": "label"}},
            },
            {
                "transform": [{"filter": "datum.side == 'down'"}],
                "mark": {"type": "text", "dy": 10, "fontSize": 11, "color": MUTED},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    }
    return framed(
        "semana",
        Message("Cada dia da semana contra o dia médio", "Each weekday against the mean day"),
        Message("receita, últimas treze semanas", "revenue, last thirteen weeks"),
        language,
        spec,
    )


def _places(found: Insights, language: Language) -> Picture | None:
    shown = [place for place in found.places if not place.is_rest][:MOST_PLACES]
    if not shown:
        return None
    rows: list[Spec] = [
        {"place": one.label, "revenue": float(one.revenue), "label": short_money(one.revenue, language)}
        for one in shown
    ]
    spec: Spec = {
        "data": values_of(rows),
        "height": 34 * len(rows),
        "encoding": {
            "y": {
                "field": "place",
                "type": "ordinal",
                "sort": names_of(rows, "place"),
                "axis": {"title": None, "domain": False, "labelColor": INK, "labelLimit": 190},
                "scale": {"paddingInner": 0.35},
            },
            "x": {"field": "revenue", "type": "quantitative", "axis": None},
        },
        "layer": [
            {"mark": {"type": "bar", "color": ACCENT, "cornerRadiusEnd": 2}},
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "color": MUTED},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    }
    return framed(
        "pracas",
        Message("As maiores praças do mês", "The largest places of the month"),
        Message("receita em R$, praças informadas sozinhas", "revenue in R$, places told by themselves"),
        language,
        spec,
    )


def _shares(found: Insights, language: Language) -> Picture | None:
    if not found.shares:
        return None
    months = [one.month for one in found.months[-12:]]
    rows: list[Spec] = [
        {
            "month": short_month(one.month, language),
            "segment": one.segment or "—",
            "low": float(one.low),
            "high": float(one.high),
            "label": band(one.low, one.high, language),
        }
        for one in found.shares
        if one.month in months
    ]
    if not rows:
        return None
    segments = names_of(rows, "segment")
    order: list[Json] = [short_month(month, language) for month in months]
    offset: Json = {"field": "segment", "sort": segments}
    spec: Spec = {
        "data": values_of(rows),
        "encoding": {
            "x": {
                "field": "month",
                "type": "ordinal",
                "sort": order,
                "axis": {"title": None, "labelAngle": 0},
                "scale": {"paddingInner": 0.3},
            },
            "xOffset": offset,
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadius": 2, "opacity": 0.9},
                "encoding": {
                    "y": {
                        "field": "low",
                        "type": "quantitative",
                        "axis": {"title": None, "format": ".0%", "tickCount": 4, "domain": False},
                    },
                    "y2": {"field": "high"},
                    "color": {
                        "field": "segment",
                        "type": "nominal",
                        "sort": segments,
                        "scale": {"range": list(SERIES)},
                    },
                },
            },
            *([_band_labels()] if len(rows) <= MOST_PLACES else []),
        ],
    }
    return framed(
        "participacao",
        Message("Participação no segmento", "Share of the segment"),
        Message("a barra é a faixa em que a participação está", "the bar is the band that the share lies in"),
        language,
        spec,
    )


def _band_labels() -> Json:
    return {
        "mark": {"type": "text", "dy": -7, "fontSize": 10, "color": MUTED},
        "encoding": {"y": {"field": "high", "type": "quantitative"}, "text": {"field": "label"}},
    }
