"""How pictures look: colours, type and the locale of their numbers, the same on a page, in a PNG and in a PDF."""

from __future__ import annotations

from afluente.core.language import Language
from afluente.state.json_value import Json

INK = "#17212b"
MUTED = "#66737f"
RULE = "#e3e8ec"
QUIET = "#b9c7cf"
ACCENT = "#0f6b66"
SOFT = "#8fc1bc"
GOOD = "#2d8a5f"
BAD = "#b8492f"
SERIES = ("#0f6b66", "#d98a1f", "#5661a8", "#a8436b", "#5a8f3c")
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

_LOCALES: dict[Language, Json] = {
    "pt": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["R$ ", ""]},
    "en": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["R$ ", ""]},
}


def config(language: Language) -> dict[str, Json]:
    """The configuration every picture shares."""
    return {
        "background": "#ffffff",
        "font": FONT,
        "locale": {"number": _LOCALES[language]},
        "view": {"stroke": None},
        "axis": {
            "labelColor": MUTED,
            "labelFontSize": 11,
            "titleColor": MUTED,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "gridColor": RULE,
            "domainColor": QUIET,
            "tickColor": QUIET,
            "ticks": False,
            "labelPadding": 6,
        },
        "title": {
            "color": INK,
            "fontSize": 14,
            "fontWeight": 600,
            "anchor": "start",
            "offset": 14,
            "subtitleColor": MUTED,
            "subtitleFontSize": 11.5,
            "subtitlePadding": 5,
            "frame": "group",
        },
        "legend": {"labelColor": MUTED, "labelFontSize": 11, "title": None, "orient": "top", "symbolType": "square"},
        "text": {"color": INK, "fontSize": 11},
    }
