"""A small shop whose project uses every way of writing: the files that come in, wave by wave, and its tables as rows.

Invariant: no two rows of one key have the same `atualizado_em`, so that what a run must give never depends on the order
in which files came.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

COMMAND = Path(sys.executable).with_name("afluente")
TOLD_APART = frozenset({"_run_id", "_ingested_at", "quarantined_at", "repaired_at", "replayed_at"})
"""Columns that say when and by which run a row came, which no two runs have in common."""

SETTINGS = """
name: loja
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources:
  clientes: {connector: files, path: "dados/clientes*.csv", format: csv, into: bronze.clientes}
  itens: {connector: files, path: "dados/itens*.csv", format: csv, encoding: latin-1, into: bronze.itens}
  precos: {connector: files, path: "dados/precos*.csv", format: csv, into: bronze.precos}
  eventos: {connector: files, path: "dados/eventos*.jsonl", format: jsonl, into: bronze.eventos}
  visitas: {connector: files, path: "dados/visitas*.csv", format: csv, into: bronze.visitas}
"""

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: loja.{name}
version: "1.0.0"
status: active
schema:
  - name: {name}
    physicalName: silver.{name}
    customProperties:
      - {{property: from, value: bronze.{name}}}
"""

CONTRACTS = {
    "clientes": """      - {property: write, value: replace}
      - {property: repairs, value: log}
      - {property: deduplicate, value: {keys: [cliente], keep: latest, by: atualizado_em}}
    properties:
      - {name: cliente, logicalType: integer, physicalType: bigint, primaryKey: true}
      - {name: cpf, logicalType: string, required: true, logicalTypeOptions: {format: br.cpf}}
      - {name: nome, logicalType: string}
      - {name: atualizado_em, logicalType: timestamp, required: true, logicalTypeOptions: {format: "yyyy-MM-dd HH:mm:ss"}}
""",
    "itens": """      - {property: write, value: append}
    properties:
      - {name: pedido, logicalType: integer, physicalType: bigint, required: true}
      - {name: produto, logicalType: string, required: true}
      - {name: dia, logicalType: date, required: true, logicalTypeOptions: {format: dd/MM/yyyy}}
      - name: valor
        logicalType: number
        physicalType: decimal(18,2)
        required: true
        customProperties:
          - {property: semanticType, value: money}
          - {property: locale, value: pt-BR}
""",
    "precos": """      - {property: write, value: upsert}
      - {property: deduplicate, value: {keys: [produto], keep: latest, by: atualizado_em}}
    properties:
      - {name: produto, logicalType: string, primaryKey: true}
      - {name: preco, logicalType: number, physicalType: "decimal(18,2)", required: true}
      - {name: atualizado_em, logicalType: timestamp, required: true, logicalTypeOptions: {format: "yyyy-MM-dd HH:mm:ss"}}
""",
    "eventos": """      - {property: write, value: replace_partitions}
      - {property: delivery, value: file}
    properties:
      - {name: dia, logicalType: date, required: true, partitioned: true, logicalTypeOptions: {format: yyyy-MM-dd}}
      - {name: evento, logicalType: integer, physicalType: bigint, required: true}
      - {name: tipo, logicalType: string, customProperties: [{property: values, value: [visita, compra]}]}
""",
    "visitas": """      - {property: write, value: append}
    properties:
      - {name: visita, logicalType: integer, physicalType: bigint, required: true}
      - name: cliente
        logicalType: integer
        physicalType: bigint
        required: true
        relationships: [{to: silver.clientes.cliente}]
""",
}

MODELS = {
    "vendas_dia": """/* ---
description: Vendas por dia
owner: loja
partition_by: [dia]
incremental: {time_column: dia, source: silver.itens, source_column: dia, lookback: 2}
columns:
  - {name: dia, type: date}
  - {name: itens, type: bigint}
  - {name: receita, type: "decimal(18,2)"}
--- */
SELECT dia, count(*) AS itens, sum(valor) AS receita FROM silver.itens GROUP BY dia
""",
    "produtos": """/* ---
description: Receita ao lado do preço
owner: loja
columns:
  - {name: produto, type: string}
  - {name: preco, type: "decimal(18,2)"}
  - {name: receita, type: "decimal(18,2)"}
--- */
SELECT p.produto, max(p.preco) AS preco, sum(i.valor) AS receita
FROM silver.precos p JOIN silver.itens i ON i.produto = p.produto GROUP BY p.produto
""",
}

EPOCH = datetime(2026, 1, 1)


def make_loja(folder: Path) -> Path:
    """Write the project, without any data."""
    for part in ("contracts", "models", "dados"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "afluente.yaml").write_text(SETTINGS.lstrip(), encoding="utf-8")
    for name, text in CONTRACTS.items():
        (folder / "contracts" / f"{name}.odcs.yaml").write_text(HEAD.format(name=name) + text, encoding="utf-8")
    for name, text in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


