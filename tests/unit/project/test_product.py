"""Product files read whole, and whatever else they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.core.errors import CheckFailed, Place, Problem
from afluente.core.tables import LAYERS, TableName
from afluente.project.known import NOTHING_KNOWN, Known
from afluente.project.load import check_project, load_project
from afluente.project.mistakes import Mistakes
from afluente.project.output_columns import output_columns, period_column, share_column
from afluente.project.product import DeliverySettings, Generalise, Output, Product, PseudonymColumn, Retention, Segment
from afluente.project.read_product import read_product
from afluente.project.secret_reference import SecretReference
from afluente.project.yaml_node import Node
from afluente.project.yaml_text import parse_yaml
from tests.unit.project.product_files import DAY, PRODUCT, PRODUCT_FILES

Write = Callable[..., Path]
FACTS_TYPES = {
    "municipio": "string",
    "uf": "string",
    "cidade": "string",
    "produto": "string",
    "produto_id": "bigint",
    "marca": "string",
    "quantidade": "int",
    "valor": "decimal(12,2)",
    "cliente_id": "string",
    "cep": "string",
    "nascimento": "date",
}


def read(text: str, environment: Mapping[str, str] | None = None) -> tuple[Product | None, Mistakes]:
    mistakes = Mistakes("products/p.yaml")
    node = parse_yaml(text.encode(), mistakes)
    read_it = read_product(
        node, mistakes, text_sha256="x", known=NOTHING_KNOWN, environment=environment, typed_in=Path("/em")
    )
    return read_it, mistakes


def product() -> Product:
    read_it, mistakes = read(PRODUCT)
    assert read_it is not None
    assert mistakes.problems == []
    return read_it


def test_a_product_is_read_whole() -> None:
    one = product()

    assert (one.name, one.partner, one.allies, one.cron) == ("vendas_marca", "marca", ("irma",), "0 8 * * *")
    assert one.retention == Retention(730, 365)
    assert one.signing_key == SecretReference("file", "chaves/assinatura")
    assert one.privacy.pseudonym_key == SecretReference("env", "CHAVE")
    assert one.privacy.share_bands == (0.1, 0.2, 0.3)
    day, profile = one.outputs
    assert (day.facts, day.contract, day.formats) == (
        TableName("gold", "fato"),
        "release.vendas_dia",
        ("csv", "parquet"),
    )
    assert (day.period_column, day.grain, day.places) == ("pedido_em", "day", ("municipio", "uf"))
    assert day.labels == {"cidade": "municipio", "produto": "produto_id"}
    assert [(m.name, m.aggregation, m.column, m.numerator, m.denominator) for m in day.measures] == [
        ("unidades", "sum", "quantidade", "", ""),
        ("receita", "sum", "valor", "", ""),
        ("clientes", "distinct", "cliente_id", "", ""),
        ("pedidos", "count", "", "", ""),
        ("preco_medio", "ratio", "", "receita", "unidades"),
    ]
    assert day.segment is not None
    assert (day.segment.column, day.segment.entity, day.segment.own, day.segment.measure) == (
        "segmento",
        "marca",
        ("Hungry", "Ouch"),
        "valor",
    )
    assert not profile.is_of_cells
    assert [(g.column, g.keep, g.truncate, g.step) for g in profile.generalise] == [
        ("cep", 5, "", 0.0),
        ("nascimento", 0, "year", 0.0),
        ("quantidade", 0, "", 10.0),
    ]
    assert [(g.name, g.kind, g.on_breach, g.output, dict(g.options)) for g in one.guardrails] == [
        ("frescos", "freshness", "hold", "", {"max_age_hours": 36.0}),
        ("volume", "volume", "hold", "vendas_dia", {"max_change_percent": 60.0}),
        ("colunas", "schema", "hold", "", {}),
        ("estranho", "anomaly", "warn", "vendas_dia", {"measure": "receita", "z": 6.0}),
    ]
    assert [(d.name, d.connector, d.outputs, d.formats) for d in one.deliveries] == [
        ("arquivos", "sftp", (), ()),
        ("api", "api", ("perfil",), ()),
        ("copia", "folder", (), ("parquet",)),
    ]
    assert one.deliveries[0].options["private_key"] == SecretReference("file", "chaves/sftp")
    assert one.deliveries[0].options["host_key"] == "ssh-ed25519 AAAA"
    assert one.deliveries[1].options["auth"] == {"token": SecretReference("env", "TOKEN")}


def test_variables_stand_in_a_product_and_a_path_from_one_is_taken_from_where_the_command_was_typed() -> None:
    text = PRODUCT.replace("path: entregas", 'path: "${env:SAIDA}"').replace(
        "host: sftp.example.com", 'host: "${env:SFTP:-sftp.example.net}"'
    )

    one, mistakes = read(text, {"SAIDA": "fora"})

    assert mistakes.problems == []
    assert one is not None
    assert one.deliveries[2].options == {"path": "/em/fora"}
    assert one.deliveries[0].options["host"] == "sftp.example.net"


def test_output_contracts_are_never_conformed(write: Write) -> None:
    root = write(PRODUCT_FILES)

    project = load_project(root, environment={}, typed_in=root)

    assert [str(one.table) for one in project.output_contracts] == [
        "release.perfil",
        "release.total",
        "release.vendas_dia",
    ]
    assert {one.table.layer for one in project.contracts} == {"silver"}
    assert [one.name for one in project.products] == ["vendas_irma", "vendas_marca"]
    assert "release" not in LAYERS
    with pytest.raises(ValueError, match="layer 'release' is none of"):
        TableName.parse("release.total")


def test_the_cache_changes_nothing_that_is_read(write: Write) -> None:
    root = write(PRODUCT_FILES)

    cold = load_project(root, environment={}, typed_in=root)
    warm = load_project(root, environment={}, typed_in=root)

    assert cold == warm


def test_a_product_of_a_table_that_only_a_contract_declares(write: Write, files: dict[str, str]) -> None:
    irma = PRODUCT_FILES["products/irma.yaml"]
    text = (
        irma.replace("gold.fato", "silver.clientes")
        .replace("person: cliente_id", "person: cpf")
        .replace("sum: valor", "sum: preco")
    )
    assert "contracts/clientes.odcs.yaml" in files
    root = write({**PRODUCT_FILES, "products/irma.yaml": text})

    assert check_project(root, environment={}, typed_in=root) == []


@pytest.mark.parametrize("through", ["", "models/meio.sql"])
def test_a_gold_column_of_an_identifiers_name_is_one_until_it_is_declared_public(write: Write, through: str) -> None:
    """The model's author forgot to classify `cpf`, which silver.clientes has as a direct identifier."""
    facts = PRODUCT_FILES["models/fato.sql"].replace("string, classification: direct_identifier", "string")
    files = {"products/marca.yaml": PRODUCT.replace("[produto_id, marca]", "[produto_id, marca, cpf]")}
    if through:
        files[through] = facts
        facts = facts.replace("silver.clientes", "gold.meio")

    told = check_project(write({**PRODUCT_FILES, **files, "models/fato.sql": facts}), environment={}, typed_in=Path())
    public = facts.replace("cpf, type: string", "cpf, type: string, classification: public")
    others = check_project(
        write({**PRODUCT_FILES, **files, "models/fato.sql": public}), environment={}, typed_in=Path()
    )

    assert "product.direct_identifier" in [one.code for one in told]
    assert "product.direct_identifier" not in [one.code for one in others]


