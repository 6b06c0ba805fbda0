"""Attack 9: two partners join the persons both received. Keys of their own leave nothing to join by."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from afluente.products.privacy.pseudonym import PseudonymKey

PERSONS = pa.chunked_array([[f"{number:011d}" for number in range(5_000)]])
KEY = "t4Zq0w-Sx7vB2nM9kLpR5cJd8fGh3aYuE6iOQ1zXsWe"


def test_plain_hashes_of_the_same_persons_join_every_one() -> None:
    received = [{hashlib.sha256(person.encode()).hexdigest() for person in PERSONS.to_pylist()} for _ in range(2)]
    assert len(received[0] & received[1]) == len(PERSONS)


def test_pseudonyms_of_two_partners_join_nobody_even_under_one_secret() -> None:
    received = [
        set(PseudonymKey.of(partner, secret).pseudonyms("cliente", PERSONS).to_pylist())
        for partner, secret in (("uma", KEY), ("outra", KEY), ("terceira", KEY[::-1]))
    ]
    assert [len(one) for one in received] == [5_000] * 3
    assert len(set.union(*received)) == 15_000


def test_pseudonyms_of_two_columns_of_one_partner_join_nobody() -> None:
    key = PseudonymKey.of("uma", KEY)
    assert not set(key.pseudonyms("cliente", PERSONS).to_pylist()) & set(key.pseudonyms("cpf", PERSONS).to_pylist())
