"""Insights of a made-up half year, computed from told tables alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from afluente.products.insights.compute import compute_insights
from afluente.products.insights.insight import Insights
from afluente.products.insights.sentences import headline
from afluente.project.product import Product

HalfYear = tuple[dict[str, pa.Table], dict[str, list[pa.Table]]]


def made(product: Product, half_year: HalfYear) -> Insights:
    found = compute_insights(product, half_year[0], history=half_year[1])
    assert found is not None
    return found


def item(found: Insights, kind: str, subject: str = "") -> Decimal:
    value = next(one.value for one in found.items if one.kind == kind and subject in ("", one.subject))
    assert value is not None
    return value


def test_totals_are_those_of_the_told_rows(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    told = half_year[0]["mensal"]
    assert item(found, "total.revenue") == pc.sum(told.column("faturado")).as_py()
    assert item(found, "total.units") == pc.sum(told.column("pecas")).as_py()
    assert [one.month for one in found.months] == [f"2026-0{month}" for month in range(1, 7)]
    assert found.period == "2026-06"


def test_the_month_is_decomposed_exactly(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    before, now = (
        pc.sum(table.column("faturado")).as_py() for table in (half_year[1]["mensal"][-1], half_year[0]["mensal"])
    )
    parts = [item(found, f"moved.{name}") for name in ("volume", "price", "mix")]
    assert sum(parts) == now - before == item(found, "moved.total")


def test_places_that_appear_and_disappear_are_named(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    assert found.gained == ("Curitiba (PR)",)
    assert found.lost == ("Salvador (BA)",)


def test_places_reached_count_those_told_together(product: Product, half_year: HalfYear) -> None:
    assert item(made(product, half_year), "places.reached") == 5 + 5 * 7


def test_small_places_stand_as_the_rest_of_their_state(product: Product, half_year: HalfYear) -> None:
    rest = [place for place in made(product, half_year).places if place.is_rest]
    assert sorted(place.label for place in rest) == ["BA", "MG", "PR", "RJ", "SP"]
    assert {place.places for place in rest} == {7}


def test_shares_stay_bands_that_the_told_bands_imply(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    for one in found.shares:
        assert Decimal(0) <= one.low < one.high <= 1
        told = [
            tuple(Decimal(limit) for limit in row["participacao_faturado"].split("-"))
            for table in (*half_year[1]["mensal"], half_year[0]["mensal"])
            for row in table.to_pylist()
            if (row["mes"], row["categoria"]) == (one.month, one.segment)
        ]
        assert min(low for low, _ in told) <= one.low
        assert one.high <= max(high for _, high in told)


def test_a_share_that_left_its_band_has_a_trend(product: Product, half_year: HalfYear) -> None:
    newest, before = half_year

    def with_band(table: pa.Table, band: str) -> pa.Table:
        at = table.column_names.index("participacao_faturado")
        return table.set_column(at, "participacao_faturado", pa.array([band] * table.num_rows))

    tables = {**newest, "mensal": with_band(newest["mensal"], "0.30-0.40")}
    history = {**before, "mensal": [with_band(table, "0.10-0.15") for table in before["mensal"]]}
    found = compute_insights(product, tables, history=history)
    assert found is not None
    assert item(found, "share.trend", "refrigerante") == 1
    assert item(found, "share.low", "refrigerante") == Decimal("0.30")


def test_the_price_against_the_segment_needs_both_shares(product: Product, half_year: HalfYear) -> None:
    newest, before = half_year
    assert made(product, half_year).relative_prices == ()
    month = product.output("mensal")
    assert month.segment is not None
    units = replace(month, name="mensal_pecas", segment=replace(month.segment, measure="quantidade"))
    both = replace(product, outputs=(*product.outputs, units))

    def of_units(table: pa.Table) -> pa.Table:
        bands = pa.array(["0.40-0.50"] * table.num_rows)
        return table.drop_columns(["participacao_faturado"]).append_column("participacao_pecas", bands)

    found = compute_insights(both, {**newest, "mensal_pecas": of_units(newest["mensal"])}, history=before)
    assert found is not None
    share = next(one for one in found.shares if (one.month, one.segment) == ("2026-06", "refrigerante"))
    assert item(found, "price.segment.low", "refrigerante") == share.low / Decimal("0.5")
    assert item(found, "price.segment.high", "refrigerante") == share.high / Decimal("0.4")


def test_the_weekday_profile_is_about_the_mean_day(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    assert len(found.weekdays) == 7
    assert abs(sum(one.ratio for one in found.weekdays) - 7) < Decimal("1e-20")
    assert max(found.weekdays, key=lambda one: one.ratio).weekday == 5


def test_a_correction_takes_the_place_of_the_month_it_tells(product: Product, monthly: Callable[..., pa.Table]) -> None:
    wrong, right = monthly("2026-05", level=3.0), monthly("2026-05", level=1.0)
    found = compute_insights(product, {"mensal": right}, history={"mensal": [wrong]})
    assert found is not None
    assert len(found.months) == 1
    assert found.months[0].revenue == pc.sum(right.column("faturado")).as_py()
    assert found.moved is None


def test_the_table_has_a_row_for_each_insight_in_both_languages(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    table = found.table()
    assert table.column_names == ["kind", "subject", "period", "value", "unit", "text_pt", "text_en"]
    assert table.num_rows == len(found.items)
    assert all(table.column(name).null_count == 0 for name in ("text_pt", "text_en", "unit"))
    assert table == made(product, half_year).table()


def test_a_product_without_cells_has_no_insights(product: Product) -> None:
    assert compute_insights(replace(product, outputs=()), {}) is None
    assert compute_insights(product, {}) is None


def test_the_headline_says_the_month_in_the_readers_words(product: Product, half_year: HalfYear) -> None:
    found = made(product, half_year)
    assert headline(found, "pt").startswith("Junho de 2026: R$ ")
    assert headline(found, "pt").endswith("% sobre o mês anterior")
    assert headline(found, "en").startswith("June 2026: R$ ")


def test_days_alone_make_months_compared_up_to_the_same_day(
    product: Product, daily: Callable[[date, int], pa.Table]
) -> None:
    before, now = daily(date(2026, 5, 1), 31), daily(date(2026, 6, 1), 12)
    found = compute_insights(product, {"diario": now}, history={"diario": [before]})
    assert found is not None
    assert (found.period, found.until) == ("2026-06", date(2026, 6, 12))
    assert found.previous is not None
    assert found.previous.revenue == pc.sum(before.slice(0, 24).column("faturado")).as_py()
    assert found.month is not None
    assert found.month.persons is None
    assert "até o dia 12" in headline(found, "pt")
