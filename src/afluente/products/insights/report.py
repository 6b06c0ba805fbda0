"""The report as one HTML file that opens from a disk: pictures drawn already, and live where scripts may run.

Invariant: the file asks for nothing from outside and runs no script but its own two, named by their hashes in its
content security policy; every text from the data is escaped.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.language import Language, Message
from afluente.products.insights.drawing import pdf, png, script_bundle, svg
from afluente.products.insights.picture import Picture
from afluente.products.insights.pictures import picture_of_month, pictures
from afluente.products.insights.say import band, long_month, money, number, signed_money, signed_percent
from afluente.products.insights.sentences import headline, period_name

if TYPE_CHECKING:
    from afluente.products.insights.insight import Insights, Mover, PlaceFigures

REPORT = "report.html"
PICTURES = "pictures"
_MOST_PLACES = 30
_SAID = ("share.trend", "price.segment.low", "places.gained", "places.lost", "season.")

_WORDS = {
    "over": Message("{product} · para {partner}", "{product} · for {partner}"),
    "revenue": Message("Receita", "Revenue"),
    "units": Message("Unidades", "Units"),
    "price": Message("Preço médio", "Mean price"),
    "persons": Message("Clientes, somados por praça", "Customers, added up by place"),
    "places": Message("Praças com vendas", "Places with sales"),
    "share": Message("Participação em {segment}", "Share of {segment}"),
    "since": Message("sobre {month}", "on {month}"),
    "said": Message("Em poucas palavras", "In a few words"),
    "movers": Message("O que mais subiu e o que mais caiu", "What rose and what fell most"),
    "place_table": Message("Praças do mês", "Places of the month"),
    "what": Message("O quê", "What"),
    "place": Message("Praça", "Place"),
    "change": Message("Mudança", "Change"),
    "rest": Message("Outras {places} praças de {region}", "{places} other places of {region}"),
    "more": Message("e mais {count} praças", "and {count} more places"),
    "new": Message("não informado", "not told"),
    "notes": Message("Como ler", "How to read this"),
}
_NOTES = (
    Message(
        "Tudo aqui vem dos arquivos já entregues; nada foi calculado de outros dados.",
        "Everything here comes from the files already delivered; nothing was computed from other data.",
    ),
    Message(
        "Praças com poucos clientes aparecem juntas, como “outras praças” de seu estado: ninguém pode ser reconhecido. "
        "Por isso uma praça pode aparecer ou deixar de aparecer de um mês a outro sem que suas vendas comecem ou parem.",
        "Places with few customers are told together, as “other places” of their state, so that nobody can be "
        "recognised. A place may therefore appear or disappear between months while its sales go on.",
    ),
    Message(
        "A participação no segmento é informada em faixas, que não mostram as vendas de nenhum concorrente.",
        "The share of the segment is told in bands, which show no competitor's sales.",
    ),
    Message(
        "Volume, composição e preço somam a mudança da receita ao centavo: volume é vender mais ou menos ao preço médio "
        "anterior; composição, vender mais do que custa mais; preço, cobrar outro preço pelo mesmo.",
        "Volume, mix and price add up to the change of revenue to the cent: volume is selling more or less at the "
        "earlier mean price; mix, selling more of what costs more; price, charging another price for the same.",
    ),
    Message(
        "Quem comprou em duas praças conta uma vez em cada uma.",
        "Whoever bought in two places counts once in each.",
    ),
)


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """Where the report and its pictures stand. `month_png` is the one for the e-mail."""

    html: Path
    month_png: Path
    month_svg: Path
    month_pdf: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.html, self.month_png, self.month_svg, self.month_pdf)


def write_report(insights: Insights, folder: Path, language: Language) -> WrittenReport:
    """Write `report.html` and `pictures/mes.{png,svg,pdf}` into a folder."""
    drawn = folder / PICTURES
    drawn.mkdir(parents=True, exist_ok=True)
    month = picture_of_month(insights, language)
    written = WrittenReport(folder / REPORT, *(drawn / f"{month.name}.{suffix}" for suffix in ("png", "svg", "pdf")))
    written.html.write_text(report_html(insights, language), encoding="utf-8")
    written.month_png.write_bytes(png(month))
    written.month_svg.write_text(svg(month), encoding="utf-8")
    written.month_pdf.write_bytes(pdf(month))
    return written


def report_html(insights: Insights, language: Language) -> str:
    """The whole page."""
    shown = pictures(insights, language)
    style = _resource("report.css")
    scripts = (_inert(script_bundle()), _resource("report.js"))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(_hash(script) for script in scripts)}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    title = f"{insights.title} · {period_name(insights, language)}"
    parts = [
        "<!doctype html>",
        f'<html lang="{"pt-BR" if language == "pt" else "en"}">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escape(title)}</title>",
        f"<style>{style}</style></head>",
        "<body><main>",
        _header(insights, language),
        _figures(insights, language),
        '<div class="charts">',
        *(_figure(picture) for picture in shown),
        "</div>",
        _said(insights, language),
        _movers(insights, language),
        _places(insights, language),
        _notes(language),
        "</main>",
        *(_data(picture) for picture in shown),
        *(f"<script>{script}</script>" for script in scripts),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _say(name: str, language: Language, **values: object) -> str:
    return escape(_WORDS[name].say(language, **values))


def _resource(name: str) -> str:
    return files("afluente.products.insights").joinpath(name).read_text(encoding="utf-8")


def _inert(script: str) -> str:
    """A script that cannot end its own element."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"


