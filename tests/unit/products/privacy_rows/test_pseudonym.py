"""Pseudonyms, their keys, and attacks on them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from rows_workbench import KEYS, RowsBench, cpf_of

from afluente.core.errors import DataRefused
from afluente.products.privacy.pseudonym import LENGTH, PseudonymKey, check_key, record_key
from afluente.state.release_schema import PSEUDONYM_KEYS

A, B = (PseudonymKey.of(partner, KEYS[name]) for partner, name in (("a", "CHAVE_A"), ("b", "CHAVE_B")))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANDIDATES = 20_000
"""How many CPFs the attacker tries. All there are, 10^9, differ only in the time they take."""


def test_the_same_value_is_the_same_pseudonym_in_a_column_of_a_partner() -> None:
    values = pa.chunked_array([["x", None], ["y", "x"]])

    made = A.pseudonyms("cpf", values).to_pylist()

    assert made == [A.pseudonym("cpf", "x"), None, A.pseudonym("cpf", "y"), A.pseudonym("cpf", "x")]
    assert all(len(one) == LENGTH for one in made if one)


def test_a_number_has_the_pseudonym_of_its_digits() -> None:
    assert A.pseudonyms("id", pa.chunked_array([[17]])).to_pylist() == [A.pseudonym("id", "17")]


@given(values=st.lists(st.text(max_size=20), unique=True, max_size=30))
def test_different_values_have_different_pseudonyms(values: list[str]) -> None:
    made = A.pseudonyms("c", pa.chunked_array([pa.array(values, pa.string())])).to_pylist()

    assert len(set(made)) == len(values)


def test_partners_and_columns_are_apart_even_under_one_key() -> None:
    """Also where the names run together: partner `ab` column `c`, and partner `a` column `bc`."""
    secret = KEYS["CHAVE_A"]
    keys = [PseudonymKey.of(partner, secret) for partner in ("a", "ab", "b")]

    made = [key.pseudonym(column, cpf_of(1)) for key in keys for column in ("c", "bc", "cpf")]

    assert len(set(made)) == 9
    assert len({key.key_id for key in keys}) == 3


def test_attack_a_cpf_is_not_found_by_trying_all_without_the_key() -> None:
    """With a plain hash every one of them is found."""
    persons = [cpf_of(number) for number in range(3000, 3100)]
    tried = [cpf_of(number) for number in range(CANDIDATES)]
    released = set(A.pseudonyms("cpf", pa.chunked_array([persons])).to_pylist())
    plain = {hashlib.sha256(cpf.encode()).hexdigest() for cpf in persons}

    found_in_plain = [cpf for cpf in tried if hashlib.sha256(cpf.encode()).hexdigest() in plain]
    guessed = ["", "a", "cpf", "afluente", "afluente pseudonym 1"]
    found = [
        cpf
        for cpf in tried
        for digest in (
            *(hashlib.new(kind, cpf.encode(), usedforsecurity=False).digest() for kind in ("md5", "sha1", "sha256")),
            *(hmac.digest(guess.encode(), cpf.encode(), "sha256") for guess in guessed),
        )
        if base64.b32encode(digest).decode().lower()[:LENGTH] in released
    ]

    assert sorted(found_in_plain) == sorted(persons)
    assert found == []


def test_attack_two_partners_cannot_join_their_pseudonyms() -> None:
    persons = pa.chunked_array([[cpf_of(number) for number in range(5000)]])

    at_a, at_b = (set(key.pseudonyms("cpf", persons).to_pylist()) for key in (A, B))

    assert len(at_a) == len(at_b) == 5000
    assert at_a & at_b == set()
    assert {one[:6] for one in at_a} != {one[:6] for one in at_b}


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("", "privacy.no_pseudonym_key"),
        ("  \n", "privacy.no_pseudonym_key"),
        ("short-key-of-31-bytes-0123456789"[:31], "privacy.weak_pseudonym_key"),
        ("ab" * 32, "privacy.weak_pseudonym_key"),
        (hashlib.sha256(b"a").hexdigest(), "privacy.weak_pseudonym_key"),
        (hashlib.md5(b"a").hexdigest(), "privacy.weak_pseudonym_key"),  # noqa: S324  what a careless person would do
    ],
)
def test_a_key_that_is_missing_short_or_guessable_is_refused(secret: str, code: str) -> None:
    with pytest.raises(DataRefused) as refused:
        PseudonymKey.of("a", secret)

    assert refused.value.code == code
    assert "secrets" in refused.value.hint
    assert not secret.strip() or secret not in refused.value.message


def test_a_key_shows_only_its_fingerprint() -> None:
    assert KEYS["CHAVE_A"] not in repr(A)
    assert A.key_id in repr(A)
    assert A == PseudonymKey.of("a", KEYS["CHAVE_A"] + "\n")


def test_the_first_use_of_a_key_is_kept_and_its_end_ends_it(rows_bench: RowsBench) -> None:
    key = PseudonymKey.of("c", KEYS["CHAVE_A"])
    with rows_bench.workspace.state.write() as connection:
        record_key(connection, key, at=NOW, key_days=30)
        record_key(connection, key, at=NOW + timedelta(days=20), key_days=30)
        rows = connection.execute(sa.select(PSEUDONYM_KEYS).where(PSEUDONYM_KEYS.c.partner == "c")).all()

        assert [(row.key_id, row.first_used_at, row.expires_at) for row in rows] == [
            (key.key_id, NOW, NOW + timedelta(days=30))
        ]
        with pytest.raises(DataRefused) as refused:
            record_key(connection, key, at=NOW + timedelta(days=30), key_days=30)
        assert refused.value.code == "privacy.pseudonym_key_expired"
        check_key(connection, PseudonymKey.of("c", KEYS["CHAVE_B"]), at=NOW + timedelta(days=30), key_days=30)


def test_a_shorter_retention_ends_a_key_that_was_first_used_without_one(rows_bench: RowsBench) -> None:
    key = PseudonymKey.of("d", KEYS["CHAVE_A"])
    with rows_bench.workspace.state.write() as connection:
        record_key(connection, key, at=NOW, key_days=0)
        check_key(connection, key, at=NOW + timedelta(days=9999), key_days=0)
        with pytest.raises(DataRefused, match="expired"):
            check_key(connection, key, at=NOW + timedelta(days=11), key_days=10)


def test_a_retired_key_is_refused(rows_bench: RowsBench) -> None:
    key = PseudonymKey.of("e", KEYS["CHAVE_A"])
    with rows_bench.workspace.state.write() as connection:
        record_key(connection, key, at=NOW, key_days=0)
        connection.execute(sa.update(PSEUDONYM_KEYS).where(PSEUDONYM_KEYS.c.partner == "e").values(retired_at=NOW))
        with pytest.raises(DataRefused) as refused:
            check_key(connection, key, at=NOW, key_days=0)
    assert refused.value.code == "privacy.pseudonym_key_retired"
