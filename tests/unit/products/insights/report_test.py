"""The report: one file, nothing from outside, no script but its own, nothing of the data taken for markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from afluente.core.language import Language
from afluente.products.insights.compute import compute_insights
from afluente.products.insights.drawing import png, svg
from afluente.products.insights.insight import Insights
from afluente.products.insights.picture import Picture
from afluente.products.insights.pictures import picture_of_month, pictures
from afluente.products.insights.report import report_html, write_report
from afluente.project.product import Product

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&</style>--><!--"


class Page(HTMLParser):
    """Elements and attributes as a browser would meet them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_code = tag == "script" and "type" not in dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if self._is_code:
            self.scripts.append(data)


@pytest.fixture
def insights(product: Product, half_year: tuple[dict[str, pa.Table], dict[str, list[pa.Table]]]) -> Insights:
    found = compute_insights(product, half_year[0], history=half_year[1])
    assert found is not None
    return found


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_report_asks_for_nothing_from_outside(insights: Insights, language: Language) -> None:
    page = Page(report_html(insights, language))
    for _, attributes in page.elements:
        assert not {"src", "href", "xlink:href", "srcset", "data"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    style = report_html(insights, language).split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_only_scripts_named_by_their_hash_may_run(insights: Insights) -> None:
    page = Page(report_html(insights, "pt"))
    policy = next(
        str(attributes["content"])
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    found = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts}
    assert found == allowed
    assert len(found) == 2
    assert "unsafe-eval" not in policy
    assert "default-src 'none'" in policy
    assert 'ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false' in page.scripts[1]


def test_names_from_the_data_stay_text(product: Product, monthly: Callable[..., pa.Table]) -> None:
    tables = {"mensal": monthly("2026-06", name=EVIL)}
    found = compute_insights(product, tables, history={"mensal": [monthly("2026-05", name=EVIL)]})
    assert found is not None
    text = report_html(found, "pt")
    page = Page(text)
    assert "alert(1)" in text
    assert len(page.scripts) == 2
    assert not any("alert(" in script for script in page.scripts)
    assert "img" not in {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_every_picture_is_drawn_and_can_be_drawn_again_on_the_page(insights: Insights) -> None:
    text = report_html(insights, "pt")
    page = Page(text)
    names = [picture.name for picture in pictures(insights, "pt")]
    assert len(names) == 6
    assert [attributes["id"] for tag, attributes in page.elements if tag == "figure"] == names
    holders = [attributes["data-for"] for tag, attributes in page.elements if "data-for" in attributes]
    assert holders == names
    specs = re.findall(r'<script type="application/json" data-for="\w+">(.*?)</script>', text, re.DOTALL)
    assert [json.loads(spec) for spec in specs] == [picture.spec for picture in pictures(insights, "pt")]
    assert [tag for tag, _ in page.elements].count("svg") == len(names)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_report_stays_small_enough_to_be_mailed(insights: Insights) -> None:
    assert len(report_html(insights, "pt").encode()) < 2_000_000


def test_the_same_insights_give_the_same_bytes(insights: Insights, tmp_path: Path) -> None:
    first, again = (write_report(insights, tmp_path / name, "pt") for name in ("a", "b"))
    for one, other in zip(first.paths, again.paths, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_picture_of_the_month_comes_as_png_svg_and_pdf(insights: Insights, tmp_path: Path) -> None:
    written = write_report(insights, tmp_path, "pt")
    assert written.html == tmp_path / "report.html"
    assert written.month_png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert written.month_svg.read_text(encoding="utf-8").startswith("<svg")
    assert written.month_pdf.read_bytes()[:5] == b"%PDF-"
    assert len(written.month_png.read_bytes()) < 500_000


def test_pictures_speak_the_readers_language(insights: Insights) -> None:
    assert "Receita por mês" in svg(pictures(insights, "pt")[0])
    assert "Revenue by month" in svg(pictures(insights, "en")[0])
    assert "junho de 2026" in picture_of_month(insights, "pt").alt
    assert "June 2026" in picture_of_month(insights, "en").alt


def test_a_first_month_has_a_report_without_what_needs_a_month_before(
    product: Product, monthly: Callable[..., pa.Table]
) -> None:
    found = compute_insights(product, {"mensal": monthly("2026-06")})
    assert found is not None
    assert [picture.name for picture in pictures(found, "pt")] == ["meses", "pracas", "participacao"]
    assert png(picture_of_month(found, "pt"))[:4] == b"\x89PNG"
    assert "O que moveu o mês" not in report_html(found, "pt")


def test_a_picture_that_asks_for_data_elsewhere_loads_nothing(insights: Insights) -> None:
    spec = {**pictures(insights, "pt")[0].spec, "data": {"url": "http://127.0.0.1:9/dados.json"}}
    with pytest.raises(ValueError, match="127.0.0.1"):
        svg(Picture("x", "x", spec))