def _header(insights: Insights, language: Language) -> str:
    over = _say("over", language, product=insights.product, partner=insights.partner)
    title = escape(insights.title)
    return f'<header><p class="over">{over}</p><h1>{title}</h1><p class="lead">{escape(headline(insights, language))}</p></header>'


def _figures(insights: Insights, language: Language) -> str:
    month, before = insights.month, insights.previous
    if month is None:
        return ""
    tiles = []
    for name, now, was in (
        ("revenue", month.revenue, before.revenue if before else None),
        ("units", month.units, before.units if before else None),
        ("price", month.price, before.price if before else None),
        ("persons", month.persons, before.persons if before else None),
        ("places", Decimal(month.places), Decimal(before.places) if before else None),
    ):
        if now is None:
            continue
        text = (
            money(now, language, places=2 if name == "price" else 0)
            if name in ("revenue", "price")
            else number(now, language)
        )
        since = ""
        if was and before is not None:
            change = (now - was) / was
            side = "up" if change > 0 else "down" if change < 0 else ""
            month_before = _say("since", language, month=long_month(before.month, language))
            since = (
                f'<small><span class="{side}">{escape(signed_percent(change, language))}</span> {month_before}</small>'
            )
        tiles.append(f'<div class="figure"><dt>{_say(name, language)}</dt><dd>{escape(text)}{since}</dd></div>')
    tiles += [
        f'<div class="figure"><dt>{_say("share", language, segment=one.segment or "—")}</dt>'
        f"<dd>{escape(band(one.low, one.high, language))}</dd></div>"
        for one in insights.shares
        if one.month == insights.period
    ]
    return f'<dl class="figures">{"".join(tiles)}</dl>'


def _figure(picture: Picture) -> str:
    alt = escape(picture.alt)
    return f'<figure id="{picture.name}" role="img" aria-label="{alt}">{svg(picture)}</figure>'


def _data(picture: Picture) -> str:
    spec = json.dumps(picture.spec, ensure_ascii=False, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" data-for="{picture.name}">{spec}</script>'


def _said(insights: Insights, language: Language) -> str:
    moved = "; ".join(one.text.say(language) for one in insights.items if one.kind.startswith("moved."))
    texts = [moved] if moved else []
    texts += [one.text.say(language) for one in insights.items if one.kind.startswith(_SAID)]
    if not texts:
        return ""
    items = "".join(f"<li>{escape(text[:1].upper() + text[1:])}.</li>" for text in texts)
    return f'<section><h2>{_say("said", language)}</h2><ul class="said">{items}</ul></section>'


def _movers(insights: Insights, language: Language) -> str:
    before = insights.previous
    if not insights.movers or before is None:
        return ""
    heads = (long_month(before.month, language), long_month(insights.period, language))
    head = (
        f"<tr><th>{_say('what', language)}</th>"
        + "".join(f'<th class="n">{escape(one)}</th>' for one in heads)
        + f'<th class="n">{_say("change", language)}</th></tr>'
    )
    rows = "".join(_mover(one, language) for one in insights.movers)
    return (
        f'<section><h2>{_say("movers", language)}</h2><div class="scroll"><table>{head}{rows}</table></div></section>'
    )


def _mover(one: Mover, language: Language) -> str:
    figures = (
        escape(money(value, language)) if value is not None else _say("new", language)
        for value in (one.before, one.after)
    )
    cells = "".join(f'<td class="n">{text}</td>' for text in figures)
    side = "up" if one.change > 0 else "down"
    change = escape(signed_money(one.change, language))
    return f'<tr><td>{escape(one.label)}</td>{cells}<td class="n {side}">{change}</td></tr>'


def _places(insights: Insights, language: Language) -> str:
    if not insights.places:
        return ""
    alone = [place for place in insights.places if not place.is_rest]
    rest = [place for place in insights.places if place.is_rest]
    names = ["place", "revenue"]
    if any(place.price is not None for place in insights.places):
        names.append("price")
    if any(place.persons is not None for place in insights.places):
        names.append("persons")
    head = "".join(f"<th{'' if name == 'place' else ' class=n'}>{_say(name, language)}</th>" for name in names)
    rows = "".join(_place(place, names, language) for place in (*alone[:_MOST_PLACES], *rest))
    hidden = len(alone) - _MOST_PLACES
    more = f'<p class="notes">{_say("more", language, count=hidden)}</p>' if hidden > 0 else ""
    table = f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>{more}'
    return f"<section><h2>{_say('place_table', language)}</h2>{table}</section>"


def _place(place: PlaceFigures, names: list[str], language: Language) -> str:
    name = _say("rest", language, places=place.places, region=place.label) if place.is_rest else escape(place.label)
    cells = "".join(f'<td class="n">{escape(text)}</td>' for text in _cells(place, names, language))
    return f"<tr{' class=rest' if place.is_rest else ''}><td>{name}</td>{cells}</tr>"


def _cells(place: PlaceFigures, names: list[str], language: Language) -> Iterator[str]:
    yield money(place.revenue, language)
    if "price" in names:
        yield "—" if place.price is None else money(place.price, language)
    if "persons" in names:
        yield "—" if place.persons is None else number(place.persons, language)


def _notes(language: Language) -> str:
    texts = "".join(f"<p>{escape(note.say(language))}</p>" for note in _NOTES)
    return f'<section class="notes"><h2>{_say("notes", language)}</h2>{texts}</section>'
