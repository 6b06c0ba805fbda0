"""The company's catalogue: `produtos`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from afluente.sources.simulator import render
from afluente.sources.simulator.company import (
    LOCAL_OFFSET_SECONDS,
    PRODUCT_ROWS,
    Simulation,
    lower,
    mixed,
    padded,
    twice_encoded,
    upper,
    variants,
    weighted,
    words,
    yes_or_no,
)
from afluente.sources.simulator.sheet import Sheet, SimulatedFile, Spoil
from afluente.sources.simulator.vocabulary import BRANDS, FLAVOURS, PACKS, SEGMENT_SYNONYMS

if TYPE_CHECKING:
    from afluente.sources.simulator.render import Ints, Mask

PRODUCTS_FILE = "produtos.csv"
PACK_WEIGHTS = (60, 25, 12, 3)
GTIN_PREFIX = 789_000_000_000


@dataclass(frozen=True, slots=True)
class Products:
    """What orders need to know of the catalogue: list price, weight in sales, and whether the row is rejected."""

    file: SimulatedFile
    cents: Ints
    sales_weights: Ints
    rejected: Mask


def product_codes(numbers: Ints) -> pa.Array:
    return render.join("PRD-", render.digits(numbers, 6))


def simulate_products(simulation: Simulation) -> Products:
    """The catalogue, the same for a seed whatever the number of orders."""
    rng = simulation.random("produtos")
    count = PRODUCT_ROWS
    brand = np.arange(count) % len(BRANDS)
    pack = weighted(rng, PACK_WEIGHTS, count)
    segments = tuple(SEGMENT_SYNONYMS)
    segment = np.array([segments.index(item.segment) for item in BRANDS])[brand]
    flavour = rng.integers(0, 1 << 30, count) % np.array([len(FLAVOURS[name]) for name in segments])[segment]
    cents = np.array([item.cents for item in BRANDS])[brand] * np.array([times for _, times in PACKS])[pack]
    cents += rng.integers(0, 20, count) * 10
    weights = np.array([item.share for item in BRANDS])[brand] * np.array(PACK_WEIGHTS)[pack]
    is_active = rng.random(count) < 0.95
    names = [
        f"{BRANDS[b].name} {FLAVOURS[segments[s]][f]} {PACKS[p][0]}"
        for b, s, f, p in zip(brand, segment, flavour, pack, strict=True)
    ]
    every = np.arange(count)
    updated = (simulation.month_starts()[0] - rng.integers(40, 400, count)) * render.DAY_SECONDS + rng.integers(
        0, render.DAY_SECONDS, count
    )

    sheet = Sheet("produtos", count, rng=rng, shares=simulation.shares)
    code = product_codes(every + 1)
    sheet.add("produto_id", code, code, {"codigo_em_minusculas": lower(code)})
    gtin = render.gtin_numbers(GTIN_PREFIX + rng.permutation(900_000)[:count])
    wrong = gtin // 10 * 10 + (gtin % 10 + rng.integers(1, 10, count)) % 10
    barcode = render.digits(gtin, 13)
    sheet.add("codigo_barras", barcode, barcode, {"digito_falso": Spoil(lambda rows: render.digits(wrong[rows], 13))})
    name = pa.array(names)
    sheet.add("nome", name, name, {"utf8_dobrado": twice_encoded(names, every), "espacos": padded(rng, name)})
    brand_name = render.pick([item.name for item in BRANDS], brand)
    sheet.add("marca", brand_name, brand_name, {"caixa": mixed(rng, upper(brand_name), lower(brand_name))})
    segment_name = render.pick(segments, segment)
    sheet.add("segmento", segment_name, segment_name, {"sinonimo": variants(rng, segments, SEGMENT_SYNONYMS, segment)})
    price_spoils = {
        "moeda": Spoil(lambda rows: render.money_written(cents[rows])),
        "sentinela": words(rng, "0", "-1", "NULL"),
    }
    sheet.add("preco_tabela", render.money_plain(cents), render.money_true(cents), price_spoils)
    active = render.pick(("não", "sim"), is_active.astype(np.int64))
    sheet.add("ativo", active, pa.array(is_active), {"sinonimo": yes_or_no(rng, is_active)})
    true_updated = pa.array((updated - LOCAL_OFFSET_SECONDS) * 1_000_000).cast(pa.timestamp("us", "UTC"))
    sheet.add("atualizado_em", render.moments(updated, "%Y-%m-%d"), true_updated)

    older_price = cents * 9 // 10
    older = {
        "preco_tabela": Spoil(lambda rows: render.money_plain(older_price[rows])),
        "atualizado_em": Spoil(lambda rows: render.moments(updated[rows] - 30 * render.DAY_SECONDS, "%Y-%m-%d")),
    }
    return Products(sheet.finish(PRODUCTS_FILE, older), cents, weights, sheet.rejected)
