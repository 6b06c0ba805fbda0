"""What the simulator makes: the dirt it claims, where it claims it, and a truth that is true."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pyarrow as pa
import pytest
from stdnum import ean
from validate_docbr import CPF

from afluente.sources.simulator.company import Simulation, misspelled
from afluente.sources.simulator.dirt import CASCADE, CATALOGUE, TABLES, Shares, TableKey
from afluente.sources.simulator.generate import file_names, simulate
from afluente.sources.simulator.sheet import SimulatedFile, dirt_column
from afluente.sources.simulator.vocabulary import BRANDS, IMPOSSIBLE_AREA_CODES, PLACES

Tables = Mapping[TableKey, pa.Table]


def cells(rows: pa.Table, truth: pa.Table, *, name: str, silver: str, kind: str | None) -> list[tuple[str, object]]:
    """Pairs (text, true value) of the cells with this kind of dirt; None: clean ones."""
    kinds = truth[dirt_column(silver)].to_pylist()
    pairs = zip(rows[name].to_pylist(), truth[silver].to_pylist(), kinds, strict=True)
    return [(text, true) for text, true, found in pairs if found == kind]


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    company: Mapping[TableKey, list[SimulatedFile]],
) -> None:
    again = list(simulate("transacoes", Simulation(seed=7, rows=6_000, months=3)))
    assert [file.rows for file in again] == [file.rows for file in company["transacoes"]]
    assert [file.truth for file in again] == [file.truth for file in company["transacoes"]]
    other = next(iter(simulate("clientes", Simulation(seed=8, rows=6_000))))
    assert other.rows != company["clientes"][0].rows


@pytest.mark.parametrize("table", TABLES)
def test_the_truth_has_one_row_for_each_row_exported(
    company: Mapping[TableKey, list[SimulatedFile]], table: TableKey
) -> None:
    for file in company[table]:
        assert file.truth["_source_row"].to_pylist() == list(range(1, file.rows.num_rows + 1))
        assert set(file.truth["_source"].to_pylist()) == {file.name}
    assert [file.name for file in company[table]] == list(file_names(table, Simulation(seed=7, rows=6_000, months=3)))


@pytest.mark.parametrize("table", TABLES)
def test_the_fate_of_a_row_follows_from_the_dirt_in_its_cells(truths: Tables, table: TableKey) -> None:
    outcomes = {(dirt.column, dirt.kind): dirt.outcome for dirt in CATALOGUE[table]}
    columns = sorted({dirt.column for dirt in CATALOGUE[table]})
    for row in truths[table].to_pylist():
        met = {outcomes[column, row[dirt_column(column)]] for column in columns if row[dirt_column(column)]}
        if row["_fate"] == "duplicate":
            assert "reject" not in met
            assert row["_dirt_row"] is not None
        else:
            assert row["_fate"] == ("reject" if "reject" in met else "repair" if met else "accept")


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_kept_or_rejected_once(truths: Tables, table: TableKey) -> None:
    key = {"produtos": "produto_id", "clientes": "cliente_id", "transacoes": "transacao_id"}[table]
    kept = Counter(row[key] for row in truths[table].to_pylist() if row["_fate"] != "duplicate")
    assert set(kept.values()) == {1}


def test_shares_of_dirt_are_those_of_the_catalogue_within_chance() -> None:
    truth = next(iter(simulate("clientes", Simulation(seed=3, rows=400_000)))).truth
    original = truth.filter(pa.compute.not_equal(truth["_fate"].cast(pa.string()), "duplicate"))
    for column, kind, share in (("cpf", "digito_falso", 0.02), ("email", "invalido", 0.02), ("uf", "caixa", 0.05)):
        found = Counter(original[dirt_column(column)].to_pylist())[kind] / original.num_rows
        assert found == pytest.approx(share, rel=0.15)


def test_a_share_given_by_name_replaces_the_catalogues_and_scale_zero_is_clean() -> None:
    shares = Shares({"clientes.cpf.digito_falso": 0.5}, scale=0)
    truth = next(iter(simulate("clientes", Simulation(seed=3, rows=40_000, shares=shares)))).truth
    fates = Counter(truth["_fate"].to_pylist())
    assert set(fates) == {"accept", "reject"}
    assert fates["reject"] / truth.num_rows == pytest.approx(0.5, abs=0.04)


def test_true_cpfs_are_valid_and_unique_and_false_ones_are_not(rows: Tables, truths: Tables) -> None:
    clean, truth = rows["clientes"], truths["clientes"]
    by_customer = dict(zip(truth["cliente_id"].to_pylist(), truth["cpf"].to_pylist(), strict=True))
    assert len(set(by_customer.values())) == len(by_customer)
    assert all(CPF().validate(value) for value in by_customer.values())
    false = cells(clean, truth, name="cpf", silver="cpf", kind="digito_falso")
    assert false
    assert not any(CPF().validate(text) for text, _ in false)
    for text, true in cells(clean, truth, name="cpf", silver="cpf", kind="zeros_perdidos"):
        assert text.zfill(11) == true
        assert len(text) in (9, 10)
    for text, true in cells(clean, truth, name="cpf", silver="cpf", kind="formato"):
        assert re.fullmatch(r"\d{3}\.\d{3}\.\d{3}-\d{2}", text)
        assert re.sub(r"\D", "", text) == true


def test_true_barcodes_are_valid_and_false_ones_are_not(rows: Tables, truths: Tables) -> None:
    truth = truths["produtos"]
    assert all(ean.is_valid(value) for value in truth["codigo_barras"].to_pylist())
    false = cells(rows["produtos"], truth, name="codigo_barras", silver="codigo_barras", kind="digito_falso")
    assert not any(ean.is_valid(text) for text, _ in false)


def test_places_are_those_of_ibge_and_misspelled_cities_are_none() -> None:
    text = (files("afluente.conform") / "reference" / "municipios.csv").read_text(encoding="utf-8")
    listed = list(csv.DictReader(text.splitlines()))
    by_code = {row["codigo"]: (row["nome"], row["uf"]) for row in listed}
    assert {place.code: (place.name, place.state) for place in PLACES}.items() <= by_code.items()
    keys = {key for row in listed for key in (row["chave"], *row["outras_chaves"].split())}
    folded = {re.sub("[^a-z]", "", misspelled(place.name).lower()) for place in PLACES}
    assert not folded & keys
    assert not {place.area_code for place in PLACES} & set(IMPOSSIBLE_AREA_CODES)


def test_a_cep_of_another_state_is_of_no_city_of_the_customers_state(rows: Tables, truths: Tables) -> None:
    truth = truths["clientes"]
    spans: dict[str, list[tuple[int, int]]] = {}
    for place in PLACES:
        spans.setdefault(place.state, []).append((place.cep_first, place.cep_last))
    state_of = truth["uf"].to_pylist()
    for text, true, kind, state in zip(
        rows["clientes"]["cep"].to_pylist(),
        truth["cep"].to_pylist(),
        truth["_dirt_cep"].to_pylist(),
        state_of,
        strict=True,
    ):
        assert any(low <= int(true) <= high for low, high in spans[state])
        if kind == "outro_estado":
            assert not any(low <= int(text) <= high for low, high in spans[state])


def test_double_encoded_text_is_the_true_text_read_as_latin_1(rows: Tables, truths: Tables) -> None:
    spoiled = cells(
        rows["transacoes"], truths["transacoes"], name="restaurante", silver="restaurante", kind="utf8_dobrado"
    )
    assert spoiled
    assert all(text.encode("latin-1").decode() == true != text for text, true in spoiled)


def test_order_times_are_true_instants_of_sao_paulo_in_three_formats(rows: Tables, truths: Tables) -> None:
    seen = set()
    for kind in (None, "formato"):
        for text, true in cells(
            rows["transacoes"], truths["transacoes"], name="pedido_em", silver="pedido_em", kind=kind
        ):
            pattern = (
                "%d/%m/%Y %H:%M:%S" if "/" in text else "%Y-%m-%dT%H:%M:%S" if "T" in text else "%Y-%m-%d %H:%M:%S"
            )
            seen.add(pattern)
            assert datetime.strptime(text, pattern).replace(tzinfo=UTC) + timedelta(hours=3) == true
    assert len(seen) == 3


def test_money_is_written_as_brazilians_do(rows: Tables, truths: Tables) -> None:
    written = cells(
        rows["transacoes"], truths["transacoes"], name="preco_unitario", silver="preco_unitario", kind="moeda"
    )
    assert any("." in text for text, _ in written)
    for text, true in written:
        assert re.fullmatch(r"R\$ \d{1,3}(\.\d{3})*,\d\d", text)
        assert text.removeprefix("R$ ").replace(".", "").replace(",", ".") == str(true)


def test_orders_of_rejected_customers_and_products_are_rejected_too(truths: Tables) -> None:
    gone = {
        table: {row[f"{table[:-1]}_id"] for row in truths[table].to_pylist() if row["_fate"] == "reject"}
        for table in ("clientes", "produtos")
    }
    assert gone["clientes"]
    for row in truths["transacoes"].to_pylist():
        for column, table in (("cliente_id", "clientes"), ("produto_id", "produtos")):
            if row[dirt_column(column)] != "orfao":
                assert (row[column] in gone[table]) == (row[dirt_column(column)] == CASCADE)


def test_an_older_version_of_a_key_says_something_else_and_was_written_before(rows: Tables, truths: Tables) -> None:
    merged = [
        text | {"fate": true["_fate"], "kind": true["_dirt_row"], "key": true["transacao_id"]}
        for text, true in zip(rows["transacoes"].to_pylist(), truths["transacoes"].to_pylist(), strict=True)
    ]
    kept = {row["key"]: row for row in merged if row["fate"] in ("accept", "repair")}
    older = [row for row in merged if row["kind"] == "chave_em_conflito"]
    repeated = [row for row in merged if row["kind"] == "linha_repetida"]
    assert older
    assert repeated
    assert all(row["atualizado_em"] < kept[row["key"]]["atualizado_em"] for row in older)
    assert all(row["quantidade"] != kept[row["key"]]["quantidade"] for row in older)
    origin = ("fate", "kind")
    assert all(
        {k: v for k, v in row.items() if k not in origin}
        == {k: v for k, v in kept[row["key"]].items() if k not in origin}
        for row in repeated
    )


def test_hungry_and_ouch_have_competitors_in_their_own_segments_only() -> None:
    segments = {brand.name: brand.segment for brand in BRANDS}
    assert (segments["Hungry"], segments["Ouch"]) == ("refrigerante", "salgadinho")
    rivals = Counter(segments.values())
    assert rivals["refrigerante"] > 1
    assert rivals["salgadinho"] > 1
