"""A lake of one facts table in a folder, written version by version, for tests of what was told about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from afluente.core.tables import TableName
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace

FACTS = TableName("gold", "vendas")
SETTINGS = """name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources: {}
"""
SCHEMA = pa.schema(
    [
        ("dia", pa.date32()),
        ("municipio", pa.string()),
        ("uf", pa.string()),
        ("produto", pa.string()),
        ("marca", pa.string()),
        ("segmento", pa.string()),
        ("cliente", pa.int64()),
        ("quantidade", pa.int32()),
        ("valor", pa.decimal128(12, 2)),
    ]
)
Sale = dict[str, object]


def sale(
    dia: dt.date,
    municipio: str,
    cliente: int | None,
    valor: int | str,
    *,
    uf: str = "SP",
    produto: str = "cola",
    marca: str = "Hungry",
    segmento: str = "refrigerante",
    quantidade: int = 1,
) -> Sale:
    from decimal import Decimal

    return {
        "dia": dia,
        "municipio": municipio,
        "uf": uf,
        "produto": produto,
        "marca": marca,
        "segmento": segmento,
        "cliente": cliente,
        "quantidade": quantidade,
        "valor": Decimal(valor),
    }


@contextmanager
def opened(folder: Path) -> Iterator[Workspace]:
    (folder / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
    with Workspace(load_project(folder, environment={}, typed_in=folder), environment={}) as workspace:
        yield workspace


def write(workspace: Workspace, sales: Sequence[Sale]) -> int:
    """A new version of the facts that holds exactly these sales; returns its number."""
    lake = workspace.lake
    table = pa.Table.from_pylist(list(sales), schema=SCHEMA)
    files = lake.write_batches(FACTS, SCHEMA, table.to_reader(), ())
    before = lake.find(FACTS)
    number = 0 if before is None else before.version + 1
    plan = lake.plan(
        FACTS,
        before,
        "create" if before is None else "replace",
        files,
        schema=SCHEMA,
        app_id=lake.app_id("test"),
        app_version=number + 1,
    )
    lake.commit(plan)
    return lake.snapshot(FACTS).version
