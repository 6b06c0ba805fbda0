"""A project whose facts are orders of persons, and products of rows over them for two partners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from afluente.core.clock import SetClock
from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.products.privacy.gated import GatedOutput
from afluente.products.privacy.rows_gate import pass_rows
from afluente.project.contract import Classification, Column, Contract
from afluente.project.load import load_project
from afluente.project.output_columns import output_columns
from afluente.project.product import Generalise, Output, PrivacyPolicy, Product, PseudonymColumn, Retention
from afluente.project.secret_reference import SecretReference
from afluente.runs.steps.workspace import Workspace

FACTS = TableName("gold", "pedidos")
PLACE = Place("products/pedidos.yaml", 3, 5)
TYPES = {
    "cpf": "string",
    "cliente_id": "bigint",
    "cidade": "string",
    "cep": "string",
    "pedido_em": "timestamp",
    "nascimento": "date",
    "diagnostico": "string",
    "produto": "string",
    "nota": "string",
    "valor": "int",
}
CLASSES: dict[str, Classification] = {
    "cpf": "direct_identifier",
    "cliente_id": "quasi_identifier",
    "cidade": "quasi_identifier",
    "cep": "quasi_identifier",
    "nascimento": "quasi_identifier",
    "diagnostico": "sensitive",
}
SCHEMA = pa.schema(
    [
        ("cpf", pa.string()),
        ("cliente_id", pa.int64()),
        ("cidade", pa.string()),
        ("cep", pa.string()),
        ("pedido_em", pa.timestamp("us", tz="UTC")),
        ("nascimento", pa.date32()),
        ("diagnostico", pa.string()),
        ("produto", pa.string()),
        ("nota", pa.string()),
        ("valor", pa.int32()),
    ]
)
SETTINGS = """name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
"""
MODEL = (
    "/* ---\ncolumns:\n"
    + "".join(
        f"  - {{name: {name}, type: {kind}, classification: {CLASSES.get(name, 'internal')}}}\n"
        for name, kind in TYPES.items()
    )
    + "--- */\nSELECT 1\n"
)
COARSE = (
    Generalise("cep", PLACE, keep=5),
    Generalise("pedido_em", PLACE, truncate="day"),
    Generalise("nascimento", PLACE, truncate="year"),
)
KEYS = {"CHAVE_A": "a-chave-do-parceiro-A-0123456789-xyz", "CHAVE_B": "outra-chave-do-parceiro-B-9876543210"}
Order = dict[str, object]


@dataclass(frozen=True)
class Asked:
    """What a product of rows asks for."""

    columns: tuple[str, ...]
    pseudonyms: tuple[str, ...] = ()
    generalise: tuple[Generalise, ...] = ()
    person: str = "cpf"
    where: str = ""

    def output(self) -> Output:
        coarser = tuple(one for one in self.generalise if one.column in self.columns)
        return Output(
            name="pedidos",
            facts=FACTS,
            contract="release.pedidos",
            place=PLACE,
            where=self.where,
            person=self.person,
            columns=self.columns,
            pseudonyms=tuple(PseudonymColumn(name, PLACE) for name in self.pseudonyms),
            generalise=coarser,
        )


def contract_of(output: Output) -> Contract:
    logical = {"string": "string", "date": "date", "bigint": "integer", "int": "integer", "timestamp": "timestamp"}
    columns = tuple(
        Column(name, logical.get(kind, "number"), "", PLACE, physical_type=kind)  # type: ignore[arg-type]
        for name, kind in output_columns(output, TYPES)
    )
    return Contract("pedidos", "1.0.0", TableName("release", "pedidos"), columns, PLACE, "")


def product_of(
    output: Output, *, partner: str = "a", key: str = "CHAVE_A", persons: int = 5, key_days: int = 0
) -> Product:
    return Product(
        name="pedidos",
        title="Pedidos",
        version="1.0.0",
        partner=partner,
        owner="dados",
        purpose="mostrar",
        legal_basis="consent",
        outputs=(output,),
        privacy=PrivacyPolicy(
            PLACE, minimum_persons=persons, pseudonym_key=SecretReference("env", key) if key else None
        ),
        place=PLACE,
        text_sha256="",
        retention=Retention(key_days=key_days),
    )


class RowsBench:
    """A workspace whose facts are written anew for each question."""

    def __init__(self, folder: Path) -> None:
        (folder / "models").mkdir(parents=True)
        (folder / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
        (folder / "models/pedidos.sql").write_text(MODEL, encoding="utf-8")
        self.clock = SetClock(datetime(2026, 3, 1, tzinfo=UTC))
        project = load_project(folder, environment={}, typed_in=folder)
        self.workspace = Workspace(project, environment=dict(KEYS), clock=self.clock)

    def write(self, orders: Sequence[Order]) -> int:
        """The version of the table that holds exactly these."""
        lake = self.workspace.lake
        table = pa.Table.from_pylist(list(orders), schema=SCHEMA)
        found = lake.find(FACTS)
        app = "afluente:teste:pedidos"
        plan = lake.plan(
            FACTS,
            found,
            "create" if found is None else "replace",
            lake.write_batches(FACTS, SCHEMA, table.to_reader()),
            schema=SCHEMA,
            app_id=app,
            app_version=1 if found is None else found.transaction_version(app) + 1,
        )
        return lake.commit(plan).version

    def gate(self, orders: Sequence[Order], asked: Asked, **of_product: object) -> GatedOutput:
        version = self.write(orders)
        output = asked.output()
        product = product_of(output, **of_product)  # type: ignore[arg-type]
        return pass_rows(self.workspace, product, output, contract_of(output), at={FACTS: version})


def order(person: int, **fields: object) -> Order:
    """One order of a person; cities and CEPs follow the person's number."""
    plain: Order = {
        "cpf": cpf_of(person),
        "cliente_id": person,
        "cidade": f"cidade {person % 3}",
        "cep": f"{1000 + person % 40:05d}{person % 7:03d}",
        "pedido_em": datetime(2026, 1, 1 + person % 28, 15, person % 60, tzinfo=UTC),
        "nascimento": datetime(1950 + person % 50, 1 + person % 12, 1 + person % 28, tzinfo=UTC).date(),
        "diagnostico": f"d{person % 4}",
        "produto": f"p{person % 5}",
        "nota": None,
        "valor": person % 90,
    }
    return {**plain, **fields}


def cpf_of(number: int) -> str:
    """The CPF of a base number, with its check digits."""
    digits = [int(digit) for digit in f"{number:09d}"]
    for _ in range(2):
        weighted = sum(digit * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True))
        digits.append(weighted * 10 % 11 % 10)
    return "".join(map(str, digits))


def with_key(product: Product, reference: SecretReference | None) -> Product:
    return replace(product, privacy=replace(product.privacy, pseudonym_key=reference))