def test_a_broken_contract_is_told_and_not_what_follows_from_it(write: Write) -> None:
    broken = PRODUCT_FILES["contracts/total.odcs.yaml"].replace("physicalName: release.total", "physicalName: x")
    root = write({**PRODUCT_FILES, "contracts/total.odcs.yaml": broken})

    problems = check_project(root, environment={}, typed_in=root)

    assert {problem.place.file for problem in problems} == {"contracts/total.odcs.yaml"}


def test_a_delivery_is_held_against_its_connector(write: Write) -> None:
    asked: list[str] = []

    def check(settings: DeliverySettings) -> tuple[Problem, ...]:
        asked.append(settings.name)
        return ()

    known = Known(deliveries=("api", "folder", "sftp"), check_delivery=check)
    root = write(PRODUCT_FILES)

    assert check_project(root, environment={}, typed_in=root, known=known) == []
    assert asked == ["arquivos", "api", "copia"]


def test_the_columns_of_cells_are_those_of_the_contract_in_their_order() -> None:
    day = product().output("vendas_dia")

    columns = output_columns(day, FACTS_TYPES)

    assert [name for name, _ in columns] == list(DAY)
    assert dict(columns)["receita"] == "decimal(22,2)"
    assert dict(columns)["unidades"] == "bigint"
    assert dict(columns)["preco_medio"] == "double"
    assert (period_column(day), share_column(day)) == ("dia", "participacao_receita")


