from __future__ import annotations

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.models.datetime_patterns import to_strftime, to_strptime
from afluente.models.regex import groups, to_re2, to_rewrite
from afluente.models.spark_types import parse_type, wider

_SIMPLE = st.sampled_from(["int", "bigint", "double", "string", "date", "timestamp", "boolean", "decimal(12,2)"])
_TYPES = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        inner.map(lambda kind: f"array<{kind}>"),
        st.tuples(_SIMPLE, inner).map(lambda pair: f"map<{pair[0]},{pair[1]}>"),
        inner.map(lambda kind: f"struct<a:{kind},b:string>"),
    ),
    max_leaves=4,
)


@given(_TYPES)
def test_a_type_reads_back_as_written(written: str) -> None:
    assert str(parse_type(written)) == written


@pytest.mark.parametrize("written", ["decimal(39,2)", "decimal(3,4)", "text", "array<int", "int int", "decimal(x)", ""])
def test_a_wrong_type_says_why(written: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(written))):
        parse_type(written)


def test_types_widen_as_in_spark() -> None:
    assert str(wider(parse_type("int"), parse_type("decimal(10,2)"))) == "decimal(12,2)"
    assert str(wider(parse_type("bigint"), parse_type("double"))) == "double"
    assert str(wider(parse_type("date"), parse_type("timestamp"))) == "timestamp"
    assert wider(parse_type("string"), parse_type("int")) is None


def test_date_patterns_outside_the_table_are_refused() -> None:
    assert to_strftime("dd/MM/yyyy 'às' HH") == "%d/%m/%Y às %H"
    assert to_strftime("QQ") is None
    assert to_strptime("yyyyyy") is None
    assert to_strptime("dM") is None
    assert to_strptime("HH:mm") is None


@pytest.mark.parametrize(
    "pattern", [r"(?=a)", r"a\1", r"\bx", r"a++", r"(?i)a", r"[a&&b]", r"\p{IsGreek}", r"a{2000}", "("]
)
def test_a_pattern_the_engines_read_differently_is_refused(pattern: str) -> None:
    assert to_re2(pattern, is_test=True) is None


def test_an_end_is_only_allowed_in_a_test() -> None:
    assert to_re2("a$", is_test=False) is None
    assert to_re2(r"a\z", is_test=False) == r"a\z"
    found = to_re2("a$", is_test=True)
    with duckdb.connect() as connection:
        answer = connection.execute(f"SELECT regexp_matches(E'ba\\n', '{found}')").fetchall()
    assert answer == [(True,)]


def test_replacements_name_groups_that_exist() -> None:
    assert groups(r"(a)(?:b)\(([c(])") == 2  # noqa: PLR2004 - two capturing groups
    assert to_rewrite("$2-$1", 2) == r"\2-\1"
    assert to_rewrite("$3", 2) is None
    assert to_rewrite(r"\$", 0) == "$"


@settings(max_examples=60)
@given(st.text(alphabet="ab(|)[]*+?.1\\d", max_size=8))
def test_what_is_accepted_is_a_pattern_of_re2(pattern: str) -> None:
    found = to_re2(pattern, is_test=True)
    if found is not None:
        duckdb.execute("SELECT regexp_matches('ab1', ?)", [found])
