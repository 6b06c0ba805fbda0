"""The example `olist`, run by the command over the real files, gives the totals recomputed from those files.

They are recomputed with nothing of ours: csv, Decimal and dictionaries.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AFLUENTE_DATA", ROOT.parent / "shared" / "data")) / "olist"
BROKEN_CITIES = (
    *("vendas@creditparts.com.br", "04482255", "sp / sp", "sbc", "sbc/sp", "novo hamburgo, rio grande do sul, brasil"),
    *("rio de janeiro / rio de janeiro", "ribeirao preto / sao paulo", "santo andre/sao paulo"),
)


NOT_SOLD = frozenset({"canceled", "unavailable", "created"})


@dataclass
class Sales:
    """One month and state."""

    orders: set[str] = field(default_factory=set)
    items: int = 0
    revenue: Decimal = Decimal(0)


@dataclass
class Deliveries:
    """One month and state."""

    delivered: int = 0
    late: int = 0
    late_days: int = 0
    days_to_delivery: int = 0


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """The records of `olist_<name>_dataset.csv`."""
    with (folder / f"olist_{name}_dataset.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def sales_by_month_and_state(folder: Path) -> dict[tuple[str, str], tuple[int, int, Decimal]]:
    """(mes, uf) -> orders, items, revenue."""
    states = {row["customer_id"]: row["customer_state"] for row in read(folder, "customers")}
    orders = {row["order_id"]: row for row in read(folder, "orders")}
    sales: dict[tuple[str, str], Sales] = defaultdict(Sales)
    for item in read(folder, "order_items"):
        order = orders[item["order_id"]]
        if order["order_status"] in NOT_SOLD:
            continue
        cell = sales[order["order_purchase_timestamp"][:7], states[order["customer_id"]]]
        cell.orders.add(item["order_id"])
        cell.items += 1
        cell.revenue += Decimal(item["price"])
    return {key: (len(cell.orders), cell.items, cell.revenue) for key, cell in sales.items()}


def deliveries_by_month_and_state(folder: Path) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(mes, uf) -> delivered, late, days late of the late ones, days from purchase to delivery."""
    states = {row["customer_id"]: row["customer_state"] for row in read(folder, "customers")}
    cells: dict[tuple[str, str], Deliveries] = defaultdict(Deliveries)
    for order in read(folder, "orders"):
        if order["order_status"] != "delivered" or not order["order_delivered_customer_date"]:
            continue
        bought, delivered, promised = (
            date.fromisoformat(order[column][:10])
            for column in ("order_purchase_timestamp", "order_delivered_customer_date", "order_estimated_delivery_date")
        )
        cell = cells[order["order_purchase_timestamp"][:7], states[order["customer_id"]]]
        cell.delivered += 1
        cell.days_to_delivery += (delivered - bought).days
        if delivered > promised:
            cell.late += 1
            cell.late_days += (delivered - promised).days
    return {key: (c.delivered, c.late, c.late_days, c.days_to_delivery) for key, c in cells.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, run once. DATA is given relative to where the command is typed."""
    if not (DATA / "olist_orders_dataset.csv").exists():
        pytest.skip("no Olist files: set AFLUENTE_DATA to a folder that holds olist/")
    typed_in = tmp_path_factory.mktemp("olist")
    folder = typed_in / "projeto"
    shutil.copytree(ROOT / "examples" / "olist", folder)
    environment = {**os.environ, "DATA": os.path.relpath(DATA, typed_in)}
    command = [str(Path(sys.executable).with_name("afluente")), "-C", "projeto", "run"]
    run = subprocess.run(command, cwd=typed_in, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    return folder


def table(project: Path, layer: str, name: str) -> pa.Table:
    return DeltaTable(str(project / "lake" / layer / name)).to_pyarrow_table()


def test_sales_by_month_and_state_are_those_of_the_files(project: Path) -> None:
    rows = table(project, "gold", "vendas_mes_uf").to_pylist()
    ours = {(row["mes"], row["uf"]): (row["pedidos"], row["itens"], row["receita"]) for row in rows}
    assert ours == sales_by_month_and_state(DATA)
    assert len(rows) == len(ours)


def test_late_deliveries_are_those_of_the_files(project: Path) -> None:
    columns = ("entregues", "atrasados", "dias_de_atraso", "dias_ate_entrega")
    rows = table(project, "gold", "atraso_entrega").to_pylist()
    ours = {(row["mes"], row["uf"]): tuple(row[column] for column in columns) for row in rows}
    assert ours == deliveries_by_month_and_state(DATA)


def test_the_wide_table_has_one_row_for_each_order_item(project: Path) -> None:
    wide = table(project, "gold", "pedidos_larga").select(["pedido_id", "item"]).to_pylist()
    items = read(DATA, "order_items")
    assert Counter((row["pedido_id"], row["item"]) for row in wide) == Counter(
        (row["order_id"], int(row["order_item_id"])) for row in items
    )


def test_a_seller_with_a_broken_city_is_kept_without_a_municipality(project: Path) -> None:
    sellers = {row["vendedor_id"]: row for row in table(project, "silver", "vendedores").to_pylist()}
    received = read(DATA, "sellers")
    assert set(sellers) == {row["seller_id"] for row in received}
    broken = [row["seller_id"] for row in received if row["seller_city"] in BROKEN_CITIES]
    assert len(broken) >= len(BROKEN_CITIES)
    assert {sellers[seller]["municipio"] for seller in broken} == {None}
    assert sum(row["municipio"] is not None for row in sellers.values()) / len(sellers) > 0.96


def test_spellings_of_a_city_become_one_ibge_code(project: Path) -> None:
    points = table(project, "silver", "geolocalizacao").select(["cidade", "municipio", "uf"]).to_pylist()
    capital = {row["municipio"] for row in points if row["cidade"] in ("sao paulo", "são paulo") and row["uf"] == "SP"}
    assert capital == {"3550308"}


def test_geolocation_drops_exact_repeats_and_quarantines_points_abroad(project: Path) -> None:
    received = [tuple(row.values()) for row in read(DATA, "geolocation")]
    accepted = table(project, "silver", "geolocalizacao").num_rows
    rejected = table(project, "quarantine", "geolocalizacao").num_rows
    assert rejected >= 2
    assert accepted + rejected == len(set(received))


def test_no_row_of_the_other_tables_is_lost(project: Path) -> None:
    for silver, name in (
        ("clientes", "customers"),
        ("pedidos", "orders"),
        ("itens", "order_items"),
        ("produtos", "products"),
        ("pagamentos", "order_payments"),
        ("avaliacoes", "order_reviews"),
    ):
        assert table(project, "silver", silver).num_rows == len(read(DATA, name)), silver
