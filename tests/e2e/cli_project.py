"""A small project for tests of the command line, and the command itself in a process of its own."""

from __future__ import annotations

import io
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable

from afluente.cli.main import main

SETTINGS = """\
name: loja
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
sources:
  pedidos: {connector: files, path: "dados/pedidos*.csv", format: csv, delimiter: ";", into: bronze.pedidos}
"""
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: loja.pedidos
version: "1.0.0"
status: active
schema:
  - name: pedidos
    physicalName: silver.pedidos
    customProperties:
      - {{property: from, value: bronze.pedidos}}
      - {{property: write, value: {write}}}
      - {{property: owner, value: dados@example.com}}
    properties:
      - {{name: pedido, logicalType: integer, required: true, primaryKey: true}}
      - {{name: cpf, logicalType: string, classification: direct_identifier, logicalTypeOptions: {{format: br.cpf}}}}
      - {{name: uf, logicalType: string{partition}}}
      - name: situacao
        logicalType: string
        customProperties:
          - {{property: values, value: [{values}]}}
      - name: valor
        logicalType: number
        physicalType: decimal(18,2)
        customProperties: [{{property: semanticType, value: money}}, {{property: locale, value: pt-BR}}]
"""
MODEL = """\
/* ---
description: Vendas por UF
owner: dados@example.com
columns:
  - {name: uf, type: string}
  - {name: pedidos, type: bigint}
  - {name: receita, type: "decimal(18,2)"}
--- */
SELECT uf, count(*) AS pedidos, sum(valor) AS receita
FROM silver.pedidos
GROUP BY uf
"""
CPF = "529.982.247-25"
OLD_VALUES = "entregue, cancelado"
NEW_VALUES = "entregue, cancelado, devolvido"


def make_project(folder: Path, *, write: str = "append", rows: int = 12) -> Path:
    """Every third order is `devolvido`, which OLD_VALUES do not allow."""
    (folder / "contracts").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "dados").mkdir()
    (folder / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "models" / "vendas_uf.sql").write_text(MODEL, encoding="utf-8")
    write_contract(folder, write=write, values=OLD_VALUES)
    write_orders(folder, range(1, rows + 1))
    return folder


def write_contract(folder: Path, *, write: str, values: str) -> None:
    partition = ", partitioned: true, partitionKeyPosition: 1" if write == "replace_partitions" else ""
    text = CONTRACT.format(write=write, values=values, partition=partition)
    (folder / "contracts" / "pedidos.odcs.yaml").write_text(text, encoding="utf-8")


def write_orders(folder: Path, numbers: range, *, name: str = "pedidos.csv") -> None:
    lines = ["pedido;cpf;uf;situacao;valor"]
    for n in numbers:
        lines.append(f"{n};{CPF};{'SP' if n % 2 else 'RJ'};{'devolvido' if n % 3 == 0 else 'entregue'};R$ {n},50")
    (folder / "dados" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    returncode: int
    stdout: str
    stderr: str


def afluente(folder: Path, *words: str) -> Ended:
    """The command's own entry point, run in this process on a project."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(["-C", str(folder), *words])
        except SystemExit as end:
            status = int(end.code or 0)
    return Ended(status, out.getvalue(), err.getvalue())


def process(folder: Path, *words: str) -> list[str]:
    """The words that start the command in a process of its own."""
    return [sys.executable, "-m", "afluente.cli.main", "-C", str(folder), *words]


def rows_of(folder: Path, layer: str, name: str) -> list[dict[str, object]]:
    return DeltaTable(str(folder / "lake" / layer / name)).to_pyarrow_table().to_pylist()


def orders(folder: Path) -> Counter[object]:
    """How often each order stands in silver."""
    return Counter(row["pedido"] for row in rows_of(folder, "silver", "pedidos"))


def waiting(folder: Path) -> list[str]:
    """The orders that wait in quarantine."""
    found = rows_of(folder, "quarantine", "pedidos")
    return sorted((str(row["pedido"]) for row in found if row["replayed_at"] is None), key=int)
