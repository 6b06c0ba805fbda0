"""The company's orders: `transacoes`, one file a month."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from afluente.sources.simulator import render
from afluente.sources.simulator.company import (
    LOCAL_OFFSET_SECONDS,
    Simulation,
    lower,
    mixed,
    padded,
    taken,
    twice_encoded,
    variants,
    weighted,
    words,
    yes_or_no,
)
from afluente.sources.simulator.customers import Customers, add_city, customer_codes
from afluente.sources.simulator.products import Products, product_codes
from afluente.sources.simulator.sheet import Sheet, SimulatedFile, Spoil
from afluente.sources.simulator.vocabulary import (
    CATEGORY_SYNONYMS,
    PAYMENT_SYNONYMS,
    PAYMENT_WEIGHTS,
    PAYMENTS,
    RESTAURANT_FIRST,
    RESTAURANT_KINDS,
    RESTAURANT_LAST,
)

if TYPE_CHECKING:
    from afluente.sources.simulator.render import Ints

UNIT_WEIGHTS = (48, 26, 12, 7, 4, 3)
HOUR_WEIGHTS = (3, 2, 1, 1, 0, 0, 0, 1, 2, 2, 4, 9, 12, 10, 6, 4, 4, 5, 9, 13, 14, 11, 8, 5)
ORPHANS_FROM = 9_000_000
INFLATION_PER_MONTH = 0.006


def file_names(simulation: Simulation) -> tuple[str, ...]:
    """The name of each month's file, in order."""
    first = np.datetime64(simulation.first_month, "M")
    return tuple(f"transacoes-{first + month}.csv" for month in range(simulation.months))


def simulate_orders(simulation: Simulation, customers: Customers, products: Products) -> Iterator[SimulatedFile]:
    """The orders month by month, in order of time within each, but for what was repeated."""
    edges = np.linspace(0, simulation.rows, simulation.months + 1).astype(np.int64)
    for month, name in enumerate(file_names(simulation)):
        numbers = np.arange(edges[month], edges[month + 1]) + 1
        yield _month(simulation, customers, products, numbers, month=month, name=name)


