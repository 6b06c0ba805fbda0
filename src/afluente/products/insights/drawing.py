"""Specs drawn as PNG, SVG and PDF by vl-convert, without a network.

Invariant: nothing is loaded from outside: a spec that asks for data by address is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from afluente.core.errors import AfluenteError
from afluente.products.insights.picture import Picture, Spec
from afluente.state.json_value import Json

if TYPE_CHECKING:
    from types import ModuleType

PNG_SCALE = 2.0
_LOCAL: list[str] = []
_ID = re.compile(r'(?<=id=")(?:clip|gradient_)\d+(?=")|(?<=#)(?:clip|gradient_)\d+(?=\))')


def png(picture: Picture) -> bytes:
    """The picture as PNG."""
    drawn: bytes = _converter().vegalite_to_png(_text(picture.spec), scale=PNG_SCALE, allowed_base_urls=_LOCAL)
    return drawn


def svg(picture: Picture) -> str:
    """The picture as SVG. Its ids are counted anew under its name: Vega counts them over all that a process draws."""
    drawn: str = _converter().vegalite_to_svg(_text(picture.spec), allowed_base_urls=_LOCAL)
    numbers: dict[str, int] = {}
    return _ID.sub(lambda found: f"{picture.name}-{numbers.setdefault(found[0], len(numbers))}", drawn)


def pdf(picture: Picture) -> bytes:
    """The picture as a PDF of one page, in one weight: the converter embeds several fonts in an order of chance."""
    plain = _in_one_weight(picture.spec)
    drawn: bytes = _converter().vegalite_to_pdf(json.dumps(plain, sort_keys=True), allowed_base_urls=_LOCAL)
    return drawn


def _in_one_weight(value: Json) -> Json:
    match value:
        case str():
            return value
        case Mapping():
            return {
                name: "normal" if name.lower().endswith("fontweight") else _in_one_weight(inner)
                for name, inner in value.items()
            }
        case Sequence():
            return [_in_one_weight(inner) for inner in value]
        case _:
            return value


def script_bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script that leaves `vegaEmbed` on the page."""
    bundle: str = _converter().javascript_bundle()
    return bundle


def _text(spec: Spec) -> str:
    return json.dumps(spec, ensure_ascii=False, sort_keys=True)


def _converter() -> Any:
    try:
        import vl_convert
    except ImportError as error:
        raise AfluenteError(
            "insights.missing_extra",
            "pictures need the package vl-convert-python, which is not installed",
            hint="pip install 'afluente[products]'",
        ) from error
    converter: ModuleType = vl_convert
    return converter
