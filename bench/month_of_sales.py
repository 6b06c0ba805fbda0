"""A month of one row a sale, as a gold table of a project of its own, and a product of a day's and a month's outputs.

Invariant: rows and seed decide every value. A few large cities have most sales, most of a thousand cities have few.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.lake import Lake
from afluente.project.contract import Column, Contract
from afluente.project.output_columns import output_columns
from afluente.project.product import Measure, Output, PrivacyPolicy, Product, Segment

FACTS = TableName("gold", "vendas_fato")
MONTH = (date(2026, 3, 1), date(2026, 3, 31))
BRANDS = ("Hungry", "Ouch", "Quarta", "Quinta", "Sexta", "Oitava")
SEGMENTS = ("refrigerante", "salgadinho")
CITIES, STATES, PRODUCTS, PERSONS_OF_CITY = 1000, 27, 60, 40_000
CHUNK_ROWS = 500_000
PLACE = Place("products/vendas.yaml")
SCHEMA = pa.schema(
    [
        ("dia", pa.date32()),
        ("municipio", pa.string()),
        ("cidade", pa.string()),
        ("uf", pa.string()),
        ("produto_id", pa.string()),
        ("marca", pa.string()),
        ("segmento", pa.string()),
        ("cliente_id", pa.string()),
        ("quantidade", pa.int64()),
        ("valor", pa.decimal128(18, 2)),
    ]
)
TYPES = {
    **dict.fromkeys(("municipio", "cidade", "uf", "marca", "segmento"), "string"),
    "quantidade": "bigint",
    "valor": "decimal(18,2)",
}
SETTINGS = """name: vendas
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
"""
MEASURES = (
    Measure("unidades", "sum", PLACE, column="quantidade"),
    Measure("receita", "sum", PLACE, column="valor"),
    Measure("clientes", "distinct", PLACE, column="cliente_id"),
    Measure("preco_medio", "ratio", PLACE, numerator="receita", denominator="unidades"),
)


def project(root: Path, *, rows: int, seed: int) -> Path:
    """The folder of a project whose facts have so many sales, made the first time it is asked for."""
    folder = root / f"month-of-sales-s{seed}-{rows}"
    if folder.exists():
        return folder
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (unfinished / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
    lake = Lake(str(unfinished / "lake"), project_name="vendas")
    random = np.random.default_rng(seed)
    chunks = (_sales(random, min(CHUNK_ROWS, rows - first)) for first in range(0, rows, CHUNK_ROWS))
    files = lake.write_batches(FACTS, SCHEMA, chunks)
    lake.commit(lake.plan(FACTS, None, "create", files, schema=SCHEMA, app_id="bench", app_version=1))
    return unfinished.rename(folder)


def product() -> Product:
    """By day and by month, the month with the partner's share."""
    segment = Segment("segmento", "marca", BRANDS[:2], "valor", PLACE)
    return Product(
        name="vendas",
        title="Vendas",
        version="1.0.0",
        partner="marca",
        owner="dados",
        purpose="medir",
        legal_basis="legitimate_interest",
        outputs=(_output("vendas_dia", segment=None), _output("vendas_mes", segment=segment)),
        privacy=PrivacyPolicy(PLACE),
        place=PLACE,
        text_sha256="",
    )


def contract_of(output: Output) -> Contract:
    columns = tuple(
        Column(name, "string", "", PLACE, physical_type=kind) for name, kind in output_columns(output, TYPES)
    )
    return Contract(output.name, "1.0.0", FACTS, columns, PLACE, "")


def _output(name: str, *, segment: Segment | None) -> Output:
    return Output(
        name=name,
        facts=FACTS,
        contract=f"release.{name}",
        place=PLACE,
        where="marca IN ('Hungry', 'Ouch')",
        period_column="dia",
        grain="month" if segment else "day",
        places=("municipio", "uf"),
        dimensions=("marca", "segmento"),
        labels={"cidade": "municipio"},
        person="cliente_id",
        measures=MEASURES,
        segment=segment,
    )


def _sales(random: np.random.Generator, count: int) -> pa.RecordBatch:
    city = np.minimum((random.pareto(0.9, count) * 3).astype(np.int64), CITIES - 1)
    item = random.integers(0, PRODUCTS, count)
    quantity = random.integers(1, 5, count)
    cents = quantity * random.integers(500, 5000, count)
    person = city * PERSONS_OF_CITY + random.integers(0, PERSONS_OF_CITY, count)
    first = (MONTH[0] - date(1970, 1, 1)).days
    days = (first + random.integers(0, 31, count)).astype(np.int32)
    columns = [
        pa.array(days).cast(pa.date32()),
        _named([f"{number:07}" for number in range(CITIES)], city),
        _named([f"Cidade {number}" for number in range(CITIES)], city),
        _named([f"U{number:02}" for number in range(STATES)], city % STATES),
        _named([f"P{number:03}" for number in range(PRODUCTS)], item),
        _named(BRANDS, item % len(BRANDS)),
        _named(SEGMENTS, item // len(BRANDS) % len(SEGMENTS)),
        pa.array(np.char.mod("c%09d", person)),
        pa.array(quantity),
        pa.array(cents).cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)).cast(pa.decimal128(18, 2)),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _named(names: list[str] | tuple[str, ...], codes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(codes))
