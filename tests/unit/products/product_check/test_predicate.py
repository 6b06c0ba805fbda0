"""Predicates of outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from afluente.products.known import known_names
from afluente.products.predicate import predicate_problems
from afluente.project.load import load_project
from afluente.runs.steps.schemas import declared_schemas
from tests.unit.project.conftest import FILES
from tests.unit.project.product_files import PRODUCT, PRODUCT_FILES

WHERE = "where: \"marca IN ('Hungry', 'Ouch')\""


def written(root: Path, where: str) -> Path:
    text = PRODUCT.replace(WHERE, f"where: {json.dumps(where)}")
    assert text != PRODUCT or where == "marca IN ('Hungry', 'Ouch')"
    for name, content in {**FILES, **PRODUCT_FILES, "products/marca.yaml": text}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def problems(root: Path, where: str) -> list[tuple[str, int]]:
    project = load_project(written(root, where), environment={}, typed_in=root)
    found = predicate_problems(project, declared_schemas(project))
    assert all(one.place.file == "products/marca.yaml" for one in found)
    return [(one.code, one.place.line) for one in found]


@pytest.mark.parametrize(
    "where",
    [
        "marca IN ('Hungry', 'Ouch')",
        "valor > 0 AND (uf = 'SP' OR segmento LIKE 'b%')",
        "CAST(pedido_em AS DATE) >= DATE '2026-01-01'",
    ],
)
def test_a_predicate_over_the_facts_columns_is_right(tmp_path: Path, where: str) -> None:
    assert problems(tmp_path, where) == []


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("marka = 'Ouch'", "model.unknown_column"),
        ("marca = ", "model.syntax"),
        ("marca > 3", "model.not_allowed"),
        ("rand() < 0.5", "model.not_allowed"),
        ("date(pedido_em) = current_date()", "model.not_allowed"),
        ("marca IN (SELECT marca FROM gold.vendas)", "product.where"),
        ("1 = 1) GROUP BY (uf", "product.where"),
        ("1 = 1) LIMIT (3", "product.where"),
        ("cpf = '52998224725'", "product.direct_identifier"),
        ("cliente_id <> 'c17'", "product.direct_identifier"),
    ],
)
def test_anything_else_is_a_mistake_of_its_line(tmp_path: Path, where: str, code: str) -> None:
    line = PRODUCT[: PRODUCT.index(WHERE)].count("\n") + 1

    assert problems(tmp_path, where) == [(code, line)]


def test_check_covers_products_and_counts_them(tmp_path: Path) -> None:
    """The command, with every connector's own check."""
    root = written(tmp_path, "marka = 'Ouch'")
    settings = root / "afluente.yaml"
    settings.write_text(
        settings.read_text().replace("connector: postgres\n    password: secret:env:DB_PASSWORD", POSTGRES)
    )
    product = root / "products/marca.yaml"
    lines = product.read_text().splitlines(keepends=True)
    product.write_text("".join(line for line in lines if "{name: arquivos" not in line and "{name: api" not in line))

    told = check(root)
    product.write_text(product.read_text().replace("marka", "marca").replace("folder: {path", "folder: {pth"))
    told_then = check(root)
    product.write_text(product.read_text().replace("pth", "path"))
    right = check(root)

    assert (told.returncode, "error[model.unknown_column]: 'where' of output 'vendas_dia'" in told.stderr) == (2, True)
    assert (told_then.returncode, "error[delivery." in told_then.stderr) == (2, True)
    assert right.returncode == 0, right.stderr
    assert "5 contracts" in right.stderr
    assert "2 products; no mistakes" in right.stderr


def test_the_products_of_the_examples_are_right() -> None:
    root = Path(__file__).parents[4] / "examples" / "ouchhungry"

    project = load_project(root, environment={}, typed_in=root, known=known_names())

    assert [product.name for product in project.products] == ["vendas_ouchhungry"]
    assert predicate_problems(project, declared_schemas(project)) == []


POSTGRES = """connector: postgres
    host: db.example.com
    database: d
    user: u
    table: s.estados
    password: secret:env:DB_PASSWORD"""


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "afluente.cli.main", "-C", str(root), "check"],
        capture_output=True,
        text=True,
        check=False,
    )
