"""Quality rules that measure a whole table, ours and another package's, in a project as somebody writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli_project import afluente, make_project

RULE = """
from afluente.conform.quality.outcome import Measurement

def cities(rule, options, target):
    found = target.engine.query(f'SELECT count(DISTINCT uf) AS n FROM "{target.view}"').to_pylist()[0]["n"]
    return Measurement({"cities": found}, "cities", (("mustBeLessOrEqualTo", options.number("most")),))
"""


def with_rule(folder: Path, implementation: str) -> Path:
    path = folder / "contracts" / "pedidos.odcs.yaml"
    rule = f"      - {{type: custom, engine: afluente, implementation: {implementation}}}\n"
    text = path.read_text(encoding="utf-8")
    has_rules = "    quality:\n" in text
    path.write_text(text.rstrip("\n") + "\n" + ("" if has_rules else "    quality:\n") + rule, encoding="utf-8")
    return folder


@pytest.mark.parametrize(("most", "status"), [(2, 0), (1, 3)])
def test_a_rule_of_another_package_is_known_to_check_and_asked_by_the_run(
    most: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "cities-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cities\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[afluente.rules]\ncities = afluente_cities:cities\n", encoding="utf-8")
    (site / "afluente_cities.py").write_text(RULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    folder = with_rule(make_project(tmp_path / "loja"), f"{{rule: cities, most: {most}}}")
    checked = afluente(folder, "check")
    assert checked.returncode == 0, checked.stderr
    for _ in range(2):
        ran = afluente(folder, "run", "silver.pedidos")
        assert ran.returncode == status, ran.stderr
    assert ("data.rule_broken" in ran.stderr) == (status == 3)


def test_a_rule_that_nobody_has_is_told_with_those_there_are(tmp_path: Path) -> None:
    folder = with_rule(make_project(tmp_path / "loja"), "{rule: freshnes, column: pedido, maxHours: 1}")
    checked = afluente(folder, "check")
    assert checked.returncode == 2
    assert "quality.rule" in checked.stderr
    assert "'freshness'" in checked.stderr


def test_freshness_is_written_in_a_contract_and_measured(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    path = folder / "contracts" / "pedidos.odcs.yaml"
    column = "      - {name: dia, logicalType: date, logicalTypeOptions: {format: yyyy-MM-dd}}\n"
    text = path.read_text(encoding="utf-8").replace("    properties:\n", f"    properties:\n{column}")
    path.write_text(text, encoding="utf-8")
    orders = folder / "dados" / "pedidos.csv"
    lines = orders.read_text(encoding="utf-8").splitlines()
    days = ["dia", *["2020-01-01"] * (len(lines) - 1)]
    orders.write_text("".join(f"{line};{day}\n" for line, day in zip(lines, days, strict=True)), encoding="utf-8")
    with_rule(folder, "{rule: freshness, column: dia, maxHours: 48}")
    assert afluente(folder, "check").returncode == 0
    ran = afluente(folder, "run", "silver.pedidos")
    assert ran.returncode == 3
    assert "data.rule_broken" in ran.stderr
