"""`afluente check` compiles the SQL inside contracts: a misspelt column is told before there is data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cli_project import afluente, make_project

RULE = "{type: custom, engine: afluente, implementation: {rule: expression, name: r, sql: %s}}"
QUERY = "{type: sql, query: %s, mustBe: 0}"
WRONG: dict[str, tuple[str, str, str]] = {
    "a row rule of an unknown column": (RULE % '"valr > 0"', "model.unknown_column", "'valor'"),
    "a row rule that does not parse": (RULE % '"valor <"', "model.syntax", "expression"),
    "a row rule of a moment": (RULE % '"current_date() IS NOT NULL"', "model.not_allowed", ""),
    "a query of an unknown column": (
        QUERY % '"SELECT count(*) FROM ${table} WHERE vlor < 0"',
        "model.unknown_column",
        "'valor'",
    ),
    "a query of a table it may not name": (QUERY % '"SELECT count(*) FROM gold.vendas_uf"', "model.unknown_table", ""),
    "a query of two numbers": (QUERY % '"SELECT count(*), 1 FROM ${table}"', "quality.query", ""),
    "a query with the column of no column": (QUERY % '"SELECT max(${column}) FROM ${table}"', "quality.query", ""),
    "a query with a template": (QUERY % "\"SELECT count(*) FROM {{ ref('x') }}\"", "model.syntax", "no templates"),
}


def with_rule(folder: Path, rule: str) -> Path:
    path = folder / "contracts" / "pedidos.odcs.yaml"
    text = path.read_text(encoding="utf-8").rstrip()
    path.write_text(f"{text}\n    quality:\n      - {rule}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", WRONG)
def test_wrong_sql_of_a_contract_is_a_mistake_with_its_line(case: str, tmp_path: Path) -> None:
    rule, code, hint = WRONG[case]
    folder = with_rule(make_project(tmp_path / "loja"), rule)
    ended = afluente(folder, "check", "--json")
    (told,) = json.loads(ended.stdout)
    assert ended.returncode == 2
    assert told["code"] == code
    assert hint in told["hint"]
    line = (folder / told["place"]["file"]).read_text(encoding="utf-8").splitlines()[told["place"]["line"] - 1]
    assert "type: " in line
    assert "sqlglot" not in told["message"]


def test_sql_of_a_contract_that_is_right_passes(tmp_path: Path) -> None:
    folder = with_rule(make_project(tmp_path / "loja"), RULE % "\"valor >= 0 OR situacao = 'x'\"")
    path = folder / "contracts" / "pedidos.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    query = QUERY % '"SELECT count(*) FROM ${table} WHERE valor < 0"'
    path.write_text(f"{text}      - {query}\n", encoding="utf-8")
    assert afluente(folder, "check").returncode == 0


def test_an_expression_over_bronze_is_parsed_and_its_columns_are_left_to_the_run(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    path = folder / "contracts" / "pedidos.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    assert "{name: uf, logicalType: string" in text
    for expression, status in (("upper(estado)", 0), ("upper(estado", 2)):
        changed = text.replace("{name: uf, ", f'{{name: uf, transformLogic: "{expression}", ')
        path.write_text(changed, encoding="utf-8")
        assert afluente(folder, "check").returncode == status
