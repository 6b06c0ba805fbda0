"""One mistake in a right product: its code, its line, its hint, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from afluente.project.known import Known
from afluente.project.load import check_project
from afluente.project.yaml_cache import CACHE_FILE
from tests.unit.project.conftest import FILES
from tests.unit.project.one_mistake import Mistake
from tests.unit.project.product_files import PRODUCT_FILES

P, A = "products/marca.yaml", "products/irma.yaml"
D, T, R, F = (
    "contracts/vendas_dia.odcs.yaml",
    "contracts/total.odcs.yaml",
    "contracts/perfil.odcs.yaml",
    "models/fato.sql",
)
KNOWN = Known(connectors=("files", "postgres"), deliveries=("api", "email", "folder", "sftp"))
SECRET = "izI32-vwq5-pPv1-Hr68"  # noqa: S105  a canary that must be told nowhere


MISTAKES = {
    "unknown_key": Mistake(P, "owner:", "ower:", "project.unknown_key", "ower:", "'owner'"),
    "owner_missing": Mistake(P, "owner: dados@example.com\n", "", "project.missing_key", "product:", "owner:"),
    "title_missing": Mistake(P, "title: Vendas da marca\n", "", "project.missing_key", "product:", "title:"),
    "purpose_empty": Mistake(A, "purpose: O mesmo.", "purpose:", "project.missing_key", "product:", "purpose:"),
    "version_missing": Mistake(A, 'version: "1.0.0"\n', "", "project.missing_key", "product:", "version:"),
    "product_missing": Mistake(P, "product: vendas_marca\n", "", "project.missing_key", "title:", "product:"),
    "product_name": Mistake(P, "product: vendas_marca", "product: Vendas!", "project.name", "product:", "lower-case"),
    "product_twice": Mistake(
        A, "product: vendas_irma", "product: vendas_marca", "product.duplicate_name", "product:", "rename", P
    ),
    "partner_name": Mistake(P, "partner: marca", "partner: ../marca", "project.name", "partner:", "lower-case"),
    "legal_basis": Mistake(
        P, "legitimate_interest", "legitimate_intrest", "project.wrong_value", "legal_basis", "'legitimate_interest'"
    ),
    "legal_basis_missing": Mistake(
        A, "legal_basis: contract\n", "", "project.missing_key", "product:", "legitimate_interest"
    ),
    "cron": Mistake(P, "0 8 * * *", "0 25 * * *", "project.cron", "cron:", "minute hour"),
    "ally_unknown": Mistake(P, "[irma]", "[irmã_x, irma]", "project.name", "allies", "lower-case"),
    "ally_self": Mistake(P, "[irma]", "[irma, marca]", "product.allies", "allies", "leave it out"),
    "ally_without_product": Mistake(P, "[irma]", "[imra]", "product.unknown_ally", "product:", "'irma'"),
    "retention_key": Mistake(
        P, "release_days:", "releases_days:", "project.unknown_key", "retention", "'release_days'"
    ),
    "retention_negative": Mistake(P, "key_days: 365", "key_days: -1", "project.wrong_value", "retention", ""),
    "signing_key_literal": Mistake(
        P, "secret:file:chaves/assinatura", SECRET, "project.literal_secret", "signing_key", "secret:env"
    ),
    "signing_key_reference": Mistake(
        P, "secret:file:chaves/assinatura", "secret:fil:x", "project.secret_reference", "signing_key", "secret:keyring"
    ),
    "signing_key_list": Mistake(
        P, "secret:file:chaves/assinatura", "{a: b}", "project.wrong_type", "signing_key", "secret:env"
    ),
    "privacy_key": Mistake(P, "p_percent", "p_percnt", "project.unknown_key", "p_percnt", "'p_percent'"),
    "persons_few": Mistake(P, "minimum_persons: 5", "minimum_persons: 2", "project.wrong_value", "minimum_persons", ""),
    "competitors_few": Mistake(
        P, "minimum_competitors: 3", "minimum_competitors: 1", "project.wrong_value", "minimum_comp", ""
    ),
    "p_zero": Mistake(P, "p_percent: 10", "p_percent: 0", "project.wrong_value", "p_percent", "p_percent: 10"),
    "protection_much": Mistake(
        P, "protection_percent: 10", "protection_percent: 101", "project.wrong_value", "protection_p", "10"
    ),
    "bands_decrease": Mistake(
        P, "[0.1, 0.2, 0.3]", "[0.1, 0.3, 0.2]", "product.share_bands", "share_bands", "[0.1, 0.25, 0.5]"
    ),
    "bands_equal": Mistake(P, "[0.1, 0.2, 0.3]", "[0.1, 0.1, 0.2]", "product.share_bands", "share_bands", "above"),
    "bands_ends": Mistake(P, "[0.1, 0.2, 0.3]", "[0, 0.2]", "product.share_bands", "share_bands", "ends"),
    "bands_text": Mistake(P, "[0.1, 0.2, 0.3]", "dez", "project.wrong_type", "share_bands", "[0.1"),
    "pseudonym_literal": Mistake(
        P, "secret:env:CHAVE", SECRET, "project.literal_secret", "pseudonym_key", "secret:env"
    ),
    "pseudonym_key_missing": Mistake(
        P, "  pseudonym_key: secret:env:CHAVE\n", "", "product.no_pseudonym_key", "pseudonyms:", "pseudonym_key"
    ),
    "outputs_empty": Mistake(A, A, "product: a\noutputs: []\n", "product.no_outputs", "outputs:", ""),
    "generalise_twice": Mistake(
        P,
        "{column: cep, keep: 5}",
        "{column: nascimento, truncate: month}",
        "product.conflict",
        "truncate: year",
        "keep",
    ),
    "output_name_twice": Mistake(
        P,
        "name: perfil\n",
        "name: vendas_dia\n",
        "product.duplicate_name",
        "  - name: vendas_dia\n    facts: gold.perfis\n    contract: release.perfil",
        "rename",
    ),
    "output_key": Mistake(P, "    dimensions:", "    dimension:", "project.unknown_key", "dimension:", "'dimensions'"),
    "facts_unknown": Mistake(A, "gold.fato", "gold.fatos", "project.unknown_table", "facts:", "'gold.fato'"),
    "facts_layer": Mistake(A, "gold.fato", "bronze.clientes", "project.table_layer", "facts:", "gold.clientes"),
    "facts_missing": Mistake(A, "    facts: gold.fato\n", "", "project.missing_key", "  - name: total", "gold.NAME"),
    "contract_unknown": Mistake(
        A, "release.total", "release.totl", "product.unknown_contract", "contract:", "'release.total'"
    ),
    "contract_layer": Mistake(
        A, "release.total", "gold.total", "project.table_layer", "contract: gold", "release.total"
    ),
    "format_unknown": Mistake(
        P, "[csv, parquet]\n", "[csv, parket, parquet]\n", "product.unknown_format", "parket", "'parquet'"
    ),
    "period_column": Mistake(
        P, "{column: pedido_em,", "{column: pedido,", "project.unknown_column", "period:", "'pedido_em'"
    ),
    "period_not_time": Mistake(P, "{column: pedido_em,", "{column: uf,", "product.type", "period:", ""),
    "period_grain": Mistake(P, "grain: day", "grain: hour", "project.wrong_value", "period:", "day"),
    "period_dimension": Mistake(
        P, "[produto_id, marca]", "[produto_id, marca, pedido_em]", "product.period", "dimensions", "never an hour"
    ),
    "place_column": Mistake(P, "[municipio, uf]", "[municipio, estado]", "project.unknown_column", "place:", "known"),
    "label_column": Mistake(
        P, "{cidade: municipio,", "{cidad: municipio,", "project.unknown_column", "labels:", "'cidade'"
    ),
    "label_of_nothing": Mistake(
        P, "{cidade: municipio,", "{cidade: municpio,", "product.label", "labels:", "'municipio'"
    ),
    "dimension_column": Mistake(
        P, "[produto_id, marca]", "[produto_id, marka]", "project.unknown_column", "dimensions", "'marca'"
    ),
    "dimension_twice": Mistake(
        P,
        "[produto_id, marca]",
        "[produto_id, marca, uf]",
        "product.duplicate_column",
        "  - name: vendas_dia",
        "rename",
    ),
    "dimension_cpf": Mistake(
        P, "[produto_id, marca]", "[produto_id, marca, cpf]", "product.direct_identifier", "dimensions", "never leaves"
    ),
    "dimension_person": Mistake(
        P, "[produto_id, marca]", "[produto_id, marca, cliente_id]", "product.person", "dimensions", "only counted"
    ),
    "label_cpf": Mistake(
        P, "produto: produto_id}", "cpf: produto_id}", "product.direct_identifier", "labels:", "never leaves"
    ),
    "person_missing": Mistake(A, "    person: cliente_id\n", "", "product.no_person", "  - name: total", "cliente_id"),
    "person_none": Mistake(
        A, "person: cliente_id", "person: none", "product.no_person", "person:", "person: the column"
    ),
    "person_column": Mistake(
        A, "person: cliente_id", "person: client_id", "project.unknown_column", "person:", "'cliente_id'"
    ),
    "measure_column": Mistake(
        P, "sum: quantidade", "sum: quantdade", "project.unknown_column", "unidades,", "'quantidade'"
    ),
    "measure_not_number": Mistake(P, "sum: quantidade", "sum: produto", "product.type", "unidades,", ""),
    "measure_two_kinds": Mistake(
        P, "sum: quantidade}", "sum: quantidade, count: true}", "product.measure", "unidades,", "ratio"
    ),
    "measure_no_kind": Mistake(P, ", count: true}", "}", "product.measure", "{name: pedidos", "count: true"),
    "measure_unknown_kind": Mistake(P, "count: true", "avg: valor", "project.unknown_key", "avg", "sum"),
    "measure_count": Mistake(P, "count: true", "count: valor", "project.wrong_type", "pedidos", "distinct"),
    "measure_name_twice": Mistake(
        P, "{name: pedidos,", "{name: clientes,", "product.duplicate_name", "{name: clientes, count", "rename"
    ),
    "measures_missing": Mistake(
        A, "    measures: [{name: receita, sum: valor}]\n", "", "project.missing_key", "  - name: total", "measures:"
    ),
    "measures_not_list": Mistake(
        A, "[{name: receita, sum: valor}]", "receita", "project.wrong_type", "measures", "sum: valor"
    ),
    "ratio_name": Mistake(
        P, "[receita, unidades]", "[receitas, unidades]", "product.ratio", "preco_medio", "'receita'"
    ),
    "ratio_of_one": Mistake(P, "[receita, unidades]", "[receita]", "product.ratio", "preco_medio", "ratio:"),
    "segment_column": Mistake(
        P, "{column: segmento,", "{column: segment,", "project.unknown_column", "segment:", "'segmento'"
    ),
    "segment_own": Mistake(P, "own: [Hungry, Ouch]", "own: []", "product.segment", "segment:", "own: ["),
    "segment_measure": Mistake(P, "Ouch], measure: valor", "Ouch], measure: produto", "product.type", "segment:", ""),
    "rows_with_cells": Mistake(
        P, "    pseudonyms:", "    place: [uf]\n    pseudonyms:", "product.conflict", "place: [uf]", "measures"
    ),
    "rows_column": Mistake(
        P, "quantidade, produto]", "quantidade, produtos]", "project.unknown_column", "columns:", "'produto'"
    ),
    "rows_cpf": Mistake(
        P,
        "quantidade, produto]",
        "quantidade, produto, cpf]",
        "product.direct_identifier",
        "columns:",
        "pseudonyms: [cpf]",
    ),
    "rows_without_person": Mistake(P, "    person: cpf\n", "", "product.quasi_identifier", "columns:", "person:"),
    "pseudonym_column": Mistake(
        P,
        "pseudonyms: [cliente_id]",
        "pseudonyms: [cliente_id, cliente]",
        "project.unknown_column",
        "pseudonyms:",
        "'cliente_id'",
    ),
    "generalise_two_ways": Mistake(P, "keep: 5}", "keep: 5, step: 2}", "product.generalise", "{column: cep", "keep"),
    "generalise_no_way": Mistake(P, ", keep: 5}", "}", "product.generalise", "{column: cep", "truncate"),
    "generalise_keep": Mistake(P, "keep: 5}", "keep: 0}", "project.wrong_value", "{column: cep", ""),
    "generalise_truncate": Mistake(
        P, "truncate: year", "truncate: yeer", "project.wrong_value", "nascimento, t", "'year'"
    ),
    "generalise_step": Mistake(P, "step: 10", "step: 0", "project.wrong_value", "step:", ""),
    "generalise_step_of_text": Mistake(P, "keep: 5}", "step: 5}", "product.type", "{column: cep", ""),
    "generalise_column": Mistake(
        P, "{column: cep,", "{column: cpe,", "project.unknown_column", "{column: cpe", "'cep'"
    ),
    "guardrail_kind": Mistake(P, "kind: schema", "kind: schemas", "project.wrong_value", "colunas", "'schema'"),
    "guardrail_breach": Mistake(
        P, "kind: schema, on_breach: hold", "kind: schema, on_breach: stop", "project.wrong_value", "colunas", "hold"
    ),
    "guardrail_option": Mistake(
        P, "max_age_hours", "max_age_hour", "project.unknown_key", "frescos", "'max_age_hours'"
    ),
    "guardrail_needs": Mistake(P, ", max_age_hours: 36", "", "project.missing_key", "frescos", "36"),
    "guardrail_number": Mistake(P, "max_age_hours: 36", "max_age_hours: um dia", "project.wrong_type", "frescos", ""),
    "guardrail_zero": Mistake(P, "max_age_hours: 36", "max_age_hours: 0", "project.wrong_value", "frescos", ""),
    "guardrail_output": Mistake(
        P, "output: vendas_dia, max_c", "output: venda_dia, max_c", "product.unknown_output", "volume,", "'vendas_dia'"
    ),
    "guardrail_measure": Mistake(
        P, "measure: receita, z", "measure: receitas, z", "product.unknown_measure", "estranho", "'receita'"
    ),
    "guardrail_period": Mistake(
        P,
        "output: vendas_dia, measure: receita",
        "output: perfil, measure: receita",
        "product.no_period",
        "estranho",
        "period",
    ),
    "guardrail_twice": Mistake(
        P, "{name: colunas", "{name: volume", "product.duplicate_name", "{name: volume, kind: schema", "rename"
    ),
    "delivery_connector": Mistake(P, "sftp: {", "stfp: {", "product.unknown_connector", "stfp:", "'sftp'"),
    "delivery_two_connectors": Mistake(
        P, "folder: {path: entregas}", "folder: {path: x}, api: {}", "product.connector", "copia", "email"
    ),
    "delivery_no_connector": Mistake(P, " folder: {path: entregas},", "", "product.connector", "copia", "sftp"),
    "delivery_output": Mistake(
        P, "outputs: [perfil]", "outputs: [perfis]", "product.unknown_output", "{name: api", "'perfil'"
    ),
    "delivery_format": Mistake(
        P, "formats: [parquet]}", "formats: [xlsx]}", "product.unknown_format", "copia", "known: csv"
    ),
    "delivery_format_of_output": Mistake(
        P, "outputs: [perfil]", "outputs: [perfil], formats: [parquet]", "product.unknown_format", "{name: api", "csv"
    ),
    "delivery_twice": Mistake(
        P, "{name: copia", "{name: api", "product.duplicate_name", "{name: api, folder", "rename"
    ),
    "delivery_name": Mistake(P, "{name: copia", "{name: Cópia", "project.name", "Cópia", "lower-case"),
    "delivery_secret": Mistake(
        P, "secret:env:TOKEN", SECRET, "project.literal_secret", "{name: api", "secret:env:TOKEN"
    ),
    "delivery_private_key": Mistake(
        P, "secret:file:chaves/sftp", SECRET, "project.literal_secret", "arquivos", "secret:env"
    ),
    "delivery_password_in_url": Mistake(
        P, "https://api", f"https://u:{SECRET}@api", "project.literal_secret", "{name: api", "secret:env"
    ),
    "delivery_options": Mistake(P, "folder: {path: entregas}", "folder: entregas", "project.wrong_type", "copia", ""),
    "variable_missing": Mistake(
        P, "path: entregas", 'path: "${env:SAIDA}"', "project.variable_missing", "copia", "set it"
    ),
    "contract_lacks_column": Mistake(
        D,
        "{name: pedidos,",
        "{name: pedido,",
        "product.contract_columns",
        "contract: release.vendas_dia",
        "'pedido'",
        P,
    ),
    "contract_lacks_column_of_no_like": Mistake(
        D,
        "      - {name: pedidos, logicalType: integer}\n",
        "",
        "product.contract_columns",
        "contract: release.vendas_dia",
        'add {name: pedidos, logicalType: integer, physicalType: "bigint"}',
        P,
    ),
    "contract_extra_column": Mistake(
        T,
        "      - {name: receita",
        "      - {name: x, logicalType: string}\n      - {name: receita",
        "product.contract_columns",
        "{name: x",
        "receita",
    ),
    "contract_type": Mistake(
        D,
        "{name: dia, logicalType: date}",
        "{name: dia, logicalType: string}",
        "product.contract_type",
        "{name: dia",
        "date",
    ),
    "contract_share": Mistake(
        D,
        "participacao_receita, logicalType: string",
        "participacao_receita, logicalType: number",
        "product.contract_type",
        "participacao",
        "string",
    ),
    "contract_identifier": Mistake(
        T,
        "logicalType: number}",
        "logicalType: number, classification: direct_identifier}",
        "product.direct_identifier",
        "{name: receita",
        "never",
    ),
    "contract_pseudonym": Mistake(
        R, ", classification: quasi_identifier", "", "product.pseudonym_label", "{name: cliente_id", "quasi_identifier"
    ),
    "contract_conformed": Mistake(
        T,
        "    properties:",
        "    customProperties: [{property: from, value: bronze.clientes}]\n    properties:",
        "contract.of_output",
        "customProperties",
        "leave it out",
    ),
    "classification_tightened": Mistake(
        F,
        "{name: marca, type: string}",
        "{name: marca, type: string, classification: direct_identifier}",
        "product.direct_identifier",
        "dimensions:",
        "never",
        P,
    ),
    "rows_beside_cells": Mistake(
        P,
        "facts: gold.perfis",
        "facts: gold.fato",
        "product.rows_and_cells",
        "facts: gold.fato\n    contract: release.perfil",
        "another table",
    ),
    "rows_beside_rows": Mistake(
        P,
        "guardrails:",
        "  - {name: outro, facts: silver.clientes, contract: release.outro, columns: [cpf], pseudonyms: [cliente_id], person: cpf}\nguardrails:",
        "product.rows_joined",
        "  - {name: outro",
        "one output",
    ),
    "contract_unused": Mistake(
        A, "contract: release.total", "contract: release.perfil", "product.unused_contract", "physicalName", "", T
    ),
    "rows_time": Mistake(
        P,
        "quantidade, produto]",
        "quantidade, produto, pedido_em]",
        "product.period",
        "columns:",
        "truncate: day",
    ),
    "yaml": Mistake(P, "allies: [irma]", "allies: [irma", "project.yaml_syntax", "", ""),
    "not_a_product": Mistake(A, A, "- 1\n", "project.wrong_type", "- 1", ""),
}
# Mistakes that make other names wrong too.
ALSO = {
    "rows_beside_rows",
    "contract_unused",
    "contract_unknown",
    "guardrail_period",
    "rows_time",
    "unknown_key",
    "pseudonym_literal",
    "period_grain",
    "guardrail_option",
    "generalise_twice",
    "product_missing",
    "product_name",
    "output_name_twice",
    "output_key",
    "partner_name",
    "ally_unknown",
    "period_column",
    "place_column",
    "label_column",
    "dimension_column",
    "dimension_twice",
    "dimension_cpf",
    "dimension_person",
    "period_dimension",
    "label_cpf",
    "measure_no_kind",
    "measure_unknown_kind",
    "measure_count",
    "measure_two_kinds",
    "measure_name_twice",
    "ratio_of_one",
    "rows_column",
    "rows_cpf",
    "rows_without_person",
    "pseudonym_column",
    "generalise_two_ways",
    "generalise_no_way",
    "generalise_step_of_text",
    "generalise_column",
    "generalise_step",
    "segment_column",
    "segment_measure",
    "measure_column",
    "measure_not_number",
    "contract_lacks_column",
    "product_twice",
    "delivery_twice",
    "outputs_empty",
    "yaml",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is known of the right files, so that each test validates one file only."""
    root = tmp_path_factory.mktemp("right")
    for name, content in {**FILES, **PRODUCT_FILES}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert check_project(root, environment={}, typed_in=root, known=KNOWN) == []
    return (root / CACHE_FILE).read_bytes()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_code_line_and_hint(name: str, write: Callable[..., Path], cache: bytes) -> None:
    mistake = MISTAKES[name]
    files = mistake.made_in(PRODUCT_FILES)
    root = write({**files, CACHE_FILE: cache})

    problems = check_project(root, environment={}, typed_in=root, known=KNOWN)

    mistake.is_told(problems, files, alone=name not in ALSO)
    assert SECRET not in repr(problems)


def test_a_right_product_has_no_mistakes(write: Callable[..., Path]) -> None:
    root = write(PRODUCT_FILES)

    assert check_project(root, environment={}, typed_in=root, known=KNOWN) == []
    assert check_project(root, environment={}, typed_in=root, known=KNOWN) == []
