"""A project with one table of sales, a product over it, and gates that can be told what to find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from afluente.core.clock import SetClock
from afluente.core.tables import TableName
from afluente.lake.lake import Lake
from afluente.lake.plan import Commit
from afluente.lake.snapshot import Snapshot
from afluente.products.privacy.gated import CELLS, Finding, GatedOutput, Utility, Visible
from afluente.products.privacy.region import Region, Told
from afluente.products.release.gates import Gates
from afluente.products.release.sshsig import make_key
from afluente.project.load import load_project
from afluente.runs.steps.query import ask
from afluente.runs.steps.workspace import Workspace

FACTS = TableName("gold", "vendas")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("dia", pa.date32()),
        ("cidade", pa.string()),
        ("uf", pa.string()),
        ("marca", pa.string()),
        ("cliente", pa.string()),
        ("quantidade", pa.int64()),
        ("valor", pa.decimal128(12, 2)),
    ]
)
SETTINGS = """name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
"""
MODEL = """/* ---
description: Vendas
owner: banca
columns:
  - {name: dia, type: date}
  - {name: cidade, type: string}
  - {name: uf, type: string}
  - {name: marca, type: string}
  - {name: cliente, type: string}
  - {name: quantidade, type: bigint}
  - {name: valor, type: "decimal(12,2)"}
--- */
SELECT dia, cidade, uf, marca, cliente, quantidade, valor FROM silver.vendas
"""
SILVER = """apiVersion: v3.1.0
kind: DataContract
id: banca.vendas
version: "1.0.0"
status: active
schema:
  - name: vendas
    physicalName: silver.vendas
    customProperties: [{property: from, value: bronze.vendas}, {property: write, value: replace}]
    properties:
      - {name: dia, logicalType: date}
      - {name: cidade, logicalType: string}
      - {name: uf, logicalType: string}
      - {name: marca, logicalType: string}
      - {name: cliente, logicalType: string, classification: direct_identifier}
      - {name: quantidade, logicalType: integer, physicalType: bigint}
      - {name: valor, logicalType: number, physicalType: "decimal(12,2)"}
"""
OUTPUT_CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: banca.{name}
version: "1.0.0"
status: active
schema:
  - name: {name}
    physicalName: release.{name}
    properties:
      - {{name: {period}, logicalType: {type}, required: true, primaryKey: true, primaryKeyPosition: 1}}
      - {{name: cidade, logicalType: string, primaryKey: true, primaryKeyPosition: 2}}
      - {{name: uf, logicalType: string}}
      - {{name: nivel_lugar, logicalType: string, required: true}}
      - {{name: lugares, logicalType: integer, physicalType: bigint, required: true}}
      - {{name: unidades, logicalType: integer, physicalType: bigint}}
      - {{name: receita, logicalType: number, physicalType: "decimal(22,2)"}}
      - {{name: clientes, logicalType: integer, physicalType: bigint}}
    quality:
      - {{name: sem_receita_vazia, type: library, metric: rowCount, mustBeLessThan: {most_rows}}}
"""
OUTPUT = """  - name: {name}
    facts: gold.vendas
    contract: release.{name}
    formats: [{formats}]
    where: "marca = 'Nossa'"
    period: {{column: dia, grain: {grain}}}
    place: [cidade, uf]
    person: cliente
    measures:
      - {{name: unidades, sum: quantidade}}
      - {{name: receita, sum: valor}}
      - {{name: clientes, distinct: cliente}}
"""
PRODUCT = """product: vendas
title: Vendas da marca
version: "1.0.0"
partner: marca
owner: dados@example.com
purpose: Mostrar à marca suas vendas.
legal_basis: legitimate_interest
signing_key: secret:file:chaves/assinatura
privacy: {{minimum_persons: 3}}
outputs:
{outputs}
guardrails: [{guardrails}]
deliveries:
  - {{name: copia, folder: {{path: entregas}}}}
  - {{name: so_mes, folder: {{path: entregas_mes}}, outputs: [vendas_mes]}}
"""
PREFIX = "files/vendas-000001-"


def make_project(root: Path, *, guardrails: str = "", most_rows: int = 1000, settings: str = SETTINGS) -> Path:
    """The files of the project and a table with January and February of 2026, and nine days of March."""
    for folder in ("contracts", "models", "products", "chaves"):
        (root / folder).mkdir(parents=True)
    (root / "afluente.yaml").write_text(
        f"{settings}sources:\n  vendas: {{connector: files, path: v.csv, format: csv, into: bronze.vendas}}\n",
        encoding="utf-8",
    )
    (root / "models" / "vendas.sql").write_text(MODEL, encoding="utf-8")
    (root / "contracts" / "vendas.odcs.yaml").write_text(SILVER, encoding="utf-8")
    write_product(root, guardrails=guardrails, most_rows=most_rows)
    key = root / "chaves" / "assinatura"
    key.write_text(make_key().private, encoding="ascii")
    key.chmod(0o600)
    return root


