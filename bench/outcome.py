"""What a contender of the conform job left behind, in numbers that must be equal for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts and order-free fingerprints of the four tables."""

    silver_rows: int
    silver_fingerprint: str
    revenue: Decimal
    quarantine_rows: int
    quarantine_fingerprint: str
    failures: Mapping[str, int]
    repairs: Mapping[str, int]
    gold_rows: int
    gold_fingerprint: str

    def differences(self, other: Outcome) -> list[str]:
        """The names of what is not equal."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def read_outcome(out: Path) -> Outcome:
    """Measure the Delta tables silver, quarantine, repairs and gold under `out`."""
    import duckdb
    from deltalake import DeltaTable

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")

    def ask(query: str, table: str) -> list[tuple[object, ...]]:
        files = DeltaTable(str(out / table)).file_uris()
        return con.execute(query.replace("$T", "read_parquet($files)"), {"files": files}).fetchall()

    silver = ask(
        "SELECT count(*), sum(hash(id, cpf, cnpj, email, phone, cep, preco, data, cidade, produto, updated_at))::TEXT,"
        " sum(preco) FROM $T",
        "silver",
    )[0]
    quarantine = ask(
        "SELECT count(*), sum(hash(_source, _source_row, id, cpf, cnpj, email, phone, cep, preco, data, cidade,"
        " produto, updated_at,"
        " list_transform(failures, lambda f: f.\"column\" || coalesce(f.value, '∅'))))::TEXT FROM $T",
        "quarantine",
    )[0]
    failures = ask(
        'SELECT f."column", count(*) FROM (SELECT unnest(failures) AS f FROM $T) GROUP BY ALL',
        "quarantine",
    )
    gold = ask(
        "SELECT count(*), sum(hash(mes, cidade, receita::DECIMAL(18, 2), linhas))::TEXT FROM $T",
        "gold",
    )[0]
    return Outcome(
        silver_rows=_whole(silver[0]),
        silver_fingerprint=str(silver[1]),
        revenue=Decimal(str(silver[2])),
        quarantine_rows=_whole(quarantine[0]),
        quarantine_fingerprint=str(quarantine[1]),
        failures={str(column): _whole(count) for column, count in failures},
        repairs={str(rule): _whole(count) for rule, count in ask("SELECT rule, rows FROM $T", "repairs")},
        gold_rows=_whole(gold[0]),
        gold_fingerprint=str(gold[1]),
    )


def _whole(value: object) -> int:
    return int(str(value))
