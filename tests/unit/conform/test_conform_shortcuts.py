"""The cheap forms that clean texts are read by give what the thorough ones give."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.conform.dialect import SPACE_CHARACTERS, SPACES
from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.engines.engine import Engine
from tests.unit.conform.workbench import column, read

PROPERTY = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SPACED = st.text(st.sampled_from([*"a!~Z9-", "é", "\x80", "\u0301", " ", *SPACE_CHARACTERS]), max_size=8)
LISTS = st.lists(SPACED, min_size=1, max_size=100)


def values(engine: Engine, kind: str, texts: list[str], pattern: str | None = None) -> list[object]:
    return [outcome.value for outcome in read(engine, column("v", kind, pattern=pattern), texts)]


@PROPERTY
@given(LISTS)
def test_trim_takes_white_space_of_every_kind_off_the_ends_and_nothing_else(engine: Engine, texts: list[str]) -> None:
    d = DuckDbDialect()
    listed = ", ".join(f"({d.literal(text)})" for text in texts)
    trimmed = engine.query(f"SELECT t, {d.trim('t')} AS trimmed FROM (VALUES {listed}) AS given(t)").to_pylist()
    assert [row["trimmed"] for row in trimmed] == [row["t"].strip(SPACE_CHARACTERS) for row in trimmed]


@PROPERTY
@given(LISTS)
def test_a_text_is_tidied_whether_or_not_it_looks_tidy_at_once(engine: Engine, texts: list[str]) -> None:
    tidied = [re.sub(f"[{SPACES}]+", " ", text).strip(" ") for text in texts]
    assert values(engine, "text", texts) == [unicodedata.normalize("NFC", text) or None for text in tidied]


@pytest.mark.parametrize("space", [*SPACE_CHARACTERS])
def test_white_space_of_any_kind_is_one_space_between_words_and_none_around_them(engine: Engine, space: str) -> None:
    assert values(engine, "text", [f"{space}São{space}{space}Paulo{space}", space]) == ["São Paulo", None]


def test_a_code_is_trimmed_though_its_pattern_lets_white_space_in(engine: Engine) -> None:
    texts = [" A B ", "A B", "A\u00a0B", "\tAB", "ABCDE"]
    assert values(engine, "regex", texts, pattern="[A-Z ]{2,4}") == ["A B", "A B", None, "AB", None]
    assert values(engine, "regex", texts, pattern=".{2,4}") == ["A B", "A B", "A\u00a0B", "AB", None]
    assert values(engine, "regex", texts, pattern="[^a-z]{2,4}") == ["A B", "A B", "A\u00a0B", "AB", None]
    assert values(engine, "regex", texts, pattern="\\S{2,4}") == [None, None, "A\u00a0B", "AB", None]
    assert values(engine, "regex", texts, pattern="[A-Z]{2,4}") == [None, None, None, "AB", None]


def test_an_address_keeps_its_name_and_loses_the_capitals_of_its_domain_and_the_brackets_around_it(
    engine: Engine,
) -> None:
    texts = ["Ana@GMAIL.com", " <Ana@Gmail.com>", "ana@gmail.com", "<ana@GMAIL.com", "a..b@GMAIL.com", "ana@a_b.Com"]
    assert values(engine, "email", texts) == [
        "Ana@gmail.com",
        "Ana@gmail.com",
        "ana@gmail.com",
        "ana@gmail.com",
        None,
        "ana@a_b.com",
    ]


@PROPERTY
@given(st.lists(st.text(st.sampled_from([*"aB1.@<>-_ \u00a0é"]), max_size=14), min_size=1, max_size=200))
def test_an_address_is_one_by_the_rule_whichever_form_reads_it(engine: Engine, texts: list[str]) -> None:
    texts = [*texts, *(f"a{text}@b.co" for text in texts), *(f"a@{text}b.Co" for text in texts)]
    texts += [".".join("abcdefghijklm") + "@b.co", "a@" + ".".join("abcdefghijklm") + ".co", "<@b.co", "@b.co"]
    bare = [re.sub(f"^[<{SPACES}]+|[>{SPACES}]+$", "", text) for text in texts]
    rule = re.compile(f"([^@{SPACES}]+@)([^@{SPACES}]+[.][A-Za-z]{{2,}})")
    found = [None if ".." in text else rule.fullmatch(text) for text in bare]
    assert values(engine, "email", texts) == [match and match[1] + match[2].lower() for match in found]
