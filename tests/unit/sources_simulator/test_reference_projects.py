"""The reference projects are valid ODCS, have no mistakes, and agree with the simulator that feeds one of them."""

from __future__ import annotations

import csv
import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML

from afluente.conform.registry import type_names
from afluente.project.contract import Contract
from afluente.project.known import Known
from afluente.project.load import check_project, load_project
from afluente.project.settings import Project
from afluente.sources.registry import check_source, connector_names
from afluente.sources.simulator.dirt import CATALOGUE, TABLES, TableKey
from afluente.sources.simulator.vocabulary import (
    BRANDS,
    CATEGORY_SYNONYMS,
    NO_WORDS,
    PAYMENT_SYNONYMS,
    PLACES,
    RESTAURANT_KINDS,
    SEGMENT_SYNONYMS,
    YES_WORDS,
)

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("ouchhungry", "olist")
ENVIRONMENT = {"DATA": "dados"}
CONTRACTS = sorted(path for name in NAMES for path in (EXAMPLES / name / "contracts").glob("*.odcs.yaml"))


def loaded(name: str) -> Project:
    return load_project(EXAMPLES / name, environment=ENVIRONMENT, typed_in=EXAMPLES)


def contract(table: TableKey) -> Contract:
    return next(one for one in loaded("ouchhungry").contracts if one.table.name == table)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: f"{path.parts[-3]}.{path.name}")
def test_every_contract_is_valid_against_the_json_schema_of_odcs(path: Path) -> None:
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8"))
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    assert [error.message for error in Draft201909Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_project_has_no_mistakes(name: str) -> None:
    known = Known(formats=type_names(), connectors=connector_names())
    assert check_project(EXAMPLES / name, environment=ENVIRONMENT, typed_in=EXAMPLES, known=known) == []
    assert [problem for source in loaded(name).sources for problem in check_source(source)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_column_says_how_private_it_is_and_every_output_has_a_type(name: str) -> None:
    project = loaded(name)
    assert all(one.columns and one.owner for one in project.contracts)
    assert all(model.columns and model.owner and model.description for model in project.models)
    restricted = {column.name for one in project.contracts for column in one.columns if column.is_restricted}
    assert restricted


@pytest.mark.parametrize("table", TABLES)
def test_the_outcome_of_each_kind_of_dirt_is_what_the_contract_asks(table: TableKey) -> None:
    promised = contract(table)
    for dirt in CATALOGUE[table]:
        column = promised.column(dirt.column)
        match dirt.outcome:
            case "null":
                assert column.on_invalid == "set_null" or not column.required, dirt
                assert not column.required, dirt
            case "reject":
                assert column.required, dirt
                assert column.on_invalid == "quarantine", dirt
            case "repair":
                pass


def test_the_contracts_know_every_word_the_simulator_writes() -> None:
    products, orders = contract("produtos"), contract("transacoes")
    assert products.column("marca").values == tuple(brand.name for brand in BRANDS)
    assert set(products.column("segmento").values) == {brand.segment for brand in BRANDS}
    assert set(orders.column("categoria").values) == set(RESTAURANT_KINDS)
    for column, synonyms in (
        (products.column("segmento"), SEGMENT_SYNONYMS),
        (orders.column("categoria"), CATEGORY_SYNONYMS),
        (orders.column("forma_pagamento"), PAYMENT_SYNONYMS),
    ):
        known = {word.casefold() for word in (*column.values, *column.synonyms)}
        unaccented = {"crédito", "débito", "vale refeição", "acai", "arabe"}
        written = {word.casefold() for words in synonyms.values() for word in words}
        assert written - known <= unaccented
    delivered = orders.column("entregue")
    assert {word.casefold() for word in YES_WORDS} <= {word.casefold() for word in delivered.true_words}
    assert {word.casefold() for word in NO_WORDS} <= {word.casefold() for word in delivered.false_words}


def test_the_places_of_the_project_are_those_of_the_simulator() -> None:
    with (EXAMPLES / "ouchhungry" / "dados" / "pracas.csv").open(encoding="utf-8", newline="") as stream:
        listed = {(row["municipio"], row["cidade"], row["uf"]) for row in csv.DictReader(stream)}
    assert listed == {(place.code, place.name, place.state) for place in PLACES}


def test_the_simulated_sources_are_one_company() -> None:
    simulated = [source for source in loaded("ouchhungry").sources if source.connector == "simulator"]
    assert {source.options["table"] for source in simulated} == set(TABLES)
    rest = [{key: value for key, value in source.options.items() if key != "table"} for source in simulated]
    assert rest[0] == rest[1] == rest[2]
