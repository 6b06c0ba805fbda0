"""The example `ouchhungry`, run by the command, gives the sales that the simulator's truth gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import DeltaTable

from afluente.sources.simulator.dirt import TABLES, TableKey
from afluente.sources.simulator.score import score

ROOT = Path(__file__).parents[2]
ROWS = 20_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with fewer rows, run once."""
    folder = tmp_path_factory.mktemp("e2e") / "ouchhungry"
    shutil.copytree(ROOT / "examples" / "ouchhungry", folder, ignore=shutil.ignore_patterns("lake", ".afluente"))
    settings = folder / "afluente.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("rows: 200000", f"rows: {ROWS}"), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("afluente")), "-C", str(folder), "run"]
    run = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    return folder


def table(project: Path, layer: str, name: str) -> pa.Table:
    return DeltaTable(str(project / "lake" / layer / name)).to_pyarrow_table()


def truth(project: Path, name: str) -> pa.Table:
    return pyarrow.parquet.read_table(project / "verdade" / f"verdade_{name}.parquet")


@pytest.mark.parametrize("name", TABLES)
def test_cleaning_is_scored_against_the_truth(project: Path, name: TableKey) -> None:
    silver, quarantine = table(project, "silver", name), table(project, "quarantine", name)
    scored = score(name, silver=silver, quarantine=quarantine, truth=truth(project, name))
    assert scored.precision >= 0.99
    assert scored.recall >= 0.99
    assert scored.repair_share >= 0.99
    assert scored.surplus == 0


def test_monthly_sales_of_a_city_are_those_of_the_truth(project: Path) -> None:
    brands = {row["produto_id"]: row["marca"] for row in truth(project, "produtos").to_pylist()}
    units: dict[tuple[str, str, str], int] = defaultdict(int)
    revenue: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    customers: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in truth(project, "transacoes").to_pylist():
        if row["_fate"] not in ("accept", "repair") or not row["entregue"]:
            continue
        local = row["pedido_em"] - timedelta(hours=3)
        key = (f"{local:%Y-%m}", row["municipio"], brands[row["produto_id"]])
        units[key] += row["quantidade"]
        revenue[key] += row["quantidade"] * row["preco_unitario"]
        customers[key].add(row["cliente_id"])
    rows = table(project, "gold", "vendas_mes_cidade").to_pylist()
    ours = {(row["mes"], row["municipio"], row["marca"]): row for row in rows}
    assert len(rows) == len(ours)
    assert set(ours) == set(units)
    for key, row in ours.items():
        assert (row["unidades"], row["receita"], row["clientes"]) == (units[key], revenue[key], len(customers[key])), (
            key
        )
        assert row["preco_medio"] == pytest.approx(revenue[key] / units[key], abs=Decimal("0.01"))


def test_shares_in_a_segment_add_up_to_one(project: Path) -> None:
    totals: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in table(project, "gold", "participacao_segmento").to_pylist():
        totals[row["mes"], row["uf"], row["segmento"]] += row["participacao_receita"]
    assert totals
    assert all(total == pytest.approx(1, abs=Decimal("0.001")) for total in totals.values())


def test_daily_sales_add_up_to_the_monthly_ones(project: Path) -> None:
    by_month: dict[str, Decimal] = defaultdict(Decimal)
    by_day: dict[str, Decimal] = defaultdict(Decimal)
    for row in table(project, "gold", "vendas_mes_cidade").to_pylist():
        by_month[row["mes"]] += row["receita"]
    for row in table(project, "gold", "vendas_dia").to_pylist():
        by_day[row["mes"]] += row["receita"]
        assert f"{row['dia']:%Y-%m}" == row["mes"]
    assert by_month == by_day
