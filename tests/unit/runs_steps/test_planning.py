"""Which steps a project has, and which of them asked tables need."""

from __future__ import annotations

from pathlib import Path

import pytest

from afluente.core.errors import ProjectError, UsageError
from afluente.models.graph import tables_read
from afluente.project.load import load_project
from afluente.project.settings import Project
from afluente.runs.steps.planning import plan_tables


@pytest.fixture
def project(folder: Path) -> Project:
    return load_project(folder, environment={}, typed_in=folder)


def test_every_step_stands_behind_what_it_needs(project: Project) -> None:
    plan = plan_tables(project, tables_read, [])
    assert [(step.name, step.depends_on) for step in plan] == [
        ("source.pedidos", ()),
        ("silver.pedidos", ("source.pedidos",)),
        ("gold.por_dia", ("silver.pedidos",)),
    ]


@pytest.mark.parametrize(
    ("asked", "planned"),
    [
        ("bronze.pedidos", ["source.pedidos"]),
        ("source.pedidos", ["source.pedidos"]),
        ("silver.pedidos", ["source.pedidos", "silver.pedidos"]),
        ("gold.por_dia", ["source.pedidos", "silver.pedidos", "gold.por_dia"]),
    ],
)
def test_an_asked_table_comes_with_everything_behind_it(project: Project, asked: str, planned: list[str]) -> None:
    assert [step.name for step in plan_tables(project, tables_read, [asked])] == planned


def test_only_asked_tables_are_made_anew(project: Project) -> None:
    plan = plan_tables(project, tables_read, ["gold.por_dia"], is_full_refresh=True)
    assert {step.name: step.parameters.get("full_refresh") for step in plan} == {
        "source.pedidos": None,
        "silver.pedidos": False,
        "gold.por_dia": True,
    }
    everything = plan_tables(project, tables_read, [], is_full_refresh=True)
    assert all(step.parameters.get("full_refresh") for step in everything if step.kind != "source")


def test_an_unknown_table_is_refused_with_the_nearest_name(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        plan_tables(project, tables_read, ["gold.por_dias"])
    assert caught.value.code == "run.table_unknown"
    assert "gold.por_dia" in caught.value.hint


def test_contracts_that_reference_each_other_are_refused_by_name(project: Project, folder: Path) -> None:
    contract = (folder / "contracts" / "pedidos.odcs.yaml").read_text(encoding="utf-8")
    first = "{name: pedido, logicalType: integer, physicalType: bigint, required: true"
    other = contract.replace("pedidos", "itens").replace(
        first, first + ", relationships: [{to: silver.pedidos.pedido}]"
    )
    (folder / "contracts" / "itens.odcs.yaml").write_text(other, encoding="utf-8")
    changed = contract.replace(first, first + ", relationships: [{to: silver.itens.pedido}]")
    (folder / "contracts" / "pedidos.odcs.yaml").write_text(changed, encoding="utf-8")
    settings = folder / "afluente.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        text + '  itens: {connector: files, path: "dados/itens*.csv", format: csv, into: bronze.itens}\n',
        encoding="utf-8",
    )
    with pytest.raises(ProjectError) as caught:
        plan_tables(load_project(folder, environment={}, typed_in=folder), tables_read, [])
    assert caught.value.code == "project.cycle"
    assert "silver.itens <- silver.pedidos" in caught.value.message
    assert "gold.por_dia" not in caught.value.message
