"""A right project in a folder, for tests to break in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SETTINGS = """\
name: vendas
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: {duckdb: {memory_limit: 2GB, threads: 2}}
sources:
  clientes:
    connector: files
    path: "dados/clientes*.csv"
    into: bronze.clientes
  estados:
    connector: postgres
    password: secret:env:DB_PASSWORD
    into: [bronze.estados]
schedules:
  diario:
    cron: "0 6 * * *"
    run: [gold.vendas]
"""
CLIENTES = """\
apiVersion: v3.1.0
kind: DataContract
id: vendas.clientes
version: "1.0.0"
status: active
schema:
  - name: clientes
    physicalName: silver.clientes
    customProperties:
      - {property: from, value: bronze.clientes}
      - {property: write, value: replace}
      - property: deduplicate
        value: {keys: [cliente_id], keep: latest, by: atualizado_em}
    properties:
      - name: cliente_id
        logicalType: integer
        primaryKey: true
      - name: cpf
        logicalType: string
        required: true
        classification: direct_identifier
        logicalTypeOptions: {format: br.cpf}
        customProperties:
          - {property: onInvalid, value: quarantine}
          - {property: onMissing, value: quarantine}
      - name: uf
        logicalType: string
        relationships:
          - to: estados.uf
      - name: preco
        logicalType: number
        physicalType: decimal(18,2)
        logicalTypeOptions: {minimum: 0, maximum: 100}
        customProperties:
          - {property: locale, value: pt-BR}
      - name: ativo
        logicalType: boolean
        customProperties:
          - {property: trueWords, value: [S, sim]}
      - name: situacao
        logicalType: string
        customProperties:
          - {property: values, value: [ativa, inativa]}
          - property: synonyms
            value: {A: ativa}
      - name: atualizado_em
        logicalType: timestamp
        logicalTypeOptions: {format: dd/MM/yyyy HH:mm}
    quality:
      - {type: library, metric: duplicateValues, arguments: {properties: [cpf]}, mustBe: 0}
      - {type: sql, query: "SELECT count(*) FROM ${table}", mustBeGreaterThan: 0}
      - type: custom
        engine: afluente
        implementation: {rule: references, columns: [uf], table: silver.estados, maxPercent: 0.5}
      - type: custom
        engine: afluente
        implementation: {rule: expression, name: preco_positivo, sql: "preco > 0"}
"""
ESTADOS = """\
apiVersion: v3.1.0
kind: DataContract
id: vendas.estados
version: "1.0.0"
status: active
schema:
  - name: estados
    physicalName: silver.estados
    customProperties:
      - {property: from, value: bronze.estados}
    properties:
      - {name: uf, logicalType: string, required: true}
"""
MODEL = """\
/* ---
description: vendas
columns:
  - {name: uf, type: string}
  - {name: mes, type: string}
  - {name: receita, type: "decimal(18,2)"}
partition_by: [mes]
incremental:
  time_column: mes
  source: silver.clientes
--- */

SELECT uf, '2026-01' AS mes, sum(preco) AS receita
FROM silver.clientes GROUP BY uf
"""
FILES = {
    "afluente.yaml": SETTINGS,
    "contracts/clientes.odcs.yaml": CLIENTES,
    "contracts/estados.odcs.yaml": ESTADOS,
    "models/vendas.sql": MODEL,
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the right project with some files replaced, and gives its folder."""

    def write_files(replaced: dict[str, str | bytes] | None = None) -> Path:
        root = tmp_path / "vendas"
        for name, content in {**FILES, **(replaced or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write_files


@pytest.fixture
def files() -> dict[str, str]:
    """The right project's files by their paths."""
    return dict(FILES)
