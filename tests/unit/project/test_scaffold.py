"""New projects."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from afluente.core.errors import UsageError
from afluente.project.load import check_project, load_project
from afluente.project.scaffold import init_project, templates


@pytest.mark.parametrize("template", templates())
def test_a_new_project_has_no_mistakes(template: str, tmp_path: Path) -> None:
    made = init_project("minha-loja", tmp_path / "loja", template)

    assert check_project(tmp_path / "loja", environment={}, typed_in=tmp_path) == []
    assert load_project(tmp_path / "loja", environment={}, typed_in=tmp_path).name == "minha-loja"
    assert {".env.example", ".gitignore", "README.md", "afluente.yaml"} <= set(made)
    assert all("__NAME__" not in (tmp_path / "loja" / name).read_text() for name in made)


def test_the_sample_has_every_column_its_contract_takes(tmp_path: Path) -> None:
    init_project("vendas", tmp_path / "vendas")

    contract = load_project(tmp_path / "vendas", environment={}, typed_in=tmp_path).contracts[0]
    with (tmp_path / "vendas/dados/pedidos.csv").open(newline="") as file:
        header = next(csv.reader(file, delimiter=";"))
    assert {column.source for column in contract.columns} <= set(header)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "loja").mkdir()

    assert "afluente.yaml" in init_project("loja", tmp_path / "loja")


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "loja").mkdir()
    (tmp_path / "loja" / "meu.txt").write_text("x")

    with pytest.raises(UsageError) as failed:
        init_project("loja", tmp_path / "loja")

    assert failed.value.code == "init.not_empty"
    assert [path.name for path in (tmp_path / "loja").iterdir()] == ["meu.txt"]


@pytest.mark.parametrize(
    ("name", "template", "code", "hint"),
    [
        ("Minha Loja", "vendas", "init.name", "lower-case"),
        ("loja", "venda", "init.template", "'vendas'"),
        ("loja", "../vendas", "init.template", ""),
    ],
)
def test_wrong_names_are_told_and_nothing_is_written(
    name: str, template: str, code: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as failed:
        init_project(name, tmp_path / "nova", template)

    assert (failed.value.code, hint in failed.value.hint) == (code, True)
    assert list(tmp_path.iterdir()) == []
