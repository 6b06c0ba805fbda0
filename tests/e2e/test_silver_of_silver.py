"""A silver table conformed from another: the same rows, rejects and ids on every engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli_project import NEW_VALUES, afluente, make_project, rows_of, write_contract, write_orders
from tests.e2e.grown import assert_equal_lakes, tables
from tests.e2e.test_grown_spark import sail

__all__ = ["sail"]
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: loja.paulistas
version: "1.0.0"
status: active
schema:
  - name: paulistas
    physicalName: silver.paulistas
    customProperties:
      - {property: from, value: silver.pedidos}
      - {property: write, value: replace}
    properties:
      - {name: pedido, logicalType: integer, physicalType: bigint, required: true}
      - name: uf
        logicalType: string
        customProperties: [{property: values, value: [SP]}]
"""


def make(folder: Path, engine: str = "duckdb") -> Path:
    make_project(folder, write="append")
    settings = folder / "afluente.yaml"
    lines = [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("engine:")]
    settings.write_text("\n".join([*lines, f"engine: {engine}"]) + "\n", encoding="utf-8")
    (folder / "contracts" / "paulistas.odcs.yaml").write_text(CONTRACT, encoding="utf-8")
    return folder


def done(folder: Path, *words: str) -> str:
    ended = afluente(folder, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def test_a_silver_table_is_conformed_from_another_alike_on_both_engines(sail: str, tmp_path: Path) -> None:
    here, there = make(tmp_path / "here"), make(tmp_path / "there", f'{{spark: "{sail}"}}')
    for folder in (here, there):
        done(folder, "check")
        done(folder, "run")
        assert sorted(row["pedido"] for row in rows_of(folder, "silver", "paulistas")) == [1, 5, 7, 11]
        refused = rows_of(folder, "quarantine", "paulistas")
        assert sorted(str(row["pedido"]) for row in refused) == ["10", "2", "4", "8"]
        assert {row["_source"] for row in refused} == {"silver.pedidos"}
        assert len({row["_quarantine_id"] for row in refused}) == 4
        assert "nothing new" in done(folder, "run")
        write_orders(folder, range(13, 15), name="pedidos2.csv")
        done(folder, "run")
        assert sorted(row["pedido"] for row in rows_of(folder, "silver", "paulistas")) == [1, 5, 7, 11, 13]
        write_contract(folder, write="append", values=NEW_VALUES)
        done(folder, "quarantine", "replay", "pedidos")
        done(folder, "run")
        assert sorted(row["pedido"] for row in rows_of(folder, "silver", "paulistas")) == [1, 3, 5, 7, 9, 11, 13]
        other = folder / "contracts" / "paulistas.odcs.yaml"
        other.write_text(CONTRACT.replace("[SP]", "[SP, RJ]"), encoding="utf-8")
        done(folder, "quarantine", "replay", "paulistas")
        assert len(rows_of(folder, "silver", "paulistas")) == 14
        assert rows_of(folder, "quarantine", "paulistas") == []
        assert not list((folder / "lake" / ".stage").iterdir())
    assert_equal_lakes(tables(str(there / "lake")), tables(str(here / "lake")))


@pytest.mark.parametrize("write", ["append", "upsert", "replace_partitions"])
def test_rows_without_an_origin_of_their_own_are_only_replaced_as_a_whole(write: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "loja")
    path = folder / "contracts" / "paulistas.odcs.yaml"
    text = CONTRACT.replace("value: replace}", f"value: {write}}}").replace("required: true}", "primaryKey: true}")
    path.write_text(text.replace("- name: uf", "- name: uf\n        partitioned: true"), encoding="utf-8")
    checked = afluente(folder, "check")
    assert checked.returncode == 2
    assert "contract.write" in checked.stderr
    assert "write: replace" in checked.stderr