class Supply:
    """Makes the shop's files. The same seed gives the same files in the same order."""

    def __init__(self, seed: int, *, rows: int) -> None:
        self._chance = random.Random(seed)
        self._rows = rows
        self._tick = 0
        self._serial = 0

    def wave(self, number: int) -> dict[str, bytes]:
        """New files of every source."""
        names = {"clientes": "csv", "itens": "csv", "precos": "csv", "eventos": "jsonl", "visitas": "csv"}
        return {f"{name}_{number:02}.{ending}": self.file(name) for name, ending in names.items()}

    def file(self, kind: str) -> bytes:
        """One file of a source, a share of its rows dirty."""
        match kind:
            case "clientes":
                rows = [self._client() for _ in range(self._rows)]
                return _csv(["cliente", "cpf", "nome", "atualizado_em"], rows)
            case "itens":
                return _csv(["pedido", "produto", "dia", "valor"], [self._item() for _ in range(self._rows)], "latin-1")
            case "precos":
                rows = [[f"p{self._chance.randrange(60)}", self._price(), self._moment()] for _ in range(self._rows)]
                return _csv(["produto", "preco", "atualizado_em"], rows)
            case "eventos":
                return "".join(f"{self._event()}\n" for _ in range(self._rows)).encode()
            case "visitas":
                rows = [[self._next(), self._chance.randrange(130)] for _ in range(self._rows)]
                return _csv(["visita", "cliente"], rows)
            case _:
                raise ValueError(kind)

    def _client(self) -> list[object]:
        number = self._chance.randrange(120)
        cpf = cpf_of(self._chance.randrange(10**9 if self._chance.random() < 0.7 else 10**7))
        shown = {0: cpf.lstrip("0"), 1: "111.111.111-11"}.get(self._chance.randrange(12), cpf)
        return [number, shown, f"Cliente {self._chance.choice('ABÇ')}", self._moment()]

    def _item(self) -> list[object]:
        day = date(2026, 3, 1) + timedelta(days=self._chance.randrange(12))
        value = (
            "muito"
            if self._chance.random() < 0.05
            else f"R$ {self._chance.randrange(1, 900)},{self._chance.randrange(100):02}"
        )
        return [self._next(), f"p{self._chance.randrange(60)}", f"{day:%d/%m/%Y}", value]

    def _event(self) -> str:
        if self._chance.random() < 0.03:
            return '{"dia": "2026-03-01", "evento": '
        day = date(2026, 3, 1) + timedelta(days=self._chance.randrange(5))
        kind = self._chance.choice(["visita", "compra", "visita", "outro"])
        return json.dumps({"dia": day.isoformat(), "evento": str(self._next()), "tipo": kind})

    def _price(self) -> str:
        return (
            "?" if self._chance.random() < 0.05 else f"{self._chance.randrange(1, 99)}.{self._chance.randrange(100):02}"
        )

    def _moment(self) -> str:
        self._tick += 1
        return str(EPOCH + timedelta(seconds=self._tick))

    def _next(self) -> int:
        self._serial += 1
        return self._serial


def cpf_of(root: int) -> str:
    """The eleven digits that a nine-digit root makes. Source: IN RFB 1.548/2015, the two check digits modulo 11."""
    digits = [int(d) for d in f"{root:09}"]
    for length in (9, 10):
        rest = sum(d * (length + 1 - i) for i, d in enumerate(digits)) * 10 % 11
        digits.append(rest % 10)
    return "".join(map(str, digits))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Bring files into the project's folder of data, each whole or not at all."""
    for name, content in files.items():
        partial = folder / f".{name}.partial"
        partial.write_bytes(content)
        partial.replace(folder / "dados" / name)


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """The command `afluente` in the project, as a process of its own."""
    return subprocess.Popen(
        [str(COMMAND), "-C", str(folder), *(words or ("run",))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | environment,
    )


def finish(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """The same, waited for: exit status, standard output, standard error."""
    process = start(folder, *words, **environment)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def tables(lake: Path) -> dict[str, Counter[str]]:
    """Every table as the multiset of its rows, without the columns that tell runs apart."""
    found = {}
    for log in sorted(lake.glob("*/*/_delta_log")):
        table = log.parent
        found[f"{table.parent.name}.{table.name}"] = rows_of(DeltaTable(str(table)).to_pyarrow_table())
    return found


def rows_of(table: pa.Table) -> Counter[str]:
    kept = sorted(name for name in table.column_names if name not in TOLD_APART)
    return Counter(repr(tuple(row[name] for name in kept)) for row in table.to_pylist())


def assert_equal(ours: Mapping[str, Counter[str]], wanted: Mapping[str, Counter[str]]) -> None:
    """The same tables with the same rows, each as often."""
    assert set(ours) == set(wanted)
    for name, rows in wanted.items():
        lost, doubled = rows - ours[name], ours[name] - rows
        assert not lost and not doubled, (
            f"{name}: {sum(lost.values())} rows lost, {sum(doubled.values())} too many, "
            f"lost {list(lost)[:2]}, too many {list(doubled)[:2]}"
        )
