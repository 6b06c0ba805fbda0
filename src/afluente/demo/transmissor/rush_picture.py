"""The rush as a picture: how long the bystander's query took, over time, with slots and without.

Invariant: a latency axis is logarithmic and says so; the figures in the title are those of `Rush`.
"""

from __future__ import annotations

from afluente.core.language import Message
from afluente.demo.transmissor.rush_hour import IDLE, NAIVE, SLOTS, Rush
from afluente.products.insights.drawing import png
from afluente.products.insights.look import ACCENT, BAD
from afluente.products.insights.picture import Picture, Spec, framed, values_of
from afluente.state.json_value import Json

NAMES = {NAIVE: "Sem fila: todos escrevem direto", SLOTS: "Com fila: o hub dá a vez e carrega só o que mudou"}
WIDTH, HEIGHT = 860, 380
LEAST_MS = 0.1


def draw_rush(rush: Rush) -> bytes:
    """A PNG."""
    return png(_picture(rush))


def _picture(rush: Rush) -> Picture:
    naive, slots, idle = (_figure(rush.p95_ms[phase]) for phase in (NAIVE, SLOTS, IDLE))
    title = Message(
        f"8 horas: {rush.size.sites} municípios transmitem e alguém só quer consultar o banco central",
        f"8 o'clock: {rush.size.sites} municipalities send and somebody only wants to read the central database",
    )
    subtitle = Message(
        f"Tempo de uma consulta feita a cada 0,1 s. p95: {naive} ms sem fila, {slots} ms com fila, {idle} ms em repouso",
        f"Time of a query made every 0.1 s. p95: {naive} ms without slots, {slots} ms with slots, {idle} ms at rest",
    )
    points: list[Spec] = [
        {"segundo": second, "ms": max(milliseconds, LEAST_MS), "modo": NAMES[phase]}
        for phase in (NAIVE, SLOTS)
        for second, milliseconds in rush.latency[phase]
    ]
    p95: list[Spec] = [
        {"ms": rush.p95_ms[phase], "modo": NAMES[phase], "texto": _told(rush, phase)} for phase in (NAIVE, SLOTS)
    ]
    last = max(second for phase in (NAIVE, SLOTS) for second, _ in rush.latency[phase])
    colour: Json = {
        "field": "modo",
        "type": "nominal",
        "scale": {"domain": [NAMES[NAIVE], NAMES[SLOTS]], "range": [BAD, ACCENT]},
        "legend": {"orient": "top", "direction": "horizontal", "labelLimit": 400, "labelFontSize": 12},
    }
    y: Json = {
        "field": "ms",
        "type": "quantitative",
        "scale": {"type": "log", "nice": True},
        "axis": {"title": "Tempo da consulta (ms, escala logarítmica)", "tickCount": 5, "format": "~r"},
    }
    x: Json = {
        "field": "segundo",
        "type": "quantitative",
        "scale": {"domain": [0, last], "nice": False},
        "axis": {"title": "Segundos desde a primeira transmissão", "grid": False, "tickCount": 10},
    }
    spec: Spec = {
        "width": WIDTH,
        "height": HEIGHT,
        "padding": 18,
        "encoding": {"color": colour, "y": y},
        "layer": [
            {
                "data": values_of(points),
                "mark": {"type": "line", "strokeWidth": 1.6, "opacity": 0.9},
                "encoding": {"x": x},
            },
            {"data": values_of(p95), "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.4}},
            {
                "data": values_of(p95),
                "mark": {
                    "type": "text", "align": "right", "dx": -6, "dy": -8, "fontSize": 12, "fontWeight": 600,
                    "stroke": "#ffffff", "strokeWidth": 4, "strokeJoin": "round",
                },
                "encoding": {"text": {"field": "texto"}, "x": {"value": WIDTH}},
            },
            {
                "data": values_of(p95),
                "mark": {"type": "text", "align": "right", "dx": -6, "dy": -8, "fontSize": 12, "fontWeight": 600},
                "encoding": {"text": {"field": "texto"}, "x": {"value": WIDTH}},
            },
        ],
    }  # fmt: skip
    return framed("rush", title, subtitle, "pt", spec)


def _told(rush: Rush, phase: str) -> str:
    wal = f"{rush.wal_bytes[phase] / 1e6:.0f} MB de WAL"
    return f"p95 {_figure(rush.p95_ms[phase])} ms · tudo gravado em {rush.seconds[phase]:.0f} s, {wal}"


def _figure(milliseconds: float) -> str:
    return f"{milliseconds:.1f}".replace(".", ",")
