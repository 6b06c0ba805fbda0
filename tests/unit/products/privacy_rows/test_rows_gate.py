"""Outputs of rows, from the facts to what leaves, and attacks on what left."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from rows_workbench import COARSE, FACTS, KEYS, Asked, RowsBench, contract_of, cpf_of, order, product_of, with_key

from afluente.core.errors import DataRefused
from afluente.products.privacy.gated import CELLS, GatedOutput
from afluente.products.privacy.pseudonym import PseudonymKey, record_key
from afluente.products.privacy.rows_gate import AS_ASKED, COARSER, pass_rows
from afluente.project.product import Generalise

PROFILE = Asked(("cliente_id", "cidade", "cep", "pedido_em", "nascimento", "produto"), ("cliente_id",), COARSE)
PLAIN = Asked(("cidade", "cep", "pedido_em", "produto", "valor"), (), COARSE)
ORDERS = [order(person) for person in range(400)]


def test_what_leaves_has_the_contracts_columns_coarser_and_under_pseudonyms(rows_bench: RowsBench) -> None:
    same = [
        order(
            person,
            cep="01310100",
            cidade="SP",
            nascimento=datetime(1990, 5, 1, tzinfo=UTC).date(),
            pedido_em=ORDERS[3]["pedido_em"],
        )
        for person in range(6)
    ]

    gated = rows_bench.gate(same, PROFILE)

    assert gated.table.column_names == list(PROFILE.columns)
    key = PseudonymKey.of("a", KEYS["CHAVE_A"])
    assert set(gated.table["cliente_id"].to_pylist()) == {key.pseudonym("cliente_id", str(n)) for n in range(6)}
    rest = set(
        zip(*(gated.table[name].to_pylist() for name in ("cidade", "cep", "pedido_em", "nascimento")), strict=True)
    )
    assert rest == {("SP", "01310", "2026-01-04", "1990")}
    assert gated.told == ()
    assert gated.findings == ()
    assert gated.utility.at_level(CELLS, AS_ASKED) == 1.0


def test_the_same_facts_in_another_order_give_the_same_table(rows_bench: RowsBench) -> None:
    assert rows_bench.gate(ORDERS, PLAIN).table == rows_bench.gate(ORDERS[::-1], PLAIN).table


def test_an_older_version_is_read_when_it_is_pinned(rows_bench: RowsBench) -> None:
    old = rows_bench.write(ORDERS)
    rows_bench.write(ORDERS[:7])
    output = PLAIN.output()

    gated = pass_rows(rows_bench.workspace, product_of(output), output, contract_of(output), at={FACTS: old})

    assert gated.utility.cells == 400


def test_where_keeps_rows(rows_bench: RowsBench) -> None:
    asked = Asked(("cidade", "produto"), where="cidade = 'cidade 1'")

    assert set(rows_bench.gate(ORDERS, asked).table["cidade"].to_pylist()) == {"cidade 1"}


def test_what_is_coarser_and_what_is_dropped_is_counted(rows_bench: RowsBench) -> None:
    many = [order(n, cidade="SP") for n in range(8)]
    few = [order(n, cidade="Xapuri") for n in range(100, 103)]

    gated = rows_bench.gate([*many, *few], Asked(("cidade", "produto")))

    assert gated.utility.at_level(CELLS, AS_ASKED) == pytest.approx(8 / 11)
    assert gated.utility.at_level(CELLS, "") == pytest.approx(3 / 11)
    assert gated.table["cidade"].to_pylist() == ["SP"] * 8
    more = rows_bench.gate(
        [*many, *few, *(order(n, cidade=f"c{n}") for n in range(200, 204))], Asked(("cidade", "produto"))
    )
    assert more.utility.at_level(CELLS, COARSER) == pytest.approx(7 / 15)
    assert more.utility.visible(CELLS) == 1.0


def test_a_gate_that_drops_everything_holds_the_release(rows_bench: RowsBench) -> None:
    gated = rows_bench.gate(ORDERS[:3], PLAIN)

    assert gated.table.num_rows == 0
    assert [(one.code, one.action) for one in gated.findings] == [("privacy.nothing_left", "hold")]


def test_facts_without_rows_are_an_empty_table(rows_bench: RowsBench) -> None:
    gated = rows_bench.gate([], PROFILE)

    assert (gated.table.num_rows, gated.table.column_names) == (0, list(PROFILE.columns))
    assert gated.findings == ()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(("cpf", "produto")), "privacy.direct_identifier"),
        (Asked(("cpf", "produto"), (), (Generalise("cpf", COARSE[0].place, keep=3),)), "privacy.direct_identifier"),
        (Asked(("pedido_em", "produto")), "privacy.time_too_fine"),
        (Asked(("cidade", "produto"), person=""), "privacy.no_person"),
        (Asked(("diagnostico", "produto"), person=""), "privacy.no_person"),
        (Asked(("cpf", "produto"), ("cpf",), person=""), "privacy.no_person"),
        (Asked(("valor", "renda")), "privacy.undeclared_column"),
    ],
)
def test_a_column_that_may_not_leave_is_refused(rows_bench: RowsBench, asked: Asked, code: str) -> None:
    with pytest.raises(DataRefused) as refused:
        rows_bench.gate(ORDERS[:10], asked)

    assert refused.value.code == code
    assert not any(str(one["cpf"]) in refused.value.message for one in ORDERS[:10])


def test_a_contract_that_is_stricter_than_the_facts_is_heard(rows_bench: RowsBench) -> None:
    from dataclasses import replace

    output = Asked(("produto", "valor")).output()
    contract = contract_of(output)
    strict = replace(
        contract, columns=(replace(contract.columns[0], classification="direct_identifier"), contract.columns[1])
    )

    with pytest.raises(DataRefused, match="produto"):
        pass_rows(rows_bench.workspace, product_of(output), output, strict, at={})


def test_a_text_with_cpfs_or_addresses_refuses_the_release_without_telling_them(rows_bench: RowsBench) -> None:
    notes = [
        f"ligar para {cpf_of(1)[:3]}.{cpf_of(1)[3:6]}.{cpf_of(1)[6:9]}-{cpf_of(1)[9:]}",
        "fulana@example.com",
        cpf_of(77),
        "casa 2",
        None,
    ]
    orders = [order(person, nota=notes[person % 5]) for person in range(20)]

    gated = rows_bench.gate(orders, Asked(("produto", "nota")))

    assert [(one.code, one.cell, one.action) for one in gated.findings] == [
        ("privacy.text_identifies", "nota", "refuse")
    ] * 2
    told = repr(gated.findings)
    assert cpf_of(77) not in told
    assert "fulana" not in told


def test_numbers_that_are_no_cpf_but_by_chance_refuse_nothing(rows_bench: RowsBench) -> None:
    orders = [order(person, nota=f"pedido {11900000000 + person * 7919}") for person in range(300)]

    assert rows_bench.gate(orders, Asked(("produto", "nota"))).findings == ()


def test_without_a_key_or_after_its_end_nothing_leaves(rows_bench: RowsBench) -> None:
    version = rows_bench.write(ORDERS)
    output = PROFILE.output()
    product = product_of(output, partner="z", key_days=10)
    at = {FACTS: version}

    with pytest.raises(DataRefused) as refused:
        pass_rows(rows_bench.workspace, with_key(product, None), output, contract_of(output), at=at)
    assert refused.value.code == "privacy.no_pseudonym_key"

    key = PseudonymKey.of("z", KEYS["CHAVE_A"])
    with rows_bench.workspace.state.write() as connection:
        record_key(connection, key, at=rows_bench.clock.now() - timedelta(days=10), key_days=10)
    with pytest.raises(DataRefused) as refused:
        pass_rows(rows_bench.workspace, product, output, contract_of(output), at=at)
    assert refused.value.code == "privacy.pseudonym_key_expired"


def _consistent(gated: GatedOutput, known: dict[str, object]) -> list[dict[str, object]]:
    """The released rows that may be of somebody of whom the attacker knows city, CEP and day: null may be anything."""
    rows = gated.table.to_pylist()
    wanted = {"cidade": str(known["cidade"]), "cep": str(known["cep"]), "pedido_em": _day(known["pedido_em"])}
    return [
        row
        for row in rows
        if all(row[name] is None or whole.startswith(str(row[name])) for name, whole in wanted.items())
    ]


def _day(moment: object) -> str:
    assert isinstance(moment, datetime)
    return (moment - timedelta(hours=3)).date().isoformat()


def test_attack_linkage_on_city_cep_and_time_finds_no_class_under_the_fewest(rows_bench: RowsBench) -> None:
    """The attacker knows where each person lives, to the CEP, and the minute of the order."""
    gated = rows_bench.gate(ORDERS, PLAIN)

    assert gated.utility.visible(CELLS) > 0.95
    sizes: dict[tuple[object, ...], int] = defaultdict(int)
    for row in gated.table.to_pylist():
        sizes[row["cidade"], row["cep"], row["pedido_em"]] += 1
    assert min(sizes.values()) >= 5
    candidates = [len(_consistent(gated, one)) for one in ORDERS]
    assert min(number for number in candidates if number) >= 5


def test_attack_linkage_of_all_orders_under_one_pseudonym_finds_no_class_under_the_fewest(
    rows_bench: RowsBench,
) -> None:
    """Each person ordered in two cities, in pairs that few share; the attacker knows both."""
    orders = [order(person, cidade=f"c{city}") for person in range(120) for city in (person % 6, person * 7 % 11)]

    gated = rows_bench.gate(orders, Asked(("cliente_id", "cidade"), ("cliente_id",)))

    cities: dict[object, set[object]] = defaultdict(set)
    for row in gated.table.to_pylist():
        cities[row["cliente_id"]].add(row["cidade"])
    shared: dict[frozenset[object], int] = defaultdict(int)
    for found in cities.values():
        shared[frozenset(found)] += 1
    assert len(cities) > 100
    assert min(shared.values()) >= 5


def test_attack_two_partners_join_none_of_the_same_rows(rows_bench: RowsBench) -> None:
    asked = Asked(("cpf", "produto"), ("cpf",))

    at_a = rows_bench.gate(ORDERS, asked, partner="a", key="CHAVE_A").table
    at_b = rows_bench.gate(ORDERS, asked, partner="b", key="CHAVE_B").table
    under_one_key = rows_bench.gate(ORDERS, asked, partner="b", key="CHAVE_A").table

    assert at_a.num_rows == at_b.num_rows == 400
    assert at_a.join(at_b, "cpf", join_type="inner").num_rows == 0
    assert at_a.join(under_one_key, "cpf", join_type="inner").num_rows == 0


def test_canaries_no_identifier_of_anybody_is_in_what_leaves(rows_bench: RowsBench) -> None:
    gated = rows_bench.gate(ORDERS, PROFILE)

    told = repr(gated.table.to_pylist()) + repr(gated.findings) + repr(gated.utility)
    assert gated.table.num_rows > 0
    assert not [one for one in ORDERS if str(one["cpf"]) in told or str(one["cep"]) in told]
    assert KEYS["CHAVE_A"] not in told
