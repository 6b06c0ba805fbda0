"""A project with one table of sales, a product over it, and the truth about what the gate let out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.products.privacy.exposed import Exposed
from afluente.products.privacy.gate import pass_cells
from afluente.products.privacy.gated import GatedOutput
from afluente.products.privacy.region import Told
from afluente.project.contract import Column, Contract
from afluente.project.load import load_project
from afluente.project.output_columns import output_columns
from afluente.project.product import Grain, Measure, Output, PrivacyPolicy, Product, Segment
from afluente.runs.steps.workspace import Workspace

FACTS = TableName("gold", "vendas")
PLACE = Place("products/vendas.yaml")
SCHEMA = pa.schema(
    [
        ("dia", pa.date32()),
        ("cidade", pa.string()),
        ("nome", pa.string()),
        ("uf", pa.string()),
        ("produto", pa.string()),
        ("marca", pa.string()),
        ("segmento", pa.string()),
        ("cliente", pa.string()),
        ("quantidade", pa.int64()),
        ("valor", pa.decimal128(12, 2)),
    ]
)
TYPES = {
    **dict.fromkeys(("cidade", "nome", "uf", "produto", "marca", "segmento", "cliente"), "string"),
    "dia": "date",
    "quantidade": "bigint",
    "valor": "decimal(12,2)",
}
SETTINGS = """name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
"""
SEGMENT = Segment("segmento", "marca", ("Nossa",), "valor", PLACE)
MEASURES = (
    Measure("unidades", "sum", PLACE, column="quantidade"),
    Measure("receita", "sum", PLACE, column="valor"),
    Measure("clientes", "distinct", PLACE, column="cliente"),
    Measure("vendas", "count", PLACE),
    Measure("preco_medio", "ratio", PLACE, numerator="receita", denominator="unidades"),
)


@dataclass(frozen=True)
class Sale:
    """One row of the facts. A city's state is its first letter, its name the code with `cidade` before."""

    cidade: str
    cliente: str
    dia: int = 1
    produto: str = "p1"
    quantidade: int = 1
    valor: str = "10.00"
    marca: str = "Nossa"
    segmento: str = "bebidas"

    def row(self) -> dict[str, object]:
        return {
            "dia": date(2026, 3, self.dia),
            "cidade": self.cidade,
            "nome": f"cidade {self.cidade}",
            "uf": self.cidade[:1],
            "produto": self.produto,
            "marca": self.marca,
            "segmento": self.segmento,
            "cliente": self.cliente,
            "quantidade": self.quantidade,
            "valor": Decimal(self.valor),
        }


def sales(cidade: str, persons: int, **fields: object) -> list[Sale]:
    """One sale to each of so many persons of a city."""
    return [Sale(cidade, f"{cidade}-{number}", **fields) for number in range(persons)]  # type: ignore[arg-type]


def output(
    *,
    grain: Grain = "day",
    dimensions: tuple[str, ...] = ("produto",),
    segment: Segment | None = None,
    places: tuple[str, ...] = ("cidade", "uf"),
) -> Output:
    return Output(
        name="vendas_dia",
        facts=FACTS,
        contract="release.vendas_dia",
        place=PLACE,
        where="marca = 'Nossa'",
        period_column="dia",
        grain=grain,
        places=places,
        dimensions=dimensions,
        labels={"nome": "cidade"} if "cidade" in places else {},
        person="cliente",
        measures=MEASURES,
        segment=segment,
    )


def contract_of(made: Output, *, is_typed: bool = True) -> Contract:
    logical = {"string": "string", "date": "date", "bigint": "integer"}
    columns = tuple(
        Column(name, logical.get(kind, "number"), "", PLACE, physical_type=kind if is_typed else None)  # type: ignore[arg-type]
        for name, kind in output_columns(made, TYPES)
    )
    return Contract("vendas", "1.0.0", TableName("gold", "release_vendas"), columns, PLACE, "")


def product_of(made: Output, policy: PrivacyPolicy | None = None) -> Product:
    return Product(
        name="vendas",
        title="Vendas",
        version="1.0.0",
        partner="marca",
        owner="dados",
        purpose="mostrar",
        legal_basis="legitimate_interest",
        outputs=(made,),
        privacy=policy or PrivacyPolicy(PLACE),
        place=PLACE,
        text_sha256="",
    )


def nothing_narrowed(told: Sequence[Told]) -> Sequence[Exposed]:
    """The answer of an audit that finds nothing."""
    assert all(one.low <= one.high for one in told)
    return ()


class Workbench:
    """A workspace whose facts are written anew for each question."""

    def __init__(self, folder: Path) -> None:
        (folder / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
        self.workspace = Workspace(load_project(folder, environment={}, typed_in=folder), environment={})

    def write(self, rows: Sequence[Sale]) -> int:
        """The version of the table that holds exactly these."""
        lake = self.workspace.lake
        batch = pa.RecordBatch.from_pylist([sale.row() for sale in rows], SCHEMA)
        files = lake.write_batches(FACTS, SCHEMA, [batch])
        found = lake.find(FACTS)
        app = "afluente:teste:vendas"
        plan = lake.plan(
            FACTS,
            found,
            "create" if found is None else "replace",
            files,
            schema=SCHEMA,
            app_id=app,
            app_version=1 if found is None else found.transaction_version(app) + 1,
        )
        return lake.commit(plan).version

    def gate(
        self,
        rows: Sequence[Sale],
        made: Output | None = None,
        *,
        policy: PrivacyPolicy | None = None,
        told: Sequence[Told] = (),
        days: tuple[date, date] | None = None,
        inspect: object = nothing_narrowed,
        is_typed: bool = True,
    ) -> GatedOutput:
        asked = made or output()
        version = self.write(rows)
        return pass_cells(
            self.workspace,
            product_of(asked, policy),
            asked,
            contract_of(asked, is_typed=is_typed),
            at={FACTS: version},
            told=told,
            days=days,
            inspect=inspect,  # type: ignore[arg-type]
        )
