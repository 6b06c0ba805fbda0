"""One column of text for each semantic type, from the dirty sales, for `bench.benchmarks.validators`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.text_columns import ZERO, digits, text
from bench.vendas import rows_of_chunk

FORMATS = {
    "cpf": "br.cpf",
    "cnpj": "br.cnpj",
    "cns": "br.cns",
    "email": "email",
    "phone": "br.phone",
    "cep": "br.cep",
    "gtin": "gtin",
}


def semantic_values(*, rows: int, seed: int) -> pa.Table:
    """`rows` values a type, without nulls (an empty text in their place), the same for every contender."""
    sales = rows_of_chunk(0, first=0, count=rows, rows=rows, seed=seed)
    rng = np.random.default_rng([seed, 1_000_000])
    columns = {
        name: pc.fill_null(sales[name].combine_chunks(), "") for name in ("cpf", "cnpj", "email", "phone", "cep")
    }
    columns["cns"] = _cns(rng, rows)
    columns["gtin"] = _gtin(rng, rows)
    return pa.table({name: columns[name] for name in FORMATS})


def _cns(rng: np.random.Generator, rows: int) -> pa.Array:
    """Provisional cards (7, 8, 9): the weights 15 to 1 must give a multiple of 11; one in twenty is broken."""
    number = digits(rng.integers(700_000_000_000_000, 1_000_000_000_000_000, rows), 15).astype(np.int64) - ZERO
    number[:, 13:] = 0
    rest = number @ np.arange(15, 0, -1) % 11
    lacking = (11 - rest) % 11
    number[:, 13] = lacking // 2
    number[:, 14] = lacking % 2
    number[:, 14] = (number[:, 14] + (rng.random(rows) < 0.05)) % 10
    matrix = (number + ZERO).astype(np.uint8)
    return text(matrix, np.ones(matrix.shape, dtype=np.bool_))


def _gtin(rng: np.random.Generator, rows: int) -> pa.Array:
    number = digits(rng.integers(789_000_000_000, 790_000_000_000, rows) * 10, 13).astype(np.int64) - ZERO
    weights = np.array([1, 3] * 6)
    number[:, 12] = (10 - number[:, :12] @ weights % 10) % 10
    number[:, 12] = (number[:, 12] + (rng.random(rows) < 0.05)) % 10
    matrix = (number + ZERO).astype(np.uint8)
    return text(matrix, np.ones(matrix.shape, dtype=np.bool_))
