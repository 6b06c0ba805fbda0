"""The packed table of municipalities is whole, unambiguous and agrees with an independent list."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

DATA = Path(os.environ.get("AFLUENTE_DATA", Path(__file__).parents[3].parent / "shared" / "data")) / "municipios"
CODES_WITHOUT_RIGHT_DIGIT = {
    *("2201919", "2201988", "2202251", "2611533", "3117836", "3152131", "4305871", "5203939", "5203962"),
}


def packed() -> list[dict[str, str]]:
    text = (files("afluente.conform") / "reference" / "municipios.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def fold(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]", "", bare.lower())


def has_right_digit(code: str) -> bool:
    products = (int(digit) * weight for digit, weight in zip(code[:6], (1, 2, 1, 2, 1, 2), strict=True))
    return (10 - sum(p // 10 + p % 10 for p in products) % 10) % 10 == int(code[6])


def test_there_are_5571_municipalities_in_27_states_and_only_nine_break_the_check_digit() -> None:
    rows = packed()
    assert len({row["codigo"] for row in rows}) == len(rows) == 5571
    assert len({row["uf"] for row in rows}) == 27
    assert {row["codigo"] for row in rows if not has_right_digit(row["codigo"])} == CODES_WITHOUT_RIGHT_DIGIT


def test_a_folded_name_means_one_municipality_within_its_state() -> None:
    keys = Counter((row["uf"], key) for row in packed() for key in (row["chave"], *row["outras_chaves"].split()))
    assert [key for key, count in keys.items() if count > 1] == []
    assert all(row["chave"] == fold(row["nome"]) for row in packed())


def test_codes_states_and_names_agree_with_an_independent_list() -> None:
    if not (DATA / "municipios.csv").exists():
        pytest.skip("no list of municipalities: set AFLUENTE_DATA to a folder that holds municipios/")
    with (DATA / "estados.csv").open(encoding="utf-8-sig", newline="") as stream:
        states = {row["codigo_uf"]: row["uf"] for row in csv.DictReader(stream)}
    with (DATA / "municipios.csv").open(encoding="utf-8-sig", newline="") as stream:
        theirs = {row["codigo_ibge"]: (states[row["codigo_uf"]], fold(row["nome"])) for row in csv.DictReader(stream)}
    ours = {row["codigo"]: (row["uf"], {row["chave"], *row["outras_chaves"].split()}) for row in packed()}
    assert set(ours) == set(theirs)
    differing = [code for code, (state, name) in theirs.items() if ours[code][0] != state or name not in ours[code][1]]
    assert differing == []
