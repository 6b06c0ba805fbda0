"""Keys that stand in for a person's, and when none is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.errors import Place, RunError
from afluente.core.tables import TableName
from afluente.products.governance.stand_in import may_be_null, stand_in
from afluente.project.contract import Column, Contract, Reference

NOWHERE = Place("contracts/vendas.odcs.yaml")
KEY = Column("cliente_id", "string", "cliente_id", NOWHERE)
CONTRACT = Contract("vendas", "1.0.0", TableName("silver", "vendas"), (KEY,), NOWHERE, "")


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[A-Z]{2,4}-[0-9]{7}", fullmatch=True))
def test_a_stand_in_has_the_shape_of_the_key_and_is_another(key: str) -> None:
    made = stand_in(key, {key})
    assert made != key
    assert len(made) == len(key)
    assert [letter.isdigit() for letter in made] == [letter.isdigit() for letter in key]
    assert made.split("-", maxsplit=1)[0] == key.split("-", maxsplit=1)[0]


def test_a_long_hex_key_keeps_nothing_of_its_digits() -> None:
    key = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    made = stand_in(key, set())
    assert [at for at, letter in enumerate(made) if letter == "-"] == [8, 13, 18, 23]
    assert sum(one == other for one, other in zip(made, key, strict=True)) < 20


def test_a_key_of_somebody_else_is_never_taken() -> None:
    free = "A7"
    taken = {f"A{digit}" for digit in range(10)} - {free}
    assert stand_in("A3", taken) == free
    with pytest.raises(RunError, match="no free key"):
        stand_in("A3", {*taken, free})


def test_a_number_gets_a_digit_more_where_all_of_its_length_are_taken() -> None:
    taken = {str(number) for number in range(1, 400)}
    made = stand_in("7", taken)
    assert made not in taken
    assert made.isdigit()
    assert len(made) == 3


def test_a_number_never_begins_with_zero() -> None:
    assert all(stand_in("1234", set())[0] != "0" for _ in range(50))


@pytest.mark.parametrize(
    ("column", "is_allowed"),
    [
        (KEY, True),
        (replace(KEY, required=True), False),
        (replace(KEY, primary_key_position=1), False),
        (replace(KEY, partition_position=1), False),
        (replace(KEY, on_missing="quarantine"), False),
    ],
)
def test_null_stands_in_only_where_the_contract_lets_it(column: Column, *, is_allowed: bool) -> None:
    assert may_be_null(replace(CONTRACT, columns=(column,)), "cliente_id") is is_allowed


def test_a_reference_is_never_null() -> None:
    reference = Reference(("cliente_id",), TableName("silver", "clientes"), ("cliente_id",), NOWHERE)
    assert not may_be_null(replace(CONTRACT, references=(reference,)), "cliente_id")
