"""Told tables read by the roles of their columns."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pytest

from afluente.products.insights.told_rows import band_of, decimal_of, read_rows, roles_of
from afluente.project.product import Product


def test_roles_come_from_the_products_measures(product: Product) -> None:
    roles = roles_of(product.output("mensal"))
    assert (roles.revenue, roles.units, roles.price) == ("faturado", "pecas", "valor_por_peca")
    assert (roles.persons, roles.share) == ("compradores", "participacao_faturado")


def test_a_place_is_read_from_the_coarsest_to_the_finest_told(
    product: Product, monthly: Callable[..., pa.Table]
) -> None:
    rows = read_rows(product.output("mensal"), [monthly("2026-06")])
    named = next(row for row in rows if row.place_label == "Campinas (SP)")
    assert (named.place, named.is_finest, named.places) == (("SP", "3509502"), True, 1)
    rest = next(row for row in rows if not row.is_finest and row.place == ("SP",))
    assert (rest.place_label, rest.places) == ("SP", 7)


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("0.20-0.25", (Decimal("0.20"), Decimal("0.25"))),
        (None, None),
        ("", None),
        ("0.20", None),
        ("a-b", None),
    ],
)
def test_a_band_is_read_or_is_none(text: str | None, band: tuple[Decimal, Decimal] | None) -> None:
    assert band_of(text) == band


def test_what_is_no_number_is_none() -> None:
    assert [decimal_of(value) for value in (None, "", "x", float("nan"), "1.50")] == [
        None,
        None,
        None,
        None,
        Decimal("1.50"),
    ]
