"""A shop of four people in which one is to be erased, and the search for what is left of them."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from afluente.core.tables import TableName
from afluente.models.graph import tables_read
from afluente.project.load import load_project
from afluente.runs.execute import Runs
from afluente.runs.steps.planning import plan_tables
from afluente.runs.steps.runner import ProjectRunner
from afluente.runs.steps.workspace import Workspace

SQLITE = "sqlite:///.afluente/state.db"
CPF = "52998224725"
SETTINGS = """name: loja
timezone: America/Sao_Paulo
lake: lake
state: "{state}"
engine: duckdb
sources:
  clientes: {{connector: files, path: "{inbox}/clientes*", format: csv, into: bronze.clientes}}
  vendas: {{connector: files, path: "{inbox}/vendas*", format: csv, into: bronze.vendas}}
"""
CLIENTS = """apiVersion: v3.1.0
kind: DataContract
id: loja.clientes
version: "1.0.0"
status: active
schema:
  - name: clientes
    physicalName: silver.clientes
    customProperties:
      - {property: from, value: bronze.clientes}
      - {property: write, value: replace}
      - {property: repairs, value: log}
      - {property: deduplicate, value: {keys: [cliente_id], keep: latest, by: atualizado_em}}
    properties:
      - {name: cliente_id, logicalType: string, primaryKey: true, required: true, classification: quasi_identifier}
      - {name: nome, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: text},
         customProperties: [{property: repairEncoding, value: true}]}
      - {name: cpf, logicalType: string, required: true, unique: true, classification: direct_identifier,
         logicalTypeOptions: {format: br.cpf}}
      - {name: email, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: email},
         customProperties: [{property: onInvalid, value: set_null}]}
      - {name: telefone, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: br.phone},
         customProperties: [{property: onInvalid, value: set_null}]}
      - {name: nascimento, logicalType: date, classification: quasi_identifier,
         customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
      - {name: atualizado_em, logicalType: date, required: true,
         customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
"""
SALES = """apiVersion: v3.1.0
kind: DataContract
id: loja.vendas
version: "1.0.0"
status: active
schema:
  - name: vendas
    physicalName: silver.vendas
    customProperties:
      - {property: from, value: bronze.vendas}
      - {property: write, value: replace}
    properties:
      - {name: venda_id, logicalType: string, primaryKey: true, required: true}
      - {name: cliente_id, logicalType: string, required: true, classification: quasi_identifier}
      - {name: contato, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: text}}
      - {name: dia, logicalType: date, required: true, customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
      - {name: valor, logicalType: integer, physicalType: bigint, required: true}
    quality:
      - {type: custom, engine: afluente, implementation: {rule: references, columns: [cliente_id],
         table: silver.clientes, toColumns: [cliente_id], onInvalid: keep}}
"""
FACTS = """/* ---
description: Vendas com quem comprou
owner: loja
columns:
  - {name: dia, type: date}
  - {name: cliente_id, type: string, classification: quasi_identifier}
  - {name: nome, type: string, classification: direct_identifier}
  - {name: valor, type: bigint}
--- */
SELECT v.dia, v.cliente_id, c.nome, v.valor FROM silver.vendas AS v
LEFT JOIN silver.clientes AS c ON c.cliente_id = v.cliente_id
"""
TOTALS = """/* ---
description: Totais
owner: loja
columns:
  - {name: dia, type: date}
  - {name: clientes, type: bigint}
  - {name: valor, type: bigint}
--- */
SELECT dia, count(DISTINCT cliente_id) AS clientes, CAST(sum(valor) AS BIGINT) AS valor FROM gold.fato GROUP BY dia
"""
CLIENT_HEADER = "cliente_id,nome,cpf,email,telefone,nascimento,atualizado_em"
CLIENT_ROWS = [
    "C-0001,Beatriz Quintela \u00c3\u2030vora,529.982.247-25,bia.quintela@example.com,(11) 98765-4321,1990-05-17,2026-01-01",
    "C-0002,Carlos Prado,111.444.777-35,carlos@example.com,(21) 99876-5432,1985-02-03,2026-01-01",
    "C-0003,Dora Lima,123.456.789-09,dora@example.com,(31) 99654-3210,1979-09-30,2026-01-01",
    "C-0001,Beatriz Quintela,52998224725,bia.quintela@example.com,11987654321,não sei,2026-01-02",
    '"C-0009,Beatriz Quintela;529.982.247-25;sem aspas no fim',
]
OLDER_ROWS = ["C-0001,BEATRIZ QUINTELA,529 982 247 25,BIA.QUINTELA@EXAMPLE.COM,+55 11 98765 4321,1990-05-17,2025-12-01"]
SALE_HEADER = "venda_id,cliente_id,contato,dia,valor"
SALE_ROWS = [
    "V1,C-0001,Beatriz Quintela,2026-01-05,10",
    "V2,C-0002,Carlos Prado,2026-01-05,20",
    "V3,C-0001,Beatriz Quintela,2026-01-06,30",
    "V4,C-0003,Dora Lima,2026-01-06,40",
    "V5,C-0001,Beatriz Quintela,sem dia,50",
]
NOT_LEFT = re.compile(rb"quintela|529\D{0,2}982\D{0,2}247\D{0,2}25|98765\D{0,2}4321|C-0001", re.IGNORECASE)


def make_inbox(folder: Path) -> Path:
    """The files that the sources of the shop send."""
    folder.mkdir()
    (folder / "clientes_antigos.csv.gz").write_bytes(gzip.compress(csv_of(CLIENT_HEADER, OLDER_ROWS)))
    (folder / "clientes.csv").write_bytes(csv_of(CLIENT_HEADER, CLIENT_ROWS))
    (folder / "vendas.csv").write_bytes(csv_of(SALE_HEADER, SALE_ROWS))
    return folder


def csv_of(header: str, rows: list[str]) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


def make_shop(root: Path, inbox: Path, *, state: str = SQLITE) -> Workspace:
    """The project of the shop, opened; the caller closes it."""
    for part in ("contracts", "models"):
        (root / part).mkdir(parents=True)
    (root / "afluente.yaml").write_text(SETTINGS.format(inbox=inbox, state=state), encoding="utf-8")
    (root / "contracts" / "clientes.odcs.yaml").write_text(CLIENTS, encoding="utf-8")
    (root / "contracts" / "vendas.odcs.yaml").write_text(SALES, encoding="utf-8")
    (root / "models" / "fato.sql").write_text(FACTS, encoding="utf-8")
    (root / "models" / "totais.sql").write_text(TOTALS, encoding="utf-8")
    return Workspace(load_project(root, environment={}, typed_in=root), environment={})


def run_shop(workspace: Workspace) -> dict[str, str]:
    """Run the whole project; the status of each step."""
    runs = Runs(
        workspace.state,
        project_root=workspace.project.root,
        pipeline=workspace.project.name,
        runner=ProjectRunner(workspace),
    )
    report = runs.execute(plan_tables(workspace.project, tables_read, ()), engine="duckdb", engine_version="")
    assert report.run.status == "done", [(step.name, step.error_message) for step in report.steps]
    return {step.name: step.status for step in report.steps}


def rows_of(workspace: Workspace, table: str) -> list[dict[str, object]]:
    return workspace.lake.snapshot(TableName.parse(table)).arrow().read_all().to_pylist()


def places_with_the_person(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}: {found.group()!r}"
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for content in readable(path.read_bytes())
        if (found := NOT_LEFT.search(content))
    ]


def readable(content: bytes) -> Iterator[bytes]:
    """The bytes, what they unpack to, and every value of a Parquet file."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield from readable(packed.read(name))
    if content[:4] == b"PAR1":
        yield json.dumps(pq.read_table(pa.BufferReader(content)).to_pylist(), default=str, ensure_ascii=False).encode()
