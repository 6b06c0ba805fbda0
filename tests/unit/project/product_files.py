"""A right product with its facts and contracts, for tests to break in one place."""

from __future__ import annotations

FACTS = """\
/* ---
description: sales
columns:
  - {name: pedido_em, type: timestamp}
  - {name: municipio, type: string}
  - {name: cidade, type: string}
  - {name: uf, type: string}
  - {name: produto_id, type: bigint}
  - {name: produto, type: string}
  - {name: marca, type: string}
  - {name: segmento, type: string}
  - {name: cliente_id, type: string, classification: quasi_identifier}
  - {name: cpf, type: string, classification: direct_identifier}
  - {name: cep, type: string, classification: quasi_identifier}
  - {name: nascimento, type: date, classification: quasi_identifier}
  - {name: quantidade, type: int}
  - {name: valor, type: "decimal(12,2)"}
--- */
SELECT
  atualizado_em AS pedido_em, uf AS municipio, uf AS cidade, uf, cliente_id AS produto_id, uf AS produto, uf AS marca,
  uf AS segmento, CAST(cliente_id AS string) AS cliente_id, cpf, uf AS cep, CAST(atualizado_em AS date) AS nascimento,
  1 AS quantidade, CAST(preco AS decimal(12,2)) AS valor
FROM silver.clientes
"""
PRODUCT = """\
product: vendas_marca
title: Vendas da marca
version: "1.0.0"
partner: marca
allies: [irma]
owner: dados@example.com
purpose: Mostrar à marca suas vendas.
legal_basis: legitimate_interest
cron: "0 8 * * *"
retention: {release_days: 730, key_days: 365}
signing_key: secret:file:chaves/assinatura
privacy:
  minimum_persons: 5
  p_percent: 10
  minimum_competitors: 3
  share_bands: [0.1, 0.2, 0.3]
  protection_percent: 10
  pseudonym_key: secret:env:CHAVE
outputs:
  - name: vendas_dia
    facts: gold.fato
    contract: release.vendas_dia
    formats: [csv, parquet]
    where: "marca IN ('Hungry', 'Ouch')"
    period: {column: pedido_em, grain: day}
    place: [municipio, uf]
    labels: {cidade: municipio, produto: produto_id}
    dimensions: [produto_id, marca]
    person: cliente_id
    measures:
      - {name: unidades, sum: quantidade}
      - {name: receita, sum: valor}
      - {name: clientes, distinct: cliente_id}
      - {name: pedidos, count: true}
      - {name: preco_medio, ratio: [receita, unidades]}
    segment: {column: segmento, entity: marca, own: [Hungry, Ouch], measure: valor}
  - name: perfil
    facts: gold.perfis
    contract: release.perfil
    formats: csv
    columns: [cliente_id, cep, nascimento, quantidade, produto]
    pseudonyms: [cliente_id]
    person: cpf
    generalise:
      - {column: cep, keep: 5}
      - {column: nascimento, truncate: year}
      - {column: quantidade, step: 10}
guardrails:
  - {name: frescos, kind: freshness, on_breach: hold, max_age_hours: 36}
  - {name: volume, kind: volume, on_breach: hold, output: vendas_dia, max_change_percent: 60}
  - {name: colunas, kind: schema, on_breach: hold}
  - {name: estranho, kind: anomaly, on_breach: warn, output: vendas_dia, measure: receita, z: 6}
deliveries:
  - {name: arquivos, sftp: {host: sftp.example.com, port: 22, private_key: "secret:file:chaves/sftp", host_key: "ssh-ed25519 AAAA"}}
  - {name: api, api: {url: "https://api.example.com", auth: {token: "secret:env:TOKEN"}}, outputs: [perfil]}
  - {name: copia, folder: {path: entregas}, formats: [parquet]}
"""
ALLY = """\
product: vendas_irma
title: Vendas da irmã
version: "1.0.0"
partner: irma
owner: dados@example.com
purpose: O mesmo.
legal_basis: contract
outputs:
  - name: total
    facts: gold.fato
    contract: release.total
    person: cliente_id
    measures: [{name: receita, sum: valor}]
"""


def _contract(name: str, columns: dict[str, str]) -> str:
    properties = "\n".join(f"      - {{name: {column}, logicalType: {kind}}}" for column, kind in columns.items())
    return f"""\
apiVersion: v3.1.0
kind: DataContract
id: marca.{name}
version: "1.0.0"
status: active
schema:
  - name: {name}
    physicalName: release.{name}
    properties:
{properties}
"""


DAY = {
    "dia": "date",
    "municipio": "string",
    "uf": "string",
    "nivel_lugar": "string",
    "lugares": "integer",
    "produto_id": "integer",
    "marca": "string",
    "cidade": "string",
    "produto": "string",
    "unidades": "integer",
    "receita": "number",
    "clientes": "integer",
    "pedidos": "integer",
    "preco_medio": "number",
    "participacao_receita": "string",
}
PROFILE = {
    "cliente_id": "string, classification: quasi_identifier",
    "cep": "string",
    "nascimento": "string",
    "quantidade": "integer",
    "produto": "string",
}
PRODUCT_FILES = {
    "models/fato.sql": FACTS,
    "models/perfis.sql": FACTS,
    "products/marca.yaml": PRODUCT,
    "products/irma.yaml": ALLY,
    "contracts/vendas_dia.odcs.yaml": _contract("vendas_dia", DAY),
    "contracts/perfil.odcs.yaml": _contract("perfil", PROFILE),
    "contracts/total.odcs.yaml": _contract("total", {"receita": "number"}),
}