def _month(
    simulation: Simulation, customers: Customers, products: Products, numbers: Ints, *, month: int, name: str
) -> SimulatedFile:
    rng = simulation.random("transacoes", month)
    count = len(numbers)
    starts = simulation.month_starts()
    customer = rng.integers(0, len(customers.place), count)
    product = weighted(rng, products.sales_weights.tolist(), count)
    hour = weighted(rng, HOUR_WEIGHTS, count)
    day = rng.integers(starts[month], starts[month + 1], count)
    ordered = np.sort(day * render.DAY_SECONDS + hour * 3600 + rng.integers(0, 3600, count))
    restaurants = [f"{first} {last}" for first in RESTAURANT_FIRST for last in RESTAURANT_LAST]
    restaurant = rng.integers(0, len(restaurants), count)

    sheet = Sheet("transacoes", count, rng=rng, shares=simulation.shares)
    code = render.join("T", render.digits(numbers, 9))
    sheet.add("transacao_id", code, code, {"codigo_em_minusculas": lower(code)})
    for column, codes, which, rejected in (
        ("cliente_id", customer_codes, customer, customers.rejected),
        ("produto_id", product_codes, product, products.rejected),
    ):
        text = codes(which + 1)
        orphans = codes(ORPHANS_FROM // (1 if column == "cliente_id" else 10) + which)
        spoils = {
            "orfao": taken(orphans),
            "codigo_em_minusculas": lower(text),
        }
        sheet.add(column, text, text, spoils)
        sheet.cascade(column, rejected[which])
    _add_moment(sheet, rng, ordered)
    name_text = render.pick(restaurants, restaurant)
    spoils = {"utf8_dobrado": twice_encoded(restaurants, restaurant), "espacos": padded(rng, name_text)}
    sheet.add("restaurante", name_text, name_text, spoils)
    kind = restaurant % len(RESTAURANT_KINDS)
    kind_text = render.pick(RESTAURANT_KINDS, kind)
    sheet.add("categoria", kind_text, kind_text, {"sinonimo": variants(rng, RESTAURANT_KINDS, CATEGORY_SYNONYMS, kind)})
    add_city(sheet, rng, customers.place[customer])
    older = _add_sale(sheet, rng, (products.cents * (1 + INFLATION_PER_MONTH * month)).astype(np.int64)[product])

    delay = rng.integers(3600, 72 * 3600, count)
    updated = ordered + delay
    true_updated = pa.array((updated - LOCAL_OFFSET_SECONDS) * 1_000_000).cast(pa.timestamp("us", "UTC"))
    early = Spoil(lambda rows: render.moments(ordered[rows] - delay[rows], "%Y-%m-%d"))
    sheet.add("atualizado_em", render.moments(updated, "%Y-%m-%d"), true_updated, {"antes_do_pedido": early})
    older["atualizado_em"] = Spoil(lambda rows: render.moments((ordered + delay // 2)[rows], "%Y-%m-%d"))
    return sheet.finish(name, older)


def _add_moment(sheet: Sheet, rng: np.random.Generator, ordered: Ints) -> None:
    spoils = {
        "formato": mixed(
            rng,
            Spoil(lambda rows: render.moments(ordered[rows], "%d/%m/%Y")),
            Spoil(lambda rows: render.moments(ordered[rows], "%Y-%m-%d", "T")),
        ),
        "data_impossivel": Spoil(
            lambda rows: render.join("31/02/", render.dates(ordered[rows] // render.DAY_SECONDS, "%Y"), " 12:00:00")
        ),
        "sentinela": words(rng, "1111-11-11", "0", "NULL", "Sigiloso"),
        "data_futura": words(rng, "3000-01-01 00:00:00", "31/12/3000 23:59:59"),
    }
    true_ordered = pa.array((ordered - LOCAL_OFFSET_SECONDS) * 1_000_000).cast(pa.timestamp("us", "UTC"))
    sheet.add("pedido_em", render.moments(ordered, "%Y-%m-%d"), true_ordered, spoils)


def _add_sale(sheet: Sheet, rng: np.random.Generator, cents: Ints) -> dict[str, Spoil]:
    """Units, price, payment and delivery; returns what an older version of an order says of them."""
    count = sheet.count
    units = weighted(rng, UNIT_WEIGHTS, count) + 1
    spoils = {"sentinela": words(rng, "0", "-1", "NULL"), "estouro": words(rng, "214748364")}
    sheet.add("quantidade", render.by_value(units, str, pa.string()), pa.array(units), spoils)
    spoils = {
        "moeda": Spoil(lambda rows: render.money_written(cents[rows])),
        "sentinela": words(rng, "0", "-1", "0,00"),
        "ausente": words(rng, "", "NULL"),
    }
    sheet.add("preco_unitario", render.money_plain(cents), render.money_true(cents), spoils)
    payment = weighted(rng, PAYMENT_WEIGHTS, count)
    payment_text = render.pick(PAYMENTS, payment)
    spoils = {
        "sinonimo": variants(rng, PAYMENTS, PAYMENT_SYNONYMS, payment),
        "desconhecida": words(rng, "XPTO", "???"),
    }
    sheet.add("forma_pagamento", payment_text, payment_text, spoils)
    is_delivered = rng.random(count) < 0.96
    delivered = render.pick(("não", "sim"), is_delivered.astype(np.int64))
    sheet.add("entregue", delivered, pa.array(is_delivered), {"sinonimo": yes_or_no(rng, is_delivered)})
    return {
        "quantidade": Spoil(lambda rows: render.by_value(units[rows] + 1, str, pa.string())),
        "entregue": words(rng, "não"),
    }
