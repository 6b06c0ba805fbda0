"""One mistake in a right project: its code, its line, its hint, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from afluente.project.known import Known
from afluente.project.load import check_project
from tests.unit.project.one_mistake import Mistake

S, C, E, M = "afluente.yaml", "contracts/clientes.odcs.yaml", "contracts/estados.odcs.yaml", "models/vendas.sql"
KNOWN = Known(formats=("br.cpf", "br.cnpj", "email"), connectors=("files", "postgres", "http"), rules=("freshness",))


MISTAKES = {
    "settings_unknown_key": Mistake(S, "engine:", "engin:", "project.unknown_key", "engin:", "'engine'"),
    "name_missing": Mistake(S, "name: vendas\n", "", "project.missing_key", "timezone", "name: vendas"),
    "name_wrong": Mistake(S, "name: vendas", "name: Vendas do Mês", "project.name", "name:", "lower-case"),
    "timezone_wrong": Mistake(S, "Sao_Paulo", "Sao_Paolo", "project.timezone", "timezone", "America/Sao_Paulo"),
    "lake_scheme": Mistake(S, "lake: lake", "lake: s4://balde", "project.url", "lake:", "s3"),
    "state_scheme": Mistake(S, "sqlite:///", "postgres://", "project.url", "state:", "'postgresql'"),
    "state_not_address": Mistake(S, "sqlite:///.afl", ".afl", "project.url", "state:", "sqlite:///"),
    "engine_unknown": Mistake(S, "{duckdb:", "{duckbd:", "project.unknown_key", "engine", "'duckdb'"),
    "engine_word": Mistake(
        S, "{duckdb: {memory_limit: 2GB, threads: 2}}", "duckd", "project.wrong_value", "engine", "'duckdb'"
    ),
    "engine_spark_address": Mistake(
        S, "{duckdb: {memory_limit: 2GB, threads: 2}}", "{spark: localhost}", "project.url", "engine", "sc://"
    ),
    "memory_without_unit": Mistake(S, "2GB", "2", "project.wrong_value", "engine", "4GB"),
    "threads_text": Mistake(S, "threads: 2", "threads: many", "project.wrong_type", "threads", ""),
    "connector_missing": Mistake(S, "connector: files\n", "x: 1\n", "project.missing_key", "  clientes:", "files"),
    "connector_unknown": Mistake(
        S, "connector: files", "connector: fils", "project.unknown_connector", "fils", "'files'"
    ),
    "into_missing": Mistake(S, "    into: bronze.clientes\n", "", "project.missing_key", "  clientes:", "bronze"),
    "into_layer": Mistake(S, "into: bronze.cli", "into: silver.cli", "project.table_layer", "silver.", "bronze.cli"),
    "into_typo": Mistake(S, "into: bronze.cli", "into: bronse.cli", "project.table_name", "bronse.", "'bronze'"),
    "into_not_name": Mistake(
        S, "[bronze.estados]", "[bronze.estados, bronze.Meus Dados]", "project.table_name", "Meus", "bronze.meus_dados"
    ),
    "source_name": Mistake(S, "  clientes:\n", "  Clientes 1:\n", "project.name", "Clientes 1", "lower-case"),
    "source_not_mapping": Mistake(
        S, "schedules:", "  novo: files\nschedules:", "project.wrong_type", "novo: files", ""
    ),
    "two_sources_of_one_name": Mistake(
        S, "  estados:\n", "  clientes:\n", "project.duplicate_key", "  clientes:\n    connector: postgres", "keep one"
    ),
    "cron_fields": Mistake(S, "0 6 * * *", "0 6 * *", "project.cron", "cron", "minute hour"),
    "cron_range": Mistake(S, "0 6 * * *", "0 25 * * *", "project.cron", "cron", "minute hour"),
    "cron_never": Mistake(S, "0 6 * * *", "0 6 31 2 *", "project.cron", "cron", ""),
    "schedule_table": Mistake(S, "gold.vendas", "gold.venda", "project.unknown_table", "diario:", "'gold.vendas'"),
    "variable_missing": Mistake(
        S, "dados/clientes", "${env:DADOS}/clientes", "project.variable_missing", "${env:DADOS}", "set it"
    ),
    "variable_form": Mistake(S, "dados/cli", "${DADOS}/cli", "project.variable_unknown", "${DADOS}", "${env:NAME}"),
    "secret_literal": Mistake(
        S, "secret:env:DB_PASSWORD", "hunter2", "project.literal_secret", "password", "secret:env:PASSWORD"
    ),
    "secret_variable": Mistake(
        S, "secret:env:DB_PASSWORD", "${env:HOME}", "project.literal_secret", "password", "secret:env:HOME"
    ),
    "secret_kind": Mistake(
        S, "secret:env:DB_PASSWORD", "secret:evn:DB", "project.secret_reference", "password", "secret:keyring"
    ),
    "secret_in_url": Mistake(
        S, "sqlite:///.afluente/state.db", "postgresql://u:hunter2@h/d", "project.literal_secret", "state", "secret:env"
    ),
    "yaml_tab": Mistake(S, "    connector: files", "\tconnector: files", "project.yaml_tab", "\tconnector", "spaces"),
    "yaml_syntax": Mistake(S, "[gold.vendas]", "[gold.vendas", "project.yaml_syntax", "", ""),
    "yaml_colon": Mistake(S, "lake: lake", "lake: a: b", "project.yaml_syntax", "lake: a: b", "quotes"),
    "yaml_tag": Mistake(S, "lake: lake", "lake: !x lake", "project.yaml_tag", "lake: !x", "quote"),
    "yaml_alias": Mistake(S, "lake: lake", "lake: *lake", "project.yaml_alias", "lake: *", "quote"),
    "yaml_merge": Mistake(S, "lake: lake", "<<: {}", "project.yaml_merge", "<<:", "repeat"),
    "yaml_two_documents": Mistake(S, "schedules:", "---\nschedules:", "project.yaml_documents", "---", "one document"),
    "odcs_unknown_key": Mistake(C, "status: active", "statuz: active", "contract.schema", "statuz", ""),
    "odcs_missing_id": Mistake(C, "id: vendas.clientes\n", "", "contract.schema", "apiVersion", "ODCS requires it"),
    "odcs_type": Mistake(C, "required: true", "required: maybe", "contract.schema", "maybe", ""),
    "odcs_version": Mistake(C, "v3.1.0", "v3.0.2", "contract.api_version", "apiVersion", "v3.1.0"),
    "odcs_column_key": Mistake(
        C, "        required: true", "        requird: true", "contract.schema", "requird", "'required'"
    ),
    "table_missing": Mistake(
        C, "    physicalName: silver.clientes\n", "", "project.missing_key", "- name: clientes", "physicalName"
    ),
    "table_layer": Mistake(
        E,
        "physicalName: silver.estados",
        "physicalName: bronze.estados",
        "project.table_layer",
        "physicalName",
        "silver",
    ),
    "custom_unknown": Mistake(
        C, "property: onInvalid", "property: onInvald", "contract.unknown_property", "onInvald", "'onInvalid'"
    ),
    "custom_level": Mistake(
        C,
        "property: locale, value: pt-BR",
        "property: write, value: x",
        "contract.unknown_property",
        "write, value: x",
        "table",
    ),
    "custom_twice": Mistake(
        C,
        "property: onInvalid",
        "property: onMissing",
        "contract.duplicate_property",
        "{property: onMissing, value: quarantine}\n      - name: uf",
        "keep one",
    ),
    "write_mode": Mistake(C, "value: replace}", "value: replce}", "project.wrong_value", "replce", "'replace'"),
    "write_partitions": Mistake(
        C, "value: replace}", "value: replace_partitions}", "contract.write", "replace_partitions", "partitioned"
    ),
    "write_delivery": Mistake(
        C,
        "write, value: replace}",
        "write, value: replace}\n      - {property: delivery, value: file}",
        "contract.write",
        "{property: delivery",
        "replace_partitions",
    ),
    "from_unknown": Mistake(
        C,
        "value: bronze.clientes",
        "value: bronze.cliente",
        "project.unknown_table",
        "value: bronze.cliente",
        "clientes",
    ),
    "from_missing": Mistake(
        E,
        "{property: from, value: bronze.estados}",
        "{property: x-a, value: b}",
        "contract.no_source",
        "physicalName",
        "from",
    ),
    "dedup_key": Mistake(C, "[cliente_id]", "[cliente]", "project.unknown_column", "keys:", "'cliente_id'"),
    "dedup_by": Mistake(C, "by: atualizado_em", "by: atualizado", "project.unknown_column", "keys:", "atualizado_em"),
    "dedup_keep": Mistake(C, "keep: latest", "keep: lastest", "project.wrong_value", "keys:", "'latest'"),
    "dedup_no_by": Mistake(C, ", by: atualizado_em", "", "contract.deduplicate", "keys:", "by:"),
    "format_unknown": Mistake(C, "br.cpf", "br.cfp", "project.unknown_format", "br.cfp", "'br.cpf'"),
    "semantic_type": Mistake(
        C, "logicalTypeOptions: {format: br.cpf}", "semanticType: br.cpf", "contract.schema", "semanticType", ""
    ),
    "logical_type": Mistake(E, "logicalType: string,", "logicalType: strng,", "contract.schema", "strng", "'string'"),
    "logical_type_unsupported": Mistake(
        E, "logicalType: string,", "logicalType: array,", "project.wrong_value", "array", "known"
    ),
    "logical_type_missing": Mistake(E, "logicalType: string, ", "", "project.missing_key", "{name: uf", "one of"),
    "physical_type": Mistake(C, "decimal(18,2)", "decimel(18,2)", "contract.physical_type", "decimel", "'decimal"),
    "physical_unlike": Mistake(C, "decimal(18,2)", "date", "contract.physical_type", "physicalType", "logicalType"),
    "classification": Mistake(
        C, "direct_identifier", "direct_identifer", "project.wrong_value", "identifer", "'direct_identifier'"
    ),
    "on_missing_default": Mistake(
        C, "onMissing, value: quarantine", "onMissing, value: {default: 3}", "contract.wrong_default", "default: 3", ""
    ),
    "on_missing_word": Mistake(
        C,
        "onMissing, value: quarantine",
        "onMissing, value: quarentine",
        "project.wrong_value",
        "quarentine",
        "quarantine",
    ),
    "locale": Mistake(C, "pt-BR", "pt_br", "contract.locale", "pt_br", "pt-BR"),
    "bounds": Mistake(C, "minimum: 0", "minimum: 200", "contract.bounds", "minimum: 200", "swap"),
    "date_pattern": Mistake(C, "dd/MM/yyyy", "DD/MM/yyyy", "contract.date_pattern", "DD/MM", "dd is"),
    "synonym": Mistake(C, "{A: ativa}", "{A: ativo}", "contract.synonym", "{A: ativo}", "'ativa'"),
    "pattern": Mistake(C, "{format: br.cpf}", "{pattern: '[a-z'}", "contract.pattern", "[a-z", ""),
    "column_twice": Mistake(
        C,
        "- name: ativo",
        "- name: uf",
        "contract.duplicate_column",
        "- name: uf\n        logicalType: boolean",
        "keep one",
    ),
    "column_reserved": Mistake(C, "- name: ativo", "- name: _source", "contract.column_name", "_source", "from"),
    "relationship_table": Mistake(C, "estados.uf", "estado.uf", "project.unknown_table", "estado.uf", "silver.estados"),
    "relationship_column": Mistake(C, "estados.uf", "estados.sigla", "project.unknown_column", "estados.sigla", "uf"),
    "reference_table": Mistake(
        C, "table: silver.estados", "table: silver.estadso", "project.unknown_table", "estadso", "silver.estados"
    ),
    "reference_column": Mistake(C, "columns: [uf]", "columns: [u_f]", "project.unknown_column", "columns: [u_f]", "uf"),
    "reference_percent": Mistake(C, "maxPercent: 0.5", "maxPercent: 150", "quality.threshold", "150", "0 to 100"),
    "metric_unknown": Mistake(
        C, "metric: duplicateValues", "metric: duplicatValues", "contract.schema", "duplicatValues", "'duplicateValues'"
    ),
    "metric_properties": Mistake(C, "[cpf]}", "[cfp]}", "project.unknown_column", "[cfp]", "'cpf'"),
    "metric_argument": Mistake(
        C, "{properties: [cpf]}", "{property: [cpf]}", "project.unknown_key", "{property: [", "properties"
    ),
    "operator_none": Mistake(C, ", mustBeGreaterThan: 0}", "}", "quality.operator", "SELECT count", "one of"),
    "operator_two": Mistake(
        C,
        "mustBeGreaterThan: 0}",
        "mustBeGreaterThan: 0, mustBeLessThan: 9}",
        "quality.operator",
        "SELECT count",
        "each",
    ),
    "unit_unknown": Mistake(C, "mustBe: 0}", "mustBe: 0, unit: permille}", "project.wrong_value", "permille", "rows"),
    "severity_unknown": Mistake(
        C, "mustBe: 0}", "mustBe: 0, severity: eror}", "project.wrong_value", "eror", "'error'"
    ),
    "placeholder": Mistake(C, "${table}", "${tabel}", "quality.placeholder", "tabel", "${table}"),
    "engine_of_rule": Mistake(
        C,
        "engine: afluente\n        implementation: {rule: ref",
        "engine: soda\n        implementation: {rule: ref",
        "quality.engine",
        "engine: soda",
        "afluente",
    ),
    "rule_unknown": Mistake(C, "rule: expression", "rule: expresion", "quality.rule", "expresion", "'expression'"),
    "rule_without_sql": Mistake(C, ', sql: "preco > 0"', "", "project.missing_key", "preco_positivo", "sql:"),
    "rule_argument": Mistake(C, 'sql: "preco', 'slq: 1, sql: "preco', "project.unknown_key", "slq", "'sql'"),
    "contract_twice": Mistake(
        E,
        "physicalName: silver.estados",
        "physicalName: silver.clientes",
        "project.duplicate_contract",
        "physicalName",
        "keep",
    ),
    "gold_contract": Mistake(E, "silver.estados", "gold.venda", "project.unknown_table", "gold.venda", "gold.vendas"),
    "model_no_block": Mistake(M, "/* ---", "/*", "model.no_settings", "/*", "begin the file"),
    "model_no_columns": Mistake(M, "columns:", "colums:", "project.unknown_key", "colums", "'columns'"),
    "model_type": Mistake(M, "{name: uf, type: string}", "{name: uf, type: strng}", "model.type", "strng", "'string'"),
    "model_column_twice": Mistake(
        M, "{name: mes,", "{name: uf,", "model.duplicate_column", "{name: uf, type: string}\n  - {name: rec", "keep"
    ),
    "model_partition": Mistake(
        M, "partition_by: [mes]", "partition_by: [mess]", "project.unknown_column", "mess", "'mes'"
    ),
    "model_incremental": Mistake(
        M, "partition_by: [mes]", "partition_by: [uf]", "model.incremental", "time_column", "partition_by: [mes]"
    ),
    "model_source": Mistake(
        M, "source: silver.clientes", "source: silver.cliente", "project.unknown_table", "time_column", "clientes"
    ),
    "model_no_sql": Mistake(
        M,
        "\nSELECT uf, '2026-01' AS mes, sum(preco) AS receita\nFROM silver.clientes GROUP BY uf\n",
        "",
        "model.no_sql",
        "",
        "",
    ),
}
# Mistakes that make other names wrong too.
ALSO = {
    "two_sources_of_one_name",
    "reference_column",
    "metric_argument",
    "contract_twice",
    "gold_contract",
    "model_no_columns",
    "model_column_twice",
    "model_partition",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_code_line_and_hint(
    name: str, write: Callable[..., Path], files: dict[str, str]
) -> None:
    mistake = MISTAKES[name]
    wrong = mistake.made_in(files)
    root = write({mistake.file: wrong[mistake.file]})

    problems = check_project(root, environment={"HOME": "/h"}, typed_in=root, known=KNOWN)

    mistake.is_told(problems, wrong, alone=name not in ALSO)
    assert "hunter2" not in repr(problems)


def test_a_right_project_has_no_mistakes(write: Callable[..., Path]) -> None:
    root = write()

    assert check_project(root, environment={}, typed_in=root, known=KNOWN) == []
    assert check_project(root, environment={}, typed_in=root, known=KNOWN) == []
