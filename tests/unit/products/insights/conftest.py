"""A product of two outputs and the tables it told over some months: cities by name, the rest of a state in one row."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.product import Measure, Output, PrivacyPolicy, Product, Segment

NOWHERE = Place("products/vendas.yaml")
CITIES = (
    ("3550308", "São Paulo", "SP", 30),
    ("3509502", "Campinas", "SP", 9),
    ("3304557", "Rio de Janeiro", "RJ", 22),
    ("3106200", "Belo Horizonte", "MG", 14),
    ("4106902", "Curitiba", "PR", 11),
    ("2927408", "Salvador", "BA", 8),
)
STATES = ("SP", "RJ", "MG", "PR", "BA")
BRANDS = (("Hungry", "refrigerante", Decimal("6.40")), ("Ouch", "salgadinho", Decimal("9.10")))
WEEKDAYS = (0.8, 0.78, 0.85, 0.95, 1.2, 1.4, 1.25)


def measures() -> tuple[Measure, ...]:
    return (
        Measure("pecas", "sum", NOWHERE, column="quantidade"),
        Measure("faturado", "sum", NOWHERE, column="valor"),
        Measure("compradores", "distinct", NOWHERE, column="cliente_id"),
        Measure("valor_por_peca", "ratio", NOWHERE, numerator="faturado", denominator="pecas"),
    )


@pytest.fixture
def product() -> Product:
    """None of its names is one that the code could know."""

    def output(name: str, grain: str, segment: Segment | None) -> Output:
        return Output(
            name=name,
            facts=TableName("gold", "fato"),
            contract=f"release.{name}",
            place=NOWHERE,
            period_column="pedido_em",
            grain="day" if grain == "day" else "month",
            places=("ibge", "estado"),
            dimensions=("marca", "categoria"),
            labels={"nome_cidade": "ibge"},
            person="cliente_id",
            measures=measures(),
            segment=segment,
        )

    segment = Segment("categoria", "marca", ("Hungry", "Ouch"), "valor", NOWHERE)
    return Product(
        name="vendas",
        title="Vendas de Hungry e Ouch",
        version="1.0.0",
        partner="ouchhungry",
        owner="dados@example.com",
        purpose="vendas",
        legal_basis="contract",
        outputs=(output("diario", "day", None), output("mensal", "month", segment)),
        privacy=PrivacyPolicy(NOWHERE),
        place=NOWHERE,
        text_sha256="",
    )


def band(share: float) -> str:
    limits = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 1]
    at = next(at for at, high in enumerate(limits[1:]) if share < high)
    return f"{limits[at]:.2f}-{limits[at + 1]:.2f}"


@pytest.fixture
def monthly() -> Callable[..., pa.Table]:
    """The table of one month: `cities` told by themselves, and one row a state for what is small."""

    def make(month: str, *, level: float = 1.0, without: tuple[str, ...] = (), name: str = "São Paulo") -> pa.Table:
        numbers = random.Random(month)  # noqa: S311
        rows = []
        for brand, segment, price in BRANDS:
            for code, city, state, weight in CITIES:
                if city not in without:
                    shown = name if city == "São Paulo" else city
                    rows.append(_row(numbers, month, (code, shown, state), brand, segment, price, weight * level, 1))
            for state in STATES:
                rows.append(_row(numbers, month, (None, None, state), brand, segment, price, 6 * level, 7))  # noqa: PERF401
        return pa.Table.from_pylist(rows)

    return make


def _row(
    numbers: random.Random,
    month: str,
    place: tuple[str | None, str | None, str],
    brand: str,
    segment: str,
    price: Decimal,
    weight: float,
    places: int,
) -> dict[str, object]:
    units = int(weight * 180 * numbers.uniform(0.85, 1.15)) + 1
    revenue = (units * price * Decimal(str(round(numbers.uniform(0.94, 1.06), 3)))).quantize(Decimal("0.01"))
    share = 0.18 if brand == "Hungry" else 0.33
    return {
        "mes": month,
        "ibge": place[0],
        "estado": place[2],
        "nivel_lugar": "ibge" if place[0] else "estado",
        "lugares": places,
        "marca": brand,
        "categoria": segment,
        "nome_cidade": place[1],
        "pecas": units,
        "faturado": revenue,
        "compradores": max(units // 3, 1),
        "valor_por_peca": float(revenue / units),
        "participacao_faturado": band(share * numbers.uniform(0.85, 1.15)),
    }


@pytest.fixture
def daily() -> Callable[[date, int], pa.Table]:
    """Days from one on, whole states only."""

    def make(first: date, count: int) -> pa.Table:
        numbers = random.Random(first.isoformat())  # noqa: S311
        rows = []
        for at in range(count):
            day = first + timedelta(days=at)
            for brand, segment, price in BRANDS:
                units = int(520 * WEEKDAYS[day.weekday()] * numbers.uniform(0.9, 1.1))
                rows.append(
                    {
                        "dia": day,
                        "ibge": None,
                        "estado": None,
                        "nivel_lugar": "total",
                        "lugares": 41,
                        "marca": brand,
                        "categoria": segment,
                        "nome_cidade": None,
                        "pecas": units,
                        "faturado": units * price,
                        "compradores": units // 2,
                        "valor_por_peca": float(price),
                    }
                )
        return pa.Table.from_pylist(rows)

    return make


@pytest.fixture
def half_year(
    monthly: Callable[..., pa.Table], daily: Callable[[date, int], pa.Table]
) -> tuple[dict[str, pa.Table], dict[str, list[pa.Table]]]:
    """The newest tables, and those told before: six months that grow; Salvador disappears, Curitiba appears."""
    months = ["2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    before = [monthly(month, level=1 + 0.04 * at, without=("Curitiba",)) for at, month in enumerate(months)]
    newest = {"mensal": monthly("2026-06", level=1.24, without=("Salvador",)), "diario": daily(date(2026, 6, 1), 30)}
    return newest, {"mensal": before, "diario": [daily(date(2026, 4, 1), 61)]}
