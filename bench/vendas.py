"""The bronze table of dirty sales that every benchmark of the river reads: seeded, in files of a million rows.

All source columns are text. 5% of the CPFs fail their check digits and 3% lost leading zeros; every other column has
1 to 3% of bad values and 1% of nulls; one row in twenty repeats the id of another, with another `updated_at`.
Invariant: rows, seed and GENERATOR_VERSION decide every byte of every value; a row depends on nothing but its
chunk, so memory does not grow with the number of rows.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.municipalities import MUNICIPALITIES
from bench.text_columns import (
    ZERO,
    Bytes,
    Longs,
    Mask,
    digits,
    fill,
    from_words,
    glue,
    spoil,
    text,
    with_nulls,
)

GENERATOR_VERSION = 1
CHUNK_ROWS = 1_000_000
NULL_SHARE = 0.01
_ID_PRIME = 2_147_483_647
_ID_FACTOR = 1_103_515_245
_REPEAT_EVERY = 20
_EPOCH_SECONDS = 1_704_067_200
_SPAN_SECONDS = 78_000_000
_FIRST_DAY = np.datetime64("2023-01-01", "D")
_DAYS = 1276
_DDDS = (11, 19, 21, 27, 31, 41, 47, 48, 51, 55, 61, 62, 67, 71, 81, 85, 91, 92, 98)
_FIRST_NAMES = "ana bruno carla diego elisa fabio gabriela heitor iara joao karina lucas marina nelson olivia".split()
_LAST_NAMES = "silva souza costa santos oliveira pereira lima carvalho almeida ferreira ribeiro rocha".split()
_DOMAINS = (
    "gmail.com hotmail.com yahoo.com.br uol.com.br Gmail.com EMPRESA.COM.BR bol.com.br terra.com.br outlook.com".split()
)

BRONZE_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in "id cpf cnpj email phone cep preco data cidade produto updated_at _source".split()
        ),
        ("_source_row", pa.int64()),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
        ("_run_id", pa.string()),
    ]
)


def bronze(root: Path, *, rows: int, seed: int = 7) -> Path:
    """The folder of the bronze Delta table of this size, made the first time it is asked for."""
    folder = root / f"vendas-v{GENERATOR_VERSION}-s{seed}-{rows}"
    if folder.exists():
        return folder
    from deltalake import WriterProperties, write_deltalake

    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for chunk, first in enumerate(range(0, rows, CHUNK_ROWS)):
        write_deltalake(
            unfinished,
            rows_of_chunk(
                chunk,
                first=first,
                count=min(CHUNK_ROWS, rows - first),
                rows=rows,
                seed=seed,
            ),
            mode="append",
            target_file_size=1 << 31,
            writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=131_072),
        )
    unfinished.rename(folder)
    return folder


def rows_of_chunk(chunk: int, *, first: int, count: int, rows: int, seed: int) -> pa.Table:
    """Rows `first` to `first + count` of a table of `rows` rows."""
    rng = np.random.default_rng([seed, chunk])
    number = np.arange(first, first + count, dtype=np.int64)
    origin = _origin(number, rows)
    repeats = origin != number
    columns = {
        "id": _id(rng, origin),
        "cpf": _cpf(rng, count),
        "cnpj": _cnpj(rng, count),
        "email": _email(rng, count),
        "phone": _phone(rng, count),
        "cep": _cep(rng, count),
        "preco": _preco(rng, count),
        "data": _data(rng, count),
        "cidade": _cidade(rng, count),
        "produto": _produto(rng, count),
    }
    columns = {name: with_nulls(rng, column, share=NULL_SHARE) for name, column in columns.items()}
    columns["updated_at"] = _updated_at(rng, origin, repeats)
    columns["_source"] = from_words([f"vendas-{chunk:04d}.csv"], np.zeros(count, dtype=np.int64))
    columns["_source_row"] = pa.array(number - first + 1)
    ingested = dt.datetime(2026, 7, 1, 3, 0, tzinfo=dt.UTC)
    columns["_ingested_at"] = pa.repeat(pa.scalar(ingested, BRONZE_SCHEMA.field("_ingested_at").type), count)
    columns["_run_id"] = from_words(["run-0001"], np.zeros(count, dtype=np.int64))
    return pa.table(columns).cast(BRONZE_SCHEMA)


def _scatter(values: Longs) -> Longs:
    """A number between 0 and 2**31 for each value, the same on every machine, without visible order."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(33)).astype(np.int64)


