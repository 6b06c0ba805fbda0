"""A project of one source, one contract and one model, in a folder, opened in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from afluente.project.load import load_project
from afluente.project.settings import Project
from afluente.runs.steps.workspace import Workspace

SETTINGS = """name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources:
  pedidos: {connector: files, path: "dados/pedidos*.csv", format: csv, into: bronze.pedidos}
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: banca.pedidos
version: "1.0.0"
status: active
schema:
  - name: pedidos
    physicalName: silver.pedidos
    customProperties:
      - {property: from, value: bronze.pedidos}
      - {property: write, value: append}
    properties:
      - {name: pedido, logicalType: integer, physicalType: bigint, required: true}
      - {name: dia, logicalType: date, required: true, logicalTypeOptions: {format: yyyy-MM-dd}}
"""
MODEL = """/* ---
description: Por dia
owner: banca
partition_by: [dia]
incremental: {time_column: dia, source: silver.pedidos, source_column: dia, lookback: 1}
columns:
  - {name: dia, type: date}
  - {name: pedidos, type: bigint}
--- */
SELECT dia, count(*) AS pedidos FROM silver.pedidos GROUP BY dia
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("contracts", "models", "dados"):
        (tmp_path / part).mkdir()
    (tmp_path / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "contracts" / "pedidos.odcs.yaml").write_text(CONTRACT, encoding="utf-8")
    (tmp_path / "models" / "por_dia.sql").write_text(MODEL, encoding="utf-8")
    return tmp_path


def load(folder: Path) -> Project:
    return load_project(folder, environment={}, typed_in=folder)


@pytest.fixture
def deliver(folder: Path) -> Callable[..., None]:
    """Writes a file of orders: pairs of a number and a day of March, or anything else."""

    def write(name: str, *rows: tuple[object, object]) -> None:
        lines = [f"{number},{f'2026-03-{day:02}' if isinstance(day, int) else day}\n" for number, day in rows]
        (folder / "dados" / f"pedidos_{name}.csv").write_text("pedido,dia\n" + "".join(lines), encoding="utf-8")

    return write


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    with Workspace(load(folder), environment={}) as opened:
        yield opened
