"""Attack 8: there are only 10^9 CPFs, so that a plain hash is undone by hashing them all. A keyed pseudonym is not."""

from __future__ import annotations

import hashlib

import pytest

from afluente.core.errors import DataRefused
from afluente.products.privacy.pseudonym import PseudonymKey

KEY = "t4Zq0w-Sx7vB2nM9kLpR5cJd8fGh3aYuE6iOQ1zXsWe"
CPFS = [f"{number:09d}00" for number in range(20_000)]
SENT = CPFS[1234]


def test_a_plain_hash_is_undone_by_trying_every_number() -> None:
    received = hashlib.sha256(SENT.encode()).hexdigest()
    assert [cpf for cpf in CPFS if hashlib.sha256(cpf.encode()).hexdigest() == received] == [SENT]


def test_a_pseudonym_is_not_undone_without_the_key() -> None:
    received = PseudonymKey.of("parceira", KEY).pseudonym("cpf", SENT)
    guessed = PseudonymKey.of("parceira", KEY[::-1])
    assert not [cpf for cpf in CPFS if received in (guessed.pseudonym("cpf", cpf), cpf)]
    plain = (hashlib.sha256(cpf.encode()).hexdigest() for cpf in CPFS)
    assert not any(received.lower() in digest or digest.startswith(received.lower()) for digest in plain)


@pytest.mark.parametrize("key", ["", "   ", "curta", "a" * 64])
def test_without_a_key_worth_the_name_no_pseudonym_is_made(key: str) -> None:
    with pytest.raises(DataRefused):
        PseudonymKey.of("parceira", key)
