"""Semantic types that other packages add, and names that no package has."""

from __future__ import annotations

from pathlib import Path

import pytest

from afluente.conform.registry import type_names
from afluente.core.errors import ProjectError
from afluente.engines.engine import Engine
from tests.unit.conform.workbench import Outcome, bronze_of, column, contract, read, read_table

PLUGIN = """
from afluente.conform.reading import Reading
from afluente.core.language import Message

def plate(cell):
    d, value = cell.dialect, cell.mid("value")
    text = d.upper(d.remove(cell.raw, "[ -]"))
    letters = int(cell.column.extra.get("letters", 3))
    return Reading(
        value=value,
        kind="text",
        message=Message("placa inválida", "invalid plate"),
        stages=({value: f"CASE WHEN {d.matches(text, '[A-Z]{%d}[0-9]+' % letters)} THEN {text} END"},),
    )
"""


def test_a_type_is_added_by_an_entry_point(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "plates-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plates\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[afluente.types]\nx.old_plate = afluente_plates:plate\n", encoding="utf-8")
    (tmp_path / "afluente_plates.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "x.old_plate" in type_names()
    assert read(engine, column("v", "x.old_plate"), ["abc-1234", "ab-1", None]) == [
        Outcome("ABC1234", "value"),
        Outcome(None, "invalid", (), "placa inválida", "invalid plate"),
        Outcome(None, "missing"),
    ]
    assert read(engine, column("v", "x.old_plate", extra={"letters": 2}), ["ab-1"])[0].value == "AB1"


@pytest.mark.parametrize(
    ("name", "hint"), [("br.cfp", "br.cpf"), ("cnpj", "br.cnpj"), ("e-mail", "email"), ("br.uff", "br.uf")]
)
def test_an_unknown_type_is_refused_with_the_nearest_name(engine: Engine, name: str, hint: str) -> None:
    with pytest.raises(ProjectError, match="does not exist") as caught:
        read(engine, column("v", name), ["x"])
    assert caught.value.code == "contract.format_unknown"
    assert f"'{hint}'" in caught.value.hint


def test_a_cep_outside_its_state_is_refused_and_without_a_state_passes(engine: Engine) -> None:
    asked = contract(column("cep", "br.cep", state_column="uf"), column("uf", "br.uf"))
    rows = bronze_of(
        {"cep": ["01001-000", "20000-000", "20000-000", "20000-000"], "uf": ["sp", "São Paulo", "RJ", None]}
    )
    outcomes = read_table(engine, asked, rows, "cep")
    assert [o.state for o in outcomes] == ["value", "invalid", "value", "value"]
    assert outcomes[1].reason == "o CEP não pertence à UF informada"


def test_a_municipality_is_looked_up_within_its_state(engine: Engine) -> None:
    asked = contract(column("cidade", "br.municipality", state_column="uf"), column("uf", "br.uf"))
    rows = bronze_of({"cidade": ["Bom Jesus", "bom jesus", "São Paulo"], "uf": ["PI", "RS", "RJ"]})
    outcomes = read_table(engine, asked, rows, "cidade")
    assert [o.state for o in outcomes] == ["value", "value", "invalid"]
    assert outcomes[0].value != outcomes[1].value