def write_product(root: Path, *, guardrails: str = "", most_rows: int = 1000) -> None:
    for name, period, kind in (("vendas_dia", "dia", "date"), ("vendas_mes", "mes", "string")):
        text = OUTPUT_CONTRACT.format(name=name, period=period, type=kind, most_rows=most_rows)
        (root / "contracts" / f"{name}.odcs.yaml").write_text(text, encoding="utf-8")
    outputs = OUTPUT.format(name="vendas_dia", formats="csv, parquet", grain="day")
    outputs += OUTPUT.format(name="vendas_mes", formats="csv, jsonl, xlsx", grain="month")
    text = PRODUCT.format(outputs=outputs, guardrails=guardrails)
    (root / "products" / "vendas.yaml").write_text(text, encoding="utf-8")


def open_project(root: Path, *, clock: SetClock | None = None) -> Workspace:
    project = load_project(root, environment={}, typed_in=root)
    return Workspace(project, environment={}, clock=clock or SetClock(NOW))


def sales(first: date = date(2026, 1, 1), last: date = date(2026, 3, 9), *, factor: int = 1) -> pa.Table:
    """Each day: four customers in each of two cities of SP and one of RJ, and one sale of another brand."""
    rows = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        for number in range(4):
            for city, uf in (("campinas", "SP"), ("santos", "SP"), ("niteroi", "RJ")):
                rows.append((day, city, uf, "Nossa", f"{city}{number}", factor + number, Decimal(f"{10 + number}.50")))
        rows.append((day, "campinas", "SP", "Deles", "x", 1, Decimal("9.00")))
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def commit_facts(workspace: Workspace, table: pa.Table) -> None:
    """Replace the facts."""
    lake: Lake = workspace.lake

    def planner(snapshot: Snapshot | None) -> Commit:
        version = snapshot.transaction_version("test") + 1 if snapshot else 1
        files = lake.write_batches(FACTS, SCHEMA, table.to_batches())
        return lake.plan(FACTS, snapshot, "replace", files, schema=SCHEMA, app_id="test", app_version=version)

    lake.write(FACTS, planner)


@dataclass
class ToldGates:
    """Gates that let everything through, tell each row's units, and remember what they were given."""

    findings: Sequence[Finding] = ()
    extra_column: str = ""
    given: list[tuple[str, int]] = field(default_factory=list)

    def cells(self, workspace, product, output, contract, *, at, told, days):  # type: ignore[no-untyped-def]
        self.given.append((output.name, len(told)))
        first, last = days
        period = "dia" if output.grain == "day" else "date_format(dia, 'yyyy-MM')"
        name = "dia" if output.grain == "day" else "mes"
        table = ask(
            workspace,
            f"SELECT {period} AS {name}, cidade, uf, 'cidade' AS nivel_lugar, CAST(1 AS BIGINT) AS lugares, "
            "sum(quantidade) AS unidades, sum(valor) AS receita, count(DISTINCT cliente) AS clientes "
            f"FROM gold.vendas WHERE ({output.where}) AND dia BETWEEN DATE'{first}' AND DATE'{last}' "
            f"GROUP BY {period}, cidade, uf",
            at=at,
        ).read_all()
        if self.extra_column:
            table = table.append_column(self.extra_column, pa.nulls(table.num_rows, pa.string()))
        told_now = tuple(
            Told(
                region=Region(str(output.facts), output.where, first, last, "dia", "cidade", (row["cidade"],)),
                quantity="sum",
                column="quantidade",
                low=float(row["unidades"]),
                high=float(row["unidades"]),
                output=output.name,
                release="",
            )
            for row in table.to_pylist()
        )
        utility = Utility((Visible(CELLS, "cidade", 1.0),), rows=table.num_rows, cells=table.num_rows)
        return GatedOutput(table, told_now, utility, tuple(self.findings))

    def rows(self, workspace, product, output, contract, *, at):  # type: ignore[no-untyped-def]
        raise AssertionError("there is no output of rows")

    def gates(self) -> Gates:
        return Gates(self.cells, self.rows, lambda *_, **__: (), read_told, write_told)


def write_told(path: Path, told: Sequence[Told]) -> None:
    rows = [{"place": one.region.places[0], "low": one.low, "release": one.release} for one in told]
    pq.write_table(
        pa.table({"told": [json.dumps(row) for row in rows]}, schema=pa.schema([("told", pa.string())])), path
    )


def read_told(path: Path, *, position: int) -> tuple[Told, ...]:
    found = []
    for text in pq.read_table(path).column("told").to_pylist():
        row = json.loads(text)
        region = Region("gold.vendas", "", date(2026, 1, 1), date(2026, 1, 1), "dia", "cidade", (row["place"],))
        found.append(Told(region, "sum", "quantidade", row["low"], row["low"], "o", row["release"], position))
    return tuple(found)
