"""One person erased from silver tables that are conformed from other silver tables, and the run after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.products_erase_project import (
    CPF,
    make_inbox,
    make_shop,
    places_with_the_person,
    rows_of,
    run_shop,
)

from afluente.products.governance.certificate import Certificate
from afluente.products.governance.erase import erase_person, verify_erasures
from afluente.runs import workflow
from afluente.runs.steps.workspace import Workspace

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: loja.{name}
version: "1.0.0"
status: active
schema:
  - name: {name}
    physicalName: silver.{name}
    customProperties:
      - {{property: from, value: silver.{source}}}
      - {{property: repairs, value: log}}
    properties:
{columns}
"""
CHAIN = {
    "cadastro": ("clientes", "codigo: cliente_id", "nome", "cpf"),
    "agenda": ("cadastro", "codigo", "nome"),
    "nomes": ("clientes", "nome"),
    "antigos": ("clientes", "cliente_id", "nome", "nascimento"),
    "compras": ("vendas", "venda_id", "contato", "valor"),
}
TYPES = {
    "nome": "logicalType: string, customProperties: [{property: case, value: upper}]",
    "nascimento": 'logicalType: date, logicalTypeOptions: {maximum: "1980-01-01"}',
    "valor": "logicalType: integer, physicalType: bigint",
    "venda_id": "logicalType: string, primaryKey: true, required: true",
}


def columns_of(given: tuple[str, ...]) -> str:
    lines = []
    for one in given:
        name, _, source = one.partition(": ")
        renamed = f", customProperties: [{{property: from, value: {source}}}]" if source else ""
        lines.append(f"      - {{name: {name}, {TYPES.get(name, 'logicalType: string')}{renamed}}}")
    return "\n".join(lines)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    root = tmp_path / "loja"
    make_shop(root, make_inbox(tmp_path / "enviados")).close()
    for name, (source, *columns) in CHAIN.items():
        text = CONTRACT.format(name=name, source=source, columns=columns_of(tuple(columns)))
        (root / "contracts" / f"{name}.odcs.yaml").write_text(text, encoding="utf-8")
    with reopened(root) as opened:
        run_shop(opened)
        yield opened
    workflow.shut_down()


def reopened(root: Path) -> Workspace:
    from afluente.project.load import load_project

    return Workspace(load_project(root, environment={}, typed_in=root), environment={})


def erase(workspace: Workspace, **given: str) -> Certificate:
    identifiers = given or {"silver.clientes.cpf": CPF}
    return erase_person(workspace, identifiers=identifiers, by="ana", reason="pedido do titular")


def values(workspace: Workspace, table: str, column: str) -> list[object]:
    return sorted((row[column] for row in rows_of(workspace, table)), key=str)


def test_the_person_leaves_every_silver_table_of_the_chain_and_stays_out(workspace: Workspace) -> None:
    assert values(workspace, "silver.agenda", "codigo") == ["C-0001", "C-0002", "C-0003"]
    assert "C-0001" in values(workspace, "quarantine.antigos", "cliente_id")
    made = erase(workspace)
    assert places_with_the_person(workspace.project.root) == []
    assert not made.traces
    assert values(workspace, "silver.cadastro", "codigo") == ["C-0002", "C-0003"]
    assert values(workspace, "silver.agenda", "codigo") == ["C-0002", "C-0003"]
    assert "C-0001" not in values(workspace, "quarantine.antigos", "cliente_id")
    bought = {row["venda_id"]: row["contato"] for row in rows_of(workspace, "silver.compras")}
    assert bought == {"V1": None, "V2": "Carlos Prado", "V3": None, "V4": "Dora Lima"}
    statuses = run_shop(workspace)
    assert statuses["silver.agenda"] == "done"
    assert places_with_the_person(workspace.project.root) == []
    assert values(workspace, "silver.nomes", "nome") == ["CARLOS PRADO", "DORA LIMA"]
    assert verify_erasures(workspace) == ()
    assert set(run_shop(workspace).values()) == {"unchanged"}


def test_a_person_named_by_the_last_table_is_followed_to_bronze(workspace: Workspace) -> None:
    erase(workspace, **{"silver.agenda.codigo": "C-0001"})
    assert "C-0001" not in values(workspace, "bronze.clientes", "cliente_id")
    assert values(workspace, "silver.clientes", "cliente_id") == ["C-0002", "C-0003"]
    assert "C-0001" not in values(workspace, "silver.vendas", "cliente_id")
    assert places_with_the_person(workspace.project.root) == []


def test_a_key_of_rows_is_no_mark_of_the_person(workspace: Workspace) -> None:
    made = erase(workspace)
    assert {name for name in made.marks if "compras" in name} == set()
