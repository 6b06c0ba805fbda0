"""What a contract's words come to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from afluente.core.errors import Problem
from afluente.core.tables import TableName
from afluente.project.contract import Bounds, Column, Contract, Deduplicate
from afluente.project.load import check_project, load_project

Write = Callable[..., Path]
HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: vendas.estados
version: "1.0.0"
status: active
schema:
  - name: estados
    physicalName: silver.estados
    customProperties:
      - {property: from, value: bronze.estados}
      - {property: missingTokens, value: ["", NULL, 0]}
"""


def contract(write: Write, body: str) -> Contract:
    root = write({"contracts/estados.odcs.yaml": HEAD + body})
    return next(
        one
        for one in load_project(root, environment={}, typed_in=root).contracts
        if one.table == TableName("silver", "estados")
    )


def column(write: Write, *lines: str, native: str = "logicalType: string") -> Column:
    own = "".join(f"          - {line}\n" for line in lines)
    body = f"    properties:\n      - name: uf\n        {native}\n" + (
        f"        customProperties:\n{own}" if own else ""
    )
    return contract(write, body).column("uf")


def problems(write: Write, body: str) -> list[Problem]:
    root = write({"contracts/estados.odcs.yaml": HEAD + body})
    return check_project(root, environment={}, typed_in=root)


def test_a_tables_missing_tokens_are_its_columns_and_a_columns_own_come_first(write: Write) -> None:
    assert column(write).missing_tokens == ("", "NULL", "0")
    assert column(write, "{property: missingTokens, value: [-]}").missing_tokens == ("-",)
    assert column(write, "{property: missingTokens, value: []}").missing_tokens == ()


def test_on_missing_beats_required(write: Write) -> None:
    assert column(write).on_missing == "keep"
    assert column(write, native="logicalType: string\n        required: true").on_missing == "quarantine"
    kept = column(write, "{property: onMissing, value: keep}", native="logicalType: string\n        required: true")
    assert (kept.required, kept.on_missing) == (True, "keep")
    default = column(write, "{property: onMissing, value: {default: SP}}")
    assert (default.on_missing, default.default) == ("default", "SP")


def test_a_number_takes_its_format_from_the_custom_property(write: Write) -> None:
    money = column(
        write,
        "{property: semanticType, value: money}",
        "{property: locale, value: pt-BR}",
        native="logicalType: number\n        physicalType: decimal(12,2)",
    )

    assert (money.format, money.locale, money.physical_type) == ("money", "pt-BR", "decimal(12,2)")


def test_an_integer_format_of_odcs_is_a_type(write: Write) -> None:
    assert (
        column(write, native="logicalType: integer\n        logicalTypeOptions: {format: i64}").physical_type
        == "bigint"
    )


def test_limits_patterns_words_and_options_are_read(write: Write) -> None:
    text = column(
        write,
        "{property: case, value: upper}",
        "{property: repairEncoding, value: true}",
        "{property: options, value: {grau: 2, modo: estrito}}",
        "{property: x-other, value: [1]}",
        "{property: theirs, value: 1, vendor: soda}",
        native="logicalType: string\n        logicalTypeOptions: {pattern: '^[A-Z]+$', minLength: 1, maxLength: 2}",
    )

    assert (text.case, text.repair_encoding, text.pattern) == ("upper", True, "^[A-Z]+$")
    assert text.bounds == Bounds(min_length=1, max_length=2)
    assert text.extra == {"grau": 2, "modo": "estrito"}


def test_dates_keep_their_limits_as_texts_and_their_patterns_in_order(write: Write) -> None:
    date = column(
        write,
        "{property: formats, value: [yyyy-MM-dd, yyyyMMdd]}",
        native="logicalType: date\n        logicalTypeOptions: {format: dd/MM/yyyy, minimum: 2020-01-01}",
    )

    assert date.formats == ("dd/MM/yyyy", "yyyy-MM-dd", "yyyyMMdd")
    assert date.bounds.minimum == "2020-01-01"


def test_an_enum_of_odcs_and_our_values_are_the_same(write: Write) -> None:
    assert column(write, native="logicalType: string\n        enum: [{value: SP}, {value: RJ, label: Rio}]").values == (
        "SP",
        "RJ",
    )
    assert column(write, "{property: values, value: [SP, 1, true]}").values == ("SP", "1", "true")


def test_transform_logic_is_the_expression(write: Write) -> None:
    assert (
        column(write, native='logicalType: string\n        transformLogic: "upper(sigla)"').expression == "upper(sigla)"
    )


def test_keys_and_partitions_have_the_order_they_say_or_stand_in(write: Write) -> None:
    read = contract(
        write,
        """\
    properties:
      - {name: uf, logicalType: string, primaryKey: true, primaryKeyPosition: 2}
      - {name: b, logicalType: string, primaryKey: true, primaryKeyPosition: 1, partitioned: true}
      - {name: c, logicalType: string, partitioned: true}
""",
    )

    assert (read.keys, read.partition_by) == (("b", "uf"), ("b", "c"))