def test_the_columns_of_rows_have_the_types_they_leave_with() -> None:
    assert output_columns(product().output("perfil"), FACTS_TYPES) == (
        ("cliente_id", "string"),
        ("cep", "string"),
        ("nascimento", "string"),
        ("quantidade", "bigint"),
        ("produto", "string"),
    )


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (Output("o", TableName("gold", "f"), "release.o", Place("p"), columns=("a",)), (("a", "double"),)),
        (
            Output(
                "o",
                TableName("gold", "f"),
                "release.o",
                Place("p"),
                columns=("a", "b"),
                pseudonyms=(PseudonymColumn("a", Place("p")),),
                generalise=(Generalise("b", Place("p"), truncate="day"),),
            ),
            (("a", "string"), ("b", "string")),
        ),
        (
            Output(
                "o",
                TableName("gold", "f"),
                "release.o",
                Place("p"),
                columns=("a",),
                generalise=(Generalise("a", Place("p"), step=0.5),),
            ),
            (("a", "double"),),
        ),
    ],
)
def test_the_types_of_rows(output: Output, expected: tuple[tuple[str, str], ...]) -> None:
    assert output_columns(output, {"a": "double", "b": "timestamp"}) == expected


def test_a_share_of_a_column_that_is_no_measure_has_the_columns_name() -> None:
    segment = Segment("segmento", "marca", ("Ouch",), "peso", Place("p"))
    output = Output("o", TableName("gold", "f"), "release.o", Place("p"), segment=segment)

    assert share_column(output) == "participacao_peso"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
KEYS = st.sampled_from(
    [
        *("product", "title", "partner", "allies", "outputs", "privacy", "deliveries", "guardrails", "retention"),
        *("name", "facts", "contract", "formats", "period", "place", "labels", "measures", "segment", "columns"),
        *("generalise", "pseudonyms", "sum", "ratio", "count", "kind", "share_bands", "signing_key", "sftp", "own"),
    ]
)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=6), inner, max_size=6)
)


def node_of(value: object) -> Node:
    if isinstance(value, list):
        return Node(tuple(node_of(item) for item in value), 1, 1)
    if isinstance(value, dict):
        return Node({str(key): node_of(item) for key, item in value.items()}, 1, 1)
    assert value is None or isinstance(value, str | int | float | bool)
    return Node(value, 1, 1, "" if value is None else str(value))


@settings(max_examples=150, deadline=None)
@given(value=ANYTHING)
def test_arbitrary_trees_are_mistakes_and_never_raise(value: object) -> None:
    mistakes = Mistakes("products/p.yaml")

    read_it = read_product(node_of(value), mistakes, text_sha256="x", known=NOTHING_KNOWN)

    assert read_it is not None or mistakes.problems


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_value_changed_to_anything_never_raises(data: st.DataObject) -> None:
    mistakes = Mistakes("products/p.yaml")
    node = parse_yaml(PRODUCT.encode(), mistakes)

    read_product(_changed(node, data), mistakes, text_sha256="x", known=NOTHING_KNOWN)


def _changed(node: Node, data: st.DataObject) -> Node:
    """The tree with one value somewhere replaced."""
    is_deeper = bool(data.draw(st.integers(0, 5)))
    if node.mapping and is_deeper:
        key = data.draw(st.sampled_from(sorted(node.mapping)))
        return Node({**node.mapping, key: _changed(node.mapping[key], data)}, node.line, node.column)
    if node.items and is_deeper:
        index = data.draw(st.integers(0, len(node.items) - 1))
        items = list(node.items)
        items[index] = _changed(items[index], data)
        return Node(tuple(items), node.line, node.column)
    return node_of(data.draw(ANYTHING))


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200) | st.binary(max_size=100))
def test_arbitrary_text_in_a_products_file_is_a_mistake(
    text: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("p")
    (root / "afluente.yaml").write_text("name: p\ntimezone: UTC\n")
    (root / "products").mkdir()
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (root / "products/p.yaml").write_bytes(content)

    with pytest.raises(CheckFailed):
        load_project(root, environment={}, typed_in=root)
