"""Catalogues: signed by the hub, never older, and whole before the first list is read. And pseudonyms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente.fleet.documents import HubSigner, new_signing_key
from afluente_agent.catalogue import Catalogue, open_catalogue, read_catalogue
from afluente_agent.errors import CatalogueError
from afluente_agent.protocol.messages import SignedDocument
from afluente_agent.protocol.pec_range import numbers_of, read_range
from afluente_agent.pseudonym import Pseudonyms

LIST = {
    "name": "hipertensao",
    "sql": ["SELECT 1 AS a,", "'x' AS b"],
    "columns": [
        {"name": "a", "type": "integer", "identity": "key"},
        {"name": "b", "type": "text", "identity": "cpf", "pseudonym": True},
    ],
    "key": ["a"],
    "purpose": "busca ativa",
    "most_rows": 10,
    "most_seconds": 10,
    "most_bytes": 1000,
}
HUB = HubSigner.from_texts([new_signing_key()])


def body(version: int = 3, **changed: object) -> str:
    return json.dumps({"name": "default", "version": version, "lists": [{**LIST, **changed}]})


def signed(text: str, version: int = 3) -> SignedDocument:
    return HUB.sign("catalogue", version, text)


def test_a_catalogue_of_the_hub_is_read() -> None:
    catalogue = open_catalogue(signed(body()), hub_keys=HUB.public_keys, newest_version=3)
    assert catalogue.lists[0].text == "SELECT 1 AS a,\n'x' AS b"
    assert catalogue.lists[0].columns[1].pseudonym


@pytest.mark.parametrize(
    "document",
    [
        replace(signed(body()), body=body(most_rows=11)),
        replace(signed(body()), kind="configuration"),
        replace(signed(body()), signature=""),
        HubSigner.from_texts([new_signing_key()]).sign("catalogue", 3, body()),
        HUB.sign("configuration", 3, body()),
        signed(body(version=4)),
    ],
)
def test_a_document_that_the_hub_did_not_sign_so_is_refused(document: SignedDocument) -> None:
    with pytest.raises(CatalogueError):
        open_catalogue(document, hub_keys=HUB.public_keys, newest_version=0)


def test_an_older_catalogue_is_refused() -> None:
    with pytest.raises(CatalogueError) as refused:
        open_catalogue(signed(body()), hub_keys=HUB.public_keys, newest_version=4)
    assert refused.value.code == "catalogue.downgrade"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../x"},
        {"name": "Maiuscula"},
        {"sql": []},
        {"sql": ["x" * 4000] * 9},
        {"columns": []},
        {"columns": [LIST["columns"][0], LIST["columns"][0]]},  # type: ignore[index]
        {"columns": [{"name": 'a" FROM x', "type": "integer"}], "key": ['a" FROM x']},
        {"columns": [{"name": "row_key", "type": "text"}], "key": ["row_key"]},
        {"columns": [{"name": "a", "type": "json"}]},
        {"columns": [{"name": "a", "type": "integer", "identity": "cpf", "pseudonym": True}]},
        {"columns": [{"name": "a", "type": "text", "pseudonym": True}]},
        {"key": []},
        {"key": ["c"]},
        {"key": ["a", "a"]},
        {"purpose": " "},
        {"most_rows": 0},
        {"most_rows": 10**9},
        {"most_seconds": -1},
        {"most_bytes": 10**12},
        {"pec": ">=cinco"},
        {"pec": "5.3"},
        {"pec": ">=5.4,<5.3"},
        {"window": {"column": "b"}},
        {"window": {"column": "a", "overlap_days": 0}},
        {"unknown": 1},
    ],
)
def test_a_list_that_is_not_whole_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(CatalogueError) as refused:
        read_catalogue(body(**changed))
    assert refused.value.code == "catalogue.refused"


@pytest.mark.parametrize(
    ("version", "fits"),
    [("5.2.9", False), ("5.3", True), ("5.3.21", True), ("5.4", False), ("", False), ("10.1", False)],
)
def test_a_list_is_for_its_versions_of_pec(version: str, fits: bool) -> None:
    catalogue = read_catalogue(body(pec=">=5.3,<5.4"))
    assert bool(catalogue.for_version(version)) == fits


def both(old: str, new: str) -> Catalogue:
    lists = [{**LIST, "pec": old}, {**LIST, "most_rows": 20, "pec": new}]
    return read_catalogue(json.dumps({"name": "default", "version": 1, "lists": lists}))


def test_of_one_name_the_list_for_the_version_is_taken() -> None:
    catalogue = both("<5.3", ">=5.3,<6")
    assert [one.most_rows for one in catalogue.for_version("5.2")] == [10]
    assert [one.most_rows for one in catalogue.for_version("5.3.0")] == [20]
    assert catalogue.for_version("6.0") == ()


def test_a_list_is_outgrown_when_pec_is_newer_than_everyone_wrote_for() -> None:
    catalogue = both("<5.3", ">=5.3,<6")
    assert catalogue.outgrown("6.0") == catalogue.outgrown("7.1") == (LIST["name"],)
    assert catalogue.outgrown("5.9") == catalogue.outgrown("4.0") == ()
    assert both(">=5.1,<5.2", ">=5.3").outgrown("99") == ()


@pytest.mark.parametrize("ranges", [("", ">=5.3"), ("<5.4", ">=5.3"), (">=5.1,<5.3", ">=5.2.9"), ("", "")])
def test_two_lists_of_one_name_for_one_version_are_refused(ranges: tuple[str, str]) -> None:
    with pytest.raises(CatalogueError, match="stands twice for one version of PEC"):
        both(*ranges)


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda some: ".".join(map(str, some)))


@given(least=NUMBERS, before=NUMBERS, other=NUMBERS, last=NUMBERS, version=NUMBERS)
def test_ranges_that_do_not_meet_have_no_version_in_common(
    least: str, before: str, other: str, last: str, version: str
) -> None:
    made = []
    for text in (f">={least},<{before}", f">={other},<{last}"):
        try:
            made.append(read_range(text))
        except ValueError:
            assert not numbers_of(text[2:].partition(",")[0]) < numbers_of(text.partition("<")[2])
            return
    first, second = made
    if first.has(version) and second.has(version):
        assert first.meets(second) and second.meets(first)
    assert not (first.has(version) and first.is_past(version))


KEY = bytes(range(32))


def test_pseudonyms_tell_persons_apart_and_nothing_else() -> None:
    made = Pseudonyms(KEY)
    assert made.of("cpf", b"11144477735") == made.of("cpf", b" 11144477735 ")
    assert made.of("cpf", b"11144477735") != made.of("cns", b"11144477735")
    assert made.of("cpf", b"11144477735") != Pseudonyms(KEY[::-1]).of("cpf", b"11144477735")
    assert made.of("cpf", rb"\N") == rb"\N"
    assert made.of("cpf", b"") == b""
    assert str(KEY) not in repr(made)


@given(st.binary(min_size=1, max_size=30).map(bytes.strip).filter(lambda value: value not in (b"", rb"\N")))
def test_a_pseudonym_is_thirty_two_hexadecimal_digits(value: bytes) -> None:
    made = Pseudonyms(KEY).of("name", value)
    assert len(made) == 32
    assert int(made, 16) >= 0


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), b"a" * 64, bytes(range(31))])
def test_a_weak_key_is_refused(key: bytes) -> None:
    with pytest.raises(CatalogueError, match="weak_key"):
        Pseudonyms(key)