def _origin(number: Longs, rows: int) -> Longs:
    """The row whose id each row carries: itself, or for the last of every twenty another one, no two the same."""
    blocks = rows // _REPEAT_EVERY
    if not blocks:
        return number
    step = next(s for s in range(blocks // 3 + 1, 2 * blocks + 3) if np.gcd(s, blocks) == 1)
    block = number // _REPEAT_EVERY
    target_block = (block * step + 1) % blocks
    target = target_block * _REPEAT_EVERY + _scatter(target_block) % (_REPEAT_EVERY - 1)
    is_repeat = (number % _REPEAT_EVERY == _REPEAT_EVERY - 1) & (block < blocks)
    return np.where(is_repeat, target, number)


def _id(rng: np.random.Generator, origin: Longs) -> pa.Array:
    values = 1 + (origin + 1) * _ID_FACTOR % _ID_PRIME
    return spoil(
        rng,
        pc.cast(pa.array(values), pa.string()),
        bad_share=0.01,
        bad_values=["A12", "12x", "-", "1.5e", "#N/D"],
    )


def _eleven_weights(base: Bytes, weights: list[int]) -> Bytes:
    """Modulo-11 check digits of ASCII bases, by Receita Federal's rule (0 where the rest is below 2)."""
    rest = (base.astype(np.int64) - ZERO) @ np.array(weights, dtype=np.int64) % 11
    return (np.where(rest < 2, 0, 11 - rest) + ZERO).astype(np.uint8)


def _with_check_digits(base: Bytes, weights: list[int], more: list[int]) -> Bytes:
    tenth = _eleven_weights(base, weights)
    base = np.column_stack([base, tenth])
    return np.column_stack([base, _eleven_weights(base, more)])


def _spoil_last_digit(rng: np.random.Generator, number: Bytes, share: float) -> Mask:
    """Move the last check digit of a share of the rows by 1 to 9, in place; says which."""
    hit: Mask = rng.random(len(number)) < share
    moved = (number[:, -1].astype(np.int64) - ZERO + rng.integers(1, 10, len(number))) % 10 + ZERO
    number[:, -1] = np.where(hit, moved, number[:, -1])
    return hit


def _cpf(rng: np.random.Generator, count: int) -> pa.Array:
    base = digits(rng.integers(0, 1_000_000_000, count), 9)
    loses_zeros = rng.random(count) < 0.03
    base[loses_zeros, 0] = ZERO
    number = _with_check_digits(base, list(range(10, 1, -1)), list(range(11, 1, -1)))
    is_false = _spoil_last_digit(rng, number, 0.045)
    equal = rng.random(count) < 0.005
    number[equal] = (rng.integers(0, 10, equal.sum()) + ZERO).astype(np.uint8)[:, None]
    matrix, keep = fill(count, "000.000.000-00")
    matrix[:, [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13]] = number
    formatted = (rng.random(count) < 0.6) & ~loses_zeros
    keep[:, [3, 7, 11]] = formatted[:, None]
    loses = loses_zeros & ~is_false & ~equal
    keep[:, 0] &= ~loses
    keep[:, 1] &= ~(loses & (number[:, 1] == ZERO))
    return text(matrix, keep)


def _cnpj(rng: np.random.Generator, count: int) -> pa.Array:
    root = digits(rng.integers(1, 100_000_000, count), 8)
    branch = digits(np.minimum(rng.geometric(0.6, count), 9999), 4)
    base = np.column_stack([root, branch])
    is_letters = rng.random(count) < 0.06
    letters = rng.integers(ord("A"), ord("Z") + 1, (count, 5)).astype(np.uint8)
    base[:, 2:5] = np.where(is_letters[:, None], letters[:, :3], base[:, 2:5])
    base[:, 8:10] = np.where(is_letters[:, None], letters[:, 3:], base[:, 8:10])
    weights = [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    number = _with_check_digits(base, weights, [6, *weights])
    _spoil_last_digit(rng, number, 0.02)
    is_lower = is_letters & (rng.random(count) < 0.2)
    number = np.where(is_lower[:, None] & (number >= ord("A")), number + 32, number)
    matrix, keep = fill(count, "00.000.000/0000-00")
    matrix[:, [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 16, 17]] = number
    keep[:, [2, 6, 10, 15]] = (rng.random(count) < 0.5)[:, None]
    return text(matrix, keep)


def _email(rng: np.random.Generator, count: int) -> pa.Array:
    first = from_words(_FIRST_NAMES, rng.integers(0, len(_FIRST_NAMES), count))
    last = from_words(_LAST_NAMES, rng.integers(0, len(_LAST_NAMES), count))
    serial = pc.cast(pa.array(rng.integers(0, 100_000, count)), pa.string())
    domain = from_words(_DOMAINS, rng.integers(0, len(_DOMAINS), count))
    good = glue(first, pa.scalar("."), last, serial, pa.scalar("@"), domain)
    kind = rng.random(count)
    broken = [
        glue(first, last, serial, domain),
        glue(first, pa.scalar(".."), last, pa.scalar("@"), domain),
        glue(first, pa.scalar(" "), last, pa.scalar("@"), domain),
        glue(first, serial, pa.scalar("@localhost")),
        glue(first, pa.scalar("@@"), domain),
    ]
    for position, column in enumerate(broken):
        good = pc.if_else(
            pa.array((kind >= position * 0.004) & (kind < (position + 1) * 0.004)),
            column,
            good,
        )
    padded = pa.array(kind > 0.98)
    return pc.if_else(padded, glue(pa.scalar(" "), good, pa.scalar(" ")), good)


def _phone(rng: np.random.Generator, count: int) -> pa.Array:
    ddd = np.array(_DDDS, dtype=np.int64)[rng.integers(0, len(_DDDS), count)]
    is_mobile = rng.random(count) < 0.8
    mobile = 900_000_000 + rng.integers(0, 100_000_000, count)
    landline = rng.integers(20_000_000, 60_000_000, count)
    fault = rng.random(count)
    ddd = np.where(
        fault < 0.008,
        np.array([10, 20, 23, 36, 52, 90], dtype=np.int64)[rng.integers(0, 6, count)],
        ddd,
    )
    mobile = np.where((fault >= 0.008) & (fault < 0.016), mobile - 100_000_000, mobile)
    landline = np.where((fault >= 0.008) & (fault < 0.02), landline + 50_000_000, landline)
    matrix, keep = fill(count, "+55 (00) 000000000-")
    matrix[:, 5:7] = digits(ddd, 2)
    local = np.where(is_mobile[:, None], digits(mobile, 9), digits(landline, 9))
    local[~is_mobile, :-1] = local[~is_mobile, 1:]
    local[~is_mobile, -1] = digits(landline, 1)[~is_mobile, 0]
    cut = 4 + is_mobile.astype(np.int64)
    body = np.where(np.arange(9) < cut[:, None], local, 0)
    matrix[:, 9:18] = body
    shifted = np.zeros((count, 10), dtype=np.uint8)
    where = np.arange(10)
    shifted[:] = np.where(where < cut[:, None], np.pad(local, ((0, 0), (0, 1))), 0)
    after = np.pad(local, ((0, 0), (1, 0)))
    shifted = np.where(where > cut[:, None], after, shifted)
    shifted[np.arange(count), cut] = ord("-")
    matrix[:, 9:19] = shifted
    keep[:, 18] = is_mobile
    style = rng.random(count)
    is_plain = style < 0.4
    keep[:, [3, 4, 7, 8]] = ~is_plain[:, None]
    keep[np.arange(count), 9 + cut] = ~is_plain
    has_country = (style < 0.15) | (style > 0.7)
    keep[:, :4] &= has_country[:, None]
    keep[:, 0] &= style > 0.05
    column = text(matrix, keep)
    return spoil(
        rng,
        column,
        bad_share=0.004,
        bad_values=["0", "999", "nao tem", "(11) ?", "1199999"],
    )


def _cep(rng: np.random.Generator, count: int) -> pa.Array:
    values = rng.integers(1_000_000, 78_900_000, count)
    values = np.where(rng.random(count) < 0.25, rng.integers(79_000_000, 100_000_000, count), values)
    matrix, keep = fill(count, "00000-000")
    matrix[:, [0, 1, 2, 3, 4, 6, 7, 8]] = digits(values, 8)
    keep[:, 5] = rng.random(count) < 0.5
    loses_zero = (values < 10_000_000) & (rng.random(count) < 0.4)
    keep[:, 0] &= ~loses_zero
    return spoil(
        rng,
        text(matrix, keep),
        bad_share=0.02,
        bad_values=["1310", "0", "00000-000", "CEP", "130456789", "12345-67X"],
    )


def _preco(rng: np.random.Generator, count: int) -> pa.Array:
    cents = np.minimum((np.exp(rng.normal(4.6, 1.3, count)) * 100).astype(np.int64) + 1, 999_999_999)
    matrix, keep = fill(count, "R$ 0.000.000,00")
    shown = digits(cents, 9)
    matrix[:, [3, 5, 6, 7, 9, 10, 11, 13, 14]] = shown
    is_grouped = rng.random(count) < 0.9
    for column, least in (
        (3, 100_000_000),
        (5, 10_000_000),
        (6, 1_000_000),
        (7, 100_000),
        (9, 10_000),
        (10, 1_000),
    ):
        keep[:, column] = cents >= least
    keep[:, 4] = (cents >= 100_000_000) & is_grouped
    keep[:, 8] = (cents >= 100_000) & is_grouped
    style = rng.random(count)
    keep[:, 2] = style > 0.1
    keep[:, :3] &= (style > 0.05)[:, None]
    bad = [
        "1,234.56",
        "R$ 12.34",
        "R$ --",
        "gratis",
        "R$ 1.23,45",
        "12,345",
        "R$",
        "1.2345,00",
    ]
    return spoil(rng, text(matrix, keep), bad_share=0.02, bad_values=bad)


def _data(rng: np.random.Generator, count: int) -> pa.Array:
    day = (_FIRST_DAY + rng.integers(0, _DAYS, count)).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = month.astype("datetime64[Y]")
    y = digits(year.astype(np.int64) + 1970, 4)
    m = digits((month - year).astype(np.int64) + 1, 2)
    d = digits((day - month).astype(np.int64) + 1, 2)
    matrix, keep = fill(count, "0000-00-00")
    matrix[:, 0:4], matrix[:, 5:7], matrix[:, 8:10] = y, m, d
    style = rng.random(count)
    keep[:, [4, 7]] = (style < 0.75)[:, None]
    brazilian = style < 0.5
    slashed, _ = fill(count, "00/00/0000")
    slashed[:, 0:2], slashed[:, 3:5], slashed[:, 6:10] = d, m, y
    matrix = np.where(brazilian[:, None], slashed, matrix)
    bad = [
        "31/02/2024",
        "00/00/0000",
        "2025-13-01",
        "20250230",
        "0",
        "-1",
        "NULL",
        "Sigiloso",
        "1/2/24",
        "29/02/2023",
    ]
    return spoil(rng, text(matrix, keep), bad_share=0.02, bad_values=bad)


def _cidade(rng: np.random.Generator, count: int) -> pa.Array:
    weights = 1.0 / np.arange(1, len(MUNICIPALITIES) + 1)
    chosen = rng.choice(len(MUNICIPALITIES), count, p=weights / weights.sum())
    name = from_words(list(MUNICIPALITIES), chosen)
    kind = rng.random(count)
    name = pc.if_else(pa.array(kind < 0.05), glue(pa.scalar("  "), name, pa.scalar(" ")), name)
    return spoil(rng, name, bad_share=0.015, bad_values=["?", "-", "0", "SP", " X "])


def _produto(rng: np.random.Generator, count: int) -> pa.Array:
    product = np.minimum(rng.geometric(0.0005, count), 20_000)
    mixed = _scatter(product)
    matrix, keep = fill(count, "AAA-0000")
    for position in range(3):
        matrix[:, position] = (mixed // 26**position % 26 + ord("A")).astype(np.uint8)
    matrix[:, 4:] = digits(mixed % 10_000, 4)
    lower = rng.random(count) < 0.1
    matrix[:, :3] += (lower.astype(np.uint8) * 32)[:, None]
    return spoil(
        rng,
        text(matrix, keep),
        bad_share=0.02,
        bad_values=["ABC1234", "AB-1234", "ABCD-123", "sem codigo", "ABC-12345"],
    )


def _updated_at(rng: np.random.Generator, origin: Longs, repeats: Mask) -> pa.Array:
    """Instants in UTC. A repeated row has another instant than the row it repeats, and never a missing one."""
    chance = _scatter(origin + 17)
    seconds = _EPOCH_SECONDS + chance % _SPAN_SECONDS
    later = 1 + chance % 864_000
    seconds = np.where(repeats, np.where(chance % 10 < 7, seconds + later, seconds - later), seconds)
    instant = seconds.astype("datetime64[s]")
    day = instant.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = month.astype("datetime64[Y]")
    within = (instant - day).astype(np.int64)
    matrix, keep = fill(len(origin), "0000-00-00T00:00:00Z")
    matrix[:, 0:4] = digits(year.astype(np.int64) + 1970, 4)
    matrix[:, 5:7] = digits((month - year).astype(np.int64) + 1, 2)
    matrix[:, 8:10] = digits((day - month).astype(np.int64) + 1, 2)
    matrix[:, 11:13] = digits(within // 3600, 2)
    matrix[:, 14:16] = digits(within // 60 % 60, 2)
    matrix[:, 17:19] = digits(within % 60, 2)
    good = text(matrix, keep)
    bad = ["0", "ontem", "2025-02-30T10:00:00Z", "2025-01-01T25:00:00Z", "1111"]
    spoiled = with_nulls(rng, spoil(rng, good, bad_share=0.01, bad_values=bad), share=NULL_SHARE)
    return pc.if_else(pa.array(repeats), good, spoiled)
