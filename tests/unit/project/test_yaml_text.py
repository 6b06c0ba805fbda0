"""YAML read with positions, and bounded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from afluente.core.errors import CheckFailed, Problem
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node, decode, encode, to_json
from afluente.project.yaml_text import MAX_BYTES, parse_yaml


def read(text: str | bytes, mistakes: Mistakes | None = None) -> Node:
    return parse_yaml(text if isinstance(text, bytes) else text.encode(), mistakes or Mistakes("a.yaml"))


def refused(text: str | bytes) -> Problem:
    with pytest.raises(CheckFailed) as failed:
        read(text)
    return failed.value.problems[0]


def test_every_key_and_value_knows_where_it_stands() -> None:
    node = read("a:\n  b: [1,\n    dois]\n")

    inner = node.mapping["a"].mapping["b"]
    assert (inner.key_line, inner.key_column, inner.line, inner.column) == (2, 3, 2, 6)
    assert [(item.value, item.line, item.column) for item in inner.items] == [(1, 2, 7), ("dois", 3, 5)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("2026-01-02", "2026-01-02"),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert to_json(read(f"k: {text}\n")) == {"k": value}


def test_every_duplicate_key_is_told_and_the_rest_is_still_read() -> None:
    mistakes = Mistakes("a.yaml")

    node = read("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n", mistakes)

    assert [(one.code, one.place.line) for one in mistakes.problems] == [
        ("project.duplicate_key", 3),
        ("project.duplicate_key", 4),
    ]
    assert to_json(node) == {"a": 1, "b": 2, "c": {"d": 1}}


def test_an_anchor_is_followed() -> None:
    assert to_json(read("a: &x [1, 2]\nb: *x\n")) == {"a": [1, 2], "b": [1, 2]}


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    assert refused("\n".join(lines)).code == "project.too_large"


def test_an_anchor_within_itself_is_refused() -> None:
    assert refused("a: &a [*a]").code == "project.yaml_alias"


def test_too_many_levels_are_refused() -> None:
    assert refused("[" * 500 + "]" * 500).code == "project.yaml_depth"


def test_a_huge_file_is_refused() -> None:
    assert refused(b"a" * (MAX_BYTES + 1)).code == "project.too_large"


def test_bytes_that_are_not_utf8_are_told_with_their_line() -> None:
    problem = refused("a: 1\nb: São\n".encode("latin-1"))

    assert (problem.code, problem.place.line) == ("project.encoding", 2)


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert to_json(read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")) == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["", "# só um comentário\n", "\n\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert refused(text).code == "project.empty_file"


@pytest.mark.parametrize(
    "text", ["password: *hunter2", "password: !hunter2 x", "password: 'hunter2", "a: b: hunter2", "- hunter2\na: 1"]
)
def test_a_complaint_about_syntax_quotes_no_text(text: str) -> None:
    assert "hunter2" not in repr(refused(text))


PIECES = st.sampled_from(
    [
        "a",
        "b",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "!",
        "!!str ",
        "'",
        '"',
        "|\n",
        ">\n",
        "\t",
    ]
    + [
        "#",
        " #",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "%YAML 9.9\n",
        "%TAG ! x\n",
        "? ",
        "<<: ",
        "1",
        "~",
        "\\x",
        '"\\UFFFFFFFF"',
        "@",
        "`",
        "é",
        "\u2028",
        "\x85",
    ]
)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", categories=["L", "N", "P"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=15,
)


@given(
    st.binary(max_size=200)
    | st.lists(PIECES, max_size=25).map(lambda parts: "".join(parts).encode())
    | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(b'"\\UFFFFFFFF"')
@example(b"%YAML 1.\n---\na")
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_a_tree_or_problems(content: bytes) -> None:
    mistakes = Mistakes("a.yaml")
    try:
        node = parse_yaml(content, mistakes)
    except CheckFailed as failed:
        assert failed.problems
    else:
        assert isinstance(node, Node)


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_a_tree_survives_the_cache(value: object) -> None:
    import json

    node = read(json.dumps(value, ensure_ascii=False))

    assert decode(json.loads(json.dumps(encode(node)))) == node
    assert to_json(node) == value
