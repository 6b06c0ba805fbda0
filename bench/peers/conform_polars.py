"""The conform job by hand in Polars: `python -m bench.peers.conform_polars BRONZE OUT`.

FROZEN: ours is tuned against this text, so it changes only to mend a wrong outcome.

One streaming pass feeds both sinks (`collect_all` shares the common plan): ids that come twice are found first from
their column alone, rows with another id go straight to the silver file, and only the rivals are held in memory.

Tried, in CPU seconds a million rows (one machine, other work beside it):
- failures by `concat_list` of structs 6.1 more than without, by offsets and flat values in numpy 0.7 (kept).
- dates by three `to_date` 0.22, by a table of the distinct texts 0.05 (kept).
- an anti-join and a semi-join with the repeated ids, 59 for ten million rows in all; one left join and sinks without
  order 54 (kept).
- check digits by quotients in UInt32 0.006 (kept), in Int64 0.019.
- `to_datetime` without its cache 0.04 (kept), with it 0.07.
- `replace_all` of a class 0.07 (kept), two literal replaces 0.08, `replace_many` 0.08, slices 0.10.
- telephone digits by `replace_many` 0.13, only where there is a parenthesis (kept); by `[^0-9]` 0.22.
- the domain in lower case by `find` and `slice` (kept); `extract` 0.16, `split_exact` 0.07.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from bench.job import ORIGIN_COLUMNS, RULES, SOURCE_COLUMNS

DDD = "1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9]"
PHONE = rf"^(\+?55)? ?\(?({DDD})\)? ?(9[0-9]{{4}}|[2-5][0-9]{{3}})-?[0-9]{{4}}$"
CEP = r"^([1-9][0-9]{3,4}|0[1-9][0-9]{3})-?[0-9]{3}$"
PRICE = r"^(R\$ ?)?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]{1,2})?$"
DATE = r"^([0-9]{2}/[0-9]{2}/[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$"
SILVER = (
    "id",
    "cpf",
    "cnpj",
    "email",
    "phone",
    "cep",
    "preco",
    "data",
    "cidade",
    "produto",
    "updated_at",
)
FAILURE = pl.Struct(dict.fromkeys(("rule", "column", "value", "reason"), pl.String))
RULE_TEXTS = pl.DataFrame(RULES, schema=["rule", "column", "reason"], orient="row")
COLUMN_OF_RULE = np.array([SOURCE_COLUMNS.index(rule.column) for rule in RULES])
CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


def _check_digit(total: pl.Expr) -> pl.Expr:
    return total % 11 * 10 % 11 % 10


def _cpf_total(base: pl.Expr, weights: Sequence[int]) -> pl.Expr:
    """Sum of nine digits times their weights (last digit's first), modulo 11 only.

    With Q(i) = base // 10**i a digit is Q(i) - 10 Q(i+1), and -10 is 1 modulo 11; so the weights become factors
    w(i) + w(i-1) of the Q(i), some of which vanish. The total stays below 2**32.
    """
    total = base * weights[0]
    for power, (before, weight) in enumerate(pairwise(weights), 1):
        if factor := (before + weight) % 11:
            total += base // 10**power * factor
    return total


def _cpf_proved(number: pl.Expr) -> pl.Expr:
    base = (number // 100).cast(pl.UInt32)
    first = _check_digit(_cpf_total(base, range(2, 11)))
    second = _check_digit(_cpf_total(base, range(3, 12)) % 11 + 2 * first)
    return (number % 100 == first * 10 + second) & (number % 11_111_111_111 != 0)


def _cnpj_proved(text: pl.Expr) -> pl.Expr:
    places = [text.cast(pl.Binary).bin.get(i, null_on_oob=True).cast(pl.Int16) - 48 for i in range(14)]
    first = _check_digit(pl.sum_horizontal(p * w for p, w in zip(places, CNPJ_WEIGHTS[1:], strict=False)))
    second = _check_digit(pl.sum_horizontal(p * w for p, w in zip(places, CNPJ_WEIGHTS, strict=False)))
    return (places[12] == first) & (places[13] == second) & (text != "00000000000000")


def _is_given(column: str) -> pl.Expr:
    return pl.col(column) != ""


def parsed(bronze: pl.LazyFrame, days: pl.LazyFrame) -> pl.LazyFrame:
    """Every row with its typed values (as `new_*`), a bit for each rule it fails, and its bronze columns."""
    c = pl.col
    cleaned = bronze.join(days, on="data", how="left", maintain_order="none").with_columns(
        id_t=c("id").str.strip_chars(),
        cpf_c=c("cpf").str.strip_chars().str.replace_all("[.-]", ""),
        new_cnpj=c("cnpj").str.strip_chars().str.replace_all("[./-]", "").str.to_uppercase(),
        email_t=c("email").str.strip_chars(),
        phone_t=c("phone").str.strip_chars(),
        cep_t=c("cep").str.strip_chars(),
        preco_t=c("preco").str.strip_chars(),
        data_t=c("data").str.strip_chars(),
        new_cidade=c("cidade").str.strip_chars(),
        new_produto=c("produto").str.strip_chars().str.to_uppercase(),
        updated_at_t=c("updated_at").str.strip_chars(),
    )
    typed = cleaned.with_columns(
        new_id=pl.when(c("id_t").str.contains("^[0-9]{1,18}$")).then(c("id_t")).cast(pl.Int64),
        cpf_n=pl.when(c("cpf_c").str.contains("^[0-9]{9,11}$")).then(c("cpf_c")).cast(pl.Int64),
        cnpj_ok=c("new_cnpj").str.contains("^[0-9A-Z]{12}[0-9]{2}$") & _cnpj_proved(c("new_cnpj")),
        email_ok=c("email_t").str.contains(r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$")
        & ~c("email_t").str.contains("..", literal=True),
        email_l=c("email_t").str.to_lowercase(),
        phone_ok=c("phone_t").str.contains(PHONE),
        cep_ok=c("cep_t").str.contains(CEP),
        cep_d=c("cep_t").str.replace("-", "", literal=True),
        new_preco=pl.when(c("preco_t").str.contains(PRICE))
        .then(c("preco_t"))
        .str.strip_prefix("R$")
        .str.strip_chars_start(" ")
        .str.replace_all(".", "", literal=True)
        .str.replace(",", ".", literal=True)
        .cast(pl.Decimal(12, 2), strict=False),
        new_updated_at=pl.when(c("updated_at_t").str.len_bytes() == 20)
        .then(c("updated_at_t"))
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us", cache=False)
        .dt.replace_time_zone("UTC"),
    )
    checked = typed.with_columns(
        cpf_ok=_cpf_proved(c("cpf_n")).fill_null(value=False),
        phone_d=pl.when(c("phone_ok") & c("phone_t").str.contains("(", literal=True))
        .then(c("phone_t"))
        .str.replace_many(["+", "(", ")", " ", "-"], [""] * 5),
    ).with_columns(
        phone_d=pl.coalesce(
            "phone_d",
            pl.when("phone_ok").then(c("phone_t").str.replace_all("[ +-]", "")),
        ),
    )
    failed = {
        "id": [
            c("id_t").fill_null("") == "",
            _is_given("id_t") & c("new_id").is_null(),
        ],
        "cpf": [_is_given("cpf_c") & ~c("cpf_ok")],
        "cnpj": [_is_given("new_cnpj") & ~c("cnpj_ok")],
        "email": [_is_given("email_t") & ~c("email_ok")],
        "phone": [_is_given("phone_t") & ~c("phone_ok")],
        "cep": [_is_given("cep_t") & ~c("cep_ok")],
        "preco": [_is_given("preco_t") & c("new_preco").is_null()],
        "data": [_is_given("data_t") & c("new_data").is_null()],
        "cidade": [_is_given("new_cidade") & (c("new_cidade").str.len_chars() < 3)],
        "produto": [_is_given("new_produto") & ~c("new_produto").str.contains("^[A-Z]{3}-[0-9]{4}$")],
        "updated_at": [_is_given("updated_at_t") & c("new_updated_at").is_null()],
    }
    flags = [flag for column in SOURCE_COLUMNS for flag in failed[column]]
    mask = pl.sum_horizontal(flag.fill_null(value=False).cast(pl.UInt16) * (1 << bit) for bit, flag in enumerate(flags))
    at = c("email_t").str.find("@", literal=True)
    return checked.select(
        *SOURCE_COLUMNS,
        *ORIGIN_COLUMNS,
        "new_id",
        "new_preco",
        "new_data",
        "new_updated_at",
        mask=mask,
        cpf_repaired=c("cpf_ok") & (c("cpf_c").str.len_bytes() < 11),
        cep_repaired=c("cep_ok") & (c("cep_d").str.len_bytes() == 7),
        new_cpf=_or_null(c("cpf_c").str.zfill(11), "cpf_c"),
        new_cnpj=_or_null(c("new_cnpj"), "new_cnpj"),
        new_email=pl.when(c("email_l") == c("email_t"))
        .then(_or_null(c("email_t"), "email_t"))
        .otherwise(c("email_t").str.slice(0, at) + c("email_l").str.slice(at)),
        new_phone=pl.when(c("phone_d").str.len_bytes() > 11).then("+" + c("phone_d")).otherwise("+55" + c("phone_d")),
        new_cep=_or_null(c("cep_d").str.zfill(8), "cep_d"),
        new_cidade=_or_null(c("new_cidade"), "new_cidade"),
        new_produto=_or_null(c("new_produto"), "new_produto"),
    )


def _or_null(value: pl.Expr, column: str) -> pl.Expr:
    return pl.when(_is_given(column)).then(value)


def quarantined(rows: pl.LazyFrame) -> pl.LazyFrame:
    bad = rows.filter(pl.col("mask") != 0).select(*SOURCE_COLUMNS, *ORIGIN_COLUMNS, "mask")
    schema = bad.collect_schema()
    del schema["mask"]
    return bad.map_batches(
        _with_failures,
        streamable=True,
        schema=pl.Schema({**schema, "failures": pl.List(FAILURE)}),
    )


def _with_failures(bad: pl.DataFrame) -> pl.DataFrame:
    """Replace the mask by the list of failures, written straight as offsets and flat values."""
    bits = (bad["mask"].to_numpy()[:, None] >> np.arange(len(RULES), dtype=np.uint16) & 1).astype(np.bool_)
    row, bit = np.nonzero(bits)
    offsets = np.zeros(len(bad) + 1, dtype=np.int64)
    np.cumsum(bits.sum(axis=1), out=offsets[1:])
    values = pl.concat([bad[column].rename("value") for column in SOURCE_COLUMNS], rechunk=True)
    flat = RULE_TEXTS[bit].with_columns(value=values.gather(COLUMN_OF_RULE[bit] * len(bad) + row))
    structs = flat.select("rule", "column", "value", "reason").to_struct("failures").to_arrow()
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), structs)
    return bad.drop("mask").with_columns(pl.Series("failures", lists))


def commit(table: Path) -> None:
    """Commit the Parquet files that lie in a folder as a Delta table."""
    files = sorted(table.glob("*.parquet"))
    schema = Schema.from_arrow(pq.read_schema(files[0]))
    now_ms = int(time.time() * 1000)
    actions = [
        AddAction(
            f.name,
            f.stat().st_size,
            {},
            now_ms,
            True,
            f'{{"numRecords": {pq.read_metadata(f).num_rows}}}',
        )
        for f in files
    ]
    create_table_with_add_actions(str(table), schema, actions)


def main(bronze: str, out: str) -> None:
    folder = {name: Path(out) / name for name in ("silver", "quarantine", "repairs", "gold")}
    for path in folder.values():
        path.mkdir(parents=True)
    scan = pl.scan_parquet(DeltaTable(bronze).file_uris())
    days = days_of(scan)
    rows = parsed(scan, days)
    repeated = (
        scan.select(new_id=pl.col("id").str.strip_chars().cast(pl.Int64, strict=False))
        .group_by("new_id")
        .len()
        .filter(pl.col("len") > 1)
        .select("new_id", is_repeated=pl.lit(value=True))
        .collect(engine="streaming")
    )
    good = rows.filter(pl.col("mask") == 0).join(repeated.lazy(), on="new_id", how="left", maintain_order="none")
    single = good.filter(pl.col("is_repeated").is_null())
    several = good.filter("is_repeated")
    typed = [pl.col(f"new_{name}").alias(name) for name in SILVER]
    repairs = rows.select(pl.col("cpf_repaired").sum(), pl.col("cep_repaired").sum())
    _, _, rivals, repair_counts = pl.collect_all(
        [
            single.select(typed).sink_parquet(
                folder["silver"] / "0.parquet",
                compression="snappy",
                maintain_order=False,
                lazy=True,
            ),
            quarantined(rows).sink_parquet(
                folder["quarantine"] / "0.parquet",
                compression="snappy",
                maintain_order=False,
                lazy=True,
            ),
            several.select(typed),
            repairs,
        ],
        engine="streaming",
    )
    latest = rivals.sort("updated_at", descending=True, nulls_last=True).unique("id", keep="first")
    latest.write_parquet(folder["silver"] / "1.parquet", compression="snappy")
    pl.DataFrame({"rule": ["br.cpf", "br.cep"], "rows": list(repair_counts.row(0))}).cast(
        {"rows": pl.Int64}
    ).write_parquet(folder["repairs"] / "0.parquet")
    (
        pl.scan_parquet(folder["silver"] / "*.parquet")
        .group_by("data", "cidade")
        .agg(
            receita=pl.col("preco").sum(),
            precos=pl.col("preco").count(),
            linhas=pl.len(),
        )
        .group_by(mes=pl.col("data").dt.strftime("%Y-%m"), cidade="cidade")
        .agg(pl.col("receita", "precos", "linhas").sum())
        .select(
            "mes",
            "cidade",
            receita=pl.when(pl.col("precos") > 0).then(pl.col("receita").cast(pl.Decimal(18, 2))),
            linhas=pl.col("linhas").cast(pl.Int64),
        )
        .sink_parquet(folder["gold"] / "0.parquet", engine="streaming")
    )
    for path in folder.values():
        commit(path)


def days_of(scan: pl.LazyFrame) -> pl.LazyFrame:
    """Each text found in `data` with its day: few distinct texts, so they are read once each."""
    distinct = scan.select("data").unique().drop_nulls().collect(engine="streaming")
    text = pl.col("data").str.strip_chars()
    return (
        distinct.filter(text.str.contains(DATE))
        .with_columns(
            new_data=pl.coalesce(
                text.str.to_date(f, strict=False, cache=False) for f in ("%d/%m/%Y", "%Y-%m-%d", "%Y%m%d")
            )
        )
        .lazy()
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