def test_exact_repeats_alone_can_be_dropped(write: Write) -> None:
    body = """\
      - {property: deduplicate, value: exact}
      - {property: repairs, value: log}
    properties:
      - {name: uf, logicalType: string}
"""
    read = contract(write, body)

    assert (read.deduplicate, read.repairs) == (Deduplicate(), "log")


def test_a_relationship_of_the_table_has_all_its_columns(write: Write) -> None:
    body = """\
    properties:
      - {name: uf, logicalType: string}
      - {name: b, logicalType: string}
    relationships:
      - from: [estados.uf, estados.b]
        to: [silver.clientes.uf, silver.clientes.cpf]
        customProperties: [{property: onInvalid, value: keep}, {property: maxPercent, value: 1}]
"""
    (reference,) = contract(write, body).references

    assert (reference.columns, reference.table, reference.to_columns) == (
        ("uf", "b"),
        TableName("silver", "clientes"),
        ("uf", "cpf"),
    )
    assert (reference.on_invalid, reference.max_percent) == ("keep", 1.0)


def test_every_library_metric_and_operator_is_read(write: Write) -> None:
    body = """\
    properties:
      - name: uf
        logicalType: string
        quality:
          - {metric: nullValues, mustBeLessThan: 5, unit: percent, severity: warning}
          - {metric: nullValues, mustBe: 0}
          - {type: library, metric: missingValues, arguments: {missingValues: [null, "", N/A]}, mustBeLessOrEqualTo: 1}
          - {type: library, metric: invalidValues, arguments: {validValues: [SP]}, mustBeBetween: [0, 2]}
          - {type: text, description: as pessoas conferem à mão}
    quality:
      - {rule: rowCount, mustBeGreaterOrEqualTo: 1, name: tem_linhas}
      - {type: sql, query: "SELECT max(uf) FROM ${table}", mustNotBe: ZZ}
      - {type: library, metric: rowCount, mustNotBeBetween: [10, 20]}
"""
    rules = contract(write, body).quality

    assert [(rule.name, rule.unit, rule.severity, rule.checks) for rule in rules] == [
        ("uf.nullValues", "percent", "warning", (("mustBeLessThan", 5),)),
        ("uf.nullValues_2", "rows", "error", (("mustBe", 0),)),
        ("uf.missingValues", "rows", "error", (("mustBeLessOrEqualTo", 1),)),
        ("uf.invalidValues", "rows", "error", (("mustBeBetween", (0.0, 2.0)),)),
        ("tem_linhas", "rows", "error", (("mustBeGreaterOrEqualTo", 1),)),
        ("sql", "rows", "error", (("mustNotBe", "ZZ"),)),
        ("rowCount", "rows", "error", (("mustNotBeBetween", (10.0, 20.0)),)),
    ]
    assert rules[2].arguments == {"missingValues": [None, "", "N/A"]}


def test_rules_that_cannot_be_executed_are_told(write: Write) -> None:
    body = """\
    properties:
      - name: uf
        logicalType: string
        quality:
          - {metric: rowCount, mustBe: 1}
          - {metric: invalidValues, mustBe: 0}
          - {metric: nullValues, mustBe: zero}
          - {metric: nullValues, mustBe: 150, unit: percent}
    quality:
      - {metric: nullValues, mustBe: 0}
      - {metric: duplicateValues, mustBe: 0}
      - {metric: rowCount, mustBe: 1, unit: percent}
      - {type: sql, query: " ", mustBe: 0}
      - {type: custom, engine: afluente, implementation: "SELECT 1"}
      - {description: nada}
"""
    told = [(problem.place.line, problem.code) for problem in problems(write, body)]

    assert told == [
        (16, "quality.level"),
        (17, "quality.arguments"),
        (18, "quality.threshold"),
        (19, "quality.threshold"),
        (21, "quality.level"),
        (22, "quality.arguments"),
        (23, "quality.unit"),
        (24, "quality.no_query"),
        (25, "quality.implementation"),
        (26, "quality.no_metric"),
    ]


def test_a_contract_with_two_tables_makes_two(write: Write) -> None:
    body = """\
    properties:
      - {name: uf, logicalType: string}
  - name: regioes
    physicalName: silver.regioes
    customProperties: [{property: from, value: silver.estados}]
    properties:
      - {name: regiao, logicalType: string}
"""
    root = write({"contracts/estados.odcs.yaml": HEAD + body})

    tables = [str(one.table) for one in load_project(root, environment={}, typed_in=root).contracts]

    assert tables == ["silver.clientes", "silver.estados", "silver.regioes"]
