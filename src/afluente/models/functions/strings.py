"""Text: positions count characters from 1, patterns are Java's, and nothing is trimmed that Spark keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from afluente.models.functions.signature import Signature, scalar
from afluente.models.regex import groups, is_empty_match, to_re2, to_rewrite
from afluente.models.spark_types import BINARY, BOOLEAN, INT, STRING, array_of, text
from afluente.models.typed import Typed, let

_JSON_PATH = re.compile(r"\$(\.[A-Za-z_][A-Za-z_0-9]*|\[[0-9]+\])*")
_SPECIAL_CASING = (0xDF, 0x149, 0x1F0, 0x390, 0x3B0, 0x587, *range(0x1E96, 0x1E9B), *range(0x1F50, 0x2000))
_SPECIAL_CASING += (*range(0xFB00, 0xFB18),)
_EXPANDING = tuple(letter for letter in map(chr, _SPECIAL_CASING) if len(letter.upper()) > 1)
"""The letters of Unicode's SpecialCasing.txt whose capital is several letters."""
_DIGESTS = {0: "sha256", 256: "sha256"}


def _substring(arguments: Sequence[Typed]) -> str:
    def body(v: Sequence[str]) -> str:
        begin = f"CASE WHEN {v[1]} > 0 THEN {v[1]} - 1 WHEN {v[1]} < 0 THEN length({v[0]}) + {v[1]} WHEN {v[1]} = 0 THEN 0 END"
        start = f"CAST({begin} AS BIGINT)"
        if len(v) == 2:
            return f"CASE WHEN {v[1]} IS NOT NULL THEN substring({v[0]}, greatest({start}, 0) + 1) END"
        size = f"(least({start} + {v[2]}, length({v[0]})) - greatest({start}, 0))"
        return (
            f"CASE WHEN {v[2]} <= 0 AND {v[0]} IS NOT NULL AND {v[1]} IS NOT NULL THEN '' "
            f"WHEN {v[1]} IS NOT NULL AND {v[2]} IS NOT NULL THEN substring({v[0]}, greatest({start}, 0) + 1, greatest({size}, 0)) END"
        )

    return let([argument.sql for argument in arguments], body)


def _pad(function: str) -> Callable[[Sequence[Typed]], str]:
    def render(arguments: Sequence[Typed]) -> str:
        values = [argument.sql for argument in arguments] + ["' '"] * (3 - len(arguments))
        return let(
            values,
            lambda v: (
                f"CASE WHEN {v[0]} IS NULL OR {v[1]} IS NULL OR {v[2]} IS NULL THEN NULL WHEN {v[1]} <= 0 THEN '' "
                f"WHEN {v[2]} = '' OR length({v[0]}) >= {v[1]} THEN left({v[0]}, {v[1]}) "
                f"ELSE {function}({v[0]}, {v[1]}, {v[2]}) END"
            ),
        )

    return render


def _locate(arguments: Sequence[Typed]) -> str:
    return let(
        [argument.sql for argument in arguments],
        lambda v: (
            f"CASE WHEN {v[2]} IS NULL THEN 0 WHEN {v[0]} IS NULL OR {v[1]} IS NULL THEN NULL WHEN {v[2]} < 1 THEN 0 "
            f"WHEN {v[0]} = '' AND {v[2]} > length({v[1]}) + 1 THEN 0 "
            f"WHEN strpos(substring({v[1]}, {v[2]}), {v[0]}) = 0 THEN 0 "
            f"ELSE CAST(strpos(substring({v[1]}, {v[2]}), {v[0]}) + {v[2]} - 1 AS INTEGER) END"
        ),
    )


def _pattern(argument: Typed, *, is_test: bool = False) -> str | None:
    return to_re2(str(argument.constant), is_test=is_test)


def _regexp_replace(arguments: Sequence[Typed]) -> str | None:
    pattern = _pattern(arguments[1])
    if pattern is None or is_empty_match(str(arguments[1].constant)):
        return None
    rewrite = to_rewrite(str(arguments[2].constant), groups(str(arguments[1].constant)))
    if rewrite is None:
        return None
    return f"regexp_replace({arguments[0].sql}, {text(pattern)}, {text(rewrite)}, 'g')"


def _regexp_extract(*, is_all: bool) -> Callable[[Sequence[Typed]], str | None]:
    def render(arguments: Sequence[Typed]) -> str | None:
        pattern = _pattern(arguments[1])
        wanted = arguments[2].constant if len(arguments) > 2 else 1
        if pattern is None or not isinstance(wanted, int) or not 0 <= wanted <= groups(str(arguments[1].constant)):
            return None
        if is_all and is_empty_match(str(arguments[1].constant)):
            return None
        function = "regexp_extract_all" if is_all else "regexp_extract"
        found = f"{function}({arguments[0].sql}, {text(pattern)}, {wanted})"
        return f"CASE WHEN {arguments[0].sql} IS NOT NULL THEN {found} END"

    return render


def _regexp_like(arguments: Sequence[Typed]) -> str | None:
    pattern = _pattern(arguments[1], is_test=True)
    return f"regexp_matches({arguments[0].sql}, {text(pattern)})" if pattern is not None else None


def _regexp_count(arguments: Sequence[Typed]) -> str | None:
    pattern = _pattern(arguments[1])
    if pattern is None or is_empty_match(str(arguments[1].constant)):
        return None
    return f"CAST(len(regexp_extract_all({arguments[0].sql}, {text(pattern)}, 0)) AS INTEGER)"


def _split(arguments: Sequence[Typed]) -> str | None:
    pattern = _pattern(arguments[1])
    if pattern is None or is_empty_match(str(arguments[1].constant)):
        return None
    return f"regexp_split_to_array({arguments[0].sql}, {text(pattern)})"


def _split_part(arguments: Sequence[Typed]) -> str | None:
    part = arguments[2].constant
    if not isinstance(part, int) or part < 1 or not arguments[1].constant:
        return None
    return f"split_part({arguments[0].sql}, {arguments[1].sql}, {part})"


def _substring_index(arguments: Sequence[Typed]) -> str | None:
    count, delimiter = arguments[2].constant, arguments[1].sql
    if not isinstance(count, int) or not arguments[1].constant or len(str(arguments[1].constant)) > 1:
        return None
    if count == 0:
        return f"CASE WHEN {arguments[0].sql} IS NOT NULL THEN '' END"
    piece = f"[1:{count}]" if count > 0 else f"[greatest(len(%s) - {-count - 1}, 1):]"
    parts = f"string_split({arguments[0].sql}, {delimiter})"
    return f"array_to_string({parts}{piece % parts if count < 0 else piece}, {delimiter})"


def _translate(arguments: Sequence[Typed]) -> str:
    return f"translate({', '.join(argument.sql for argument in arguments)})"


def _initcap(arguments: Sequence[Typed]) -> str:
    words = f"string_split({arguments[0].sql}, ' ')"
    return (
        f"array_to_string(list_transform({words}, lambda word: upper(left(word, 1)) || lower(substring(word, 2))), ' ')"
    )


def _sha2(arguments: Sequence[Typed]) -> str | None:
    digest = _DIGESTS.get(arguments[1].constant) if isinstance(arguments[1].constant, int) else None
    return f"{digest}({arguments[0].sql})" if digest else None


def _concat(arguments: Sequence[Typed]) -> str:
    return "(" + " || ".join(argument.sql for argument in arguments) + ")"


def _overlay(arguments: Sequence[Typed]) -> str | None:
    start = arguments[2].constant
    if not isinstance(start, int) or start < 1:
        return None
    return let(
        [argument.sql for argument in arguments],
        lambda v: (
            f"left({v[0]}, {start - 1}) || {v[1]} || "
            f"substring({v[0]}, {start} + {f'length({v[1]})' if len(v) < 4 else v[3]})"
        ),
    )


def _ascii(arguments: Sequence[Typed]) -> str:
    return let([arguments[0].sql], lambda v: f"CASE WHEN {v[0]} = '' THEN 0 ELSE CAST(unicode({v[0]}) AS INTEGER) END")


def _upper(arguments: Sequence[Typed]) -> str:
    """Where a letter's capital is more than one letter, DuckDB keeps the letter."""
    listed = "".join(_EXPANDING)

    def body(v: Sequence[str]) -> str:
        written = v[0]
        for letter in _EXPANDING:
            written = f"replace({written}, '{letter}', '{letter.upper()}')"
        return f"CASE WHEN regexp_matches({v[0]}, '[{listed}]') THEN upper({written}) ELSE upper({v[0]}) END"

    return let([arguments[0].sql], body)


def _reverse(arguments: Sequence[Typed]) -> str:
    """By code points: DuckDB keeps an accent written apart, or the parts of an emoji, together."""
    return let(
        [arguments[0].sql],
        lambda v: (
            f"CASE WHEN strlen({v[0]}) = length({v[0]}) THEN reverse({v[0]}) "
            f"ELSE array_to_string(list_reverse(string_split({v[0]}, '')), '') END"
        ),
    )


def _hex(arguments: Sequence[Typed]) -> str:
    return f"hex(encode({arguments[0].sql}))" if arguments[0].type == STRING else f"hex({arguments[0].sql})"


def _json(arguments: Sequence[Typed]) -> str | None:
    path, sql = str(arguments[1].constant), arguments[0].sql
    if not _JSON_PATH.fullmatch(path):
        return None
    return f"CASE WHEN json_valid({sql}) THEN json_extract_string({sql}, {text(path)}) END"


def _utf8(arguments: Sequence[Typed], sql: str) -> str | None:
    return sql if str(arguments[1].constant).lower() == "utf-8" else None


def _elt(arguments: Sequence[Typed]) -> str | None:
    index = arguments[0].constant
    return arguments[index].sql if isinstance(index, int) and 1 <= index < len(arguments) else None


def _find_in_set(arguments: Sequence[Typed]) -> str:
    return (
        f"CASE WHEN {arguments[0].sql} IS NULL OR {arguments[1].sql} IS NULL THEN NULL "
        f"WHEN contains({arguments[0].sql}, ',') THEN 0 "
        f"ELSE CAST(coalesce(list_position(string_split({arguments[1].sql}, ','), {arguments[0].sql}), 0) AS INTEGER) END"
    )


def _unhex(arguments: Sequence[Typed]) -> str:
    return let(
        [arguments[0].sql],
        lambda v: (
            f"CASE WHEN regexp_full_match({v[0]}, '[0-9a-fA-F]*') "
            f"THEN unhex(CASE WHEN length({v[0]}) % 2 = 1 THEN '0' || {v[0]} ELSE {v[0]} END) END"
        ),
    )


def _each(names: str, parameters: str, result: object, render: object) -> list[Signature]:
    return [scalar(name, parameters, result, render) for name in names.split()]  # type: ignore[arg-type]


_TRIMMED = ("trim", "ltrim", "rtrim")

SIGNATURES: tuple[Signature, ...] = (
    *_each("upper ucase", "string", STRING, _upper),
    *_each("lower lcase", "string", STRING, "lower(replace({0}, chr(304), 'i' || chr(775)))"),
    *_each("length char_length character_length len", "string", INT, "CAST(length({0}) AS INTEGER)"),
    scalar("octet_length", "string", INT, "CAST(octet_length(encode({0})) AS INTEGER)"),
    scalar("bit_length", "string", INT, "CAST(octet_length(encode({0})) * 8 AS INTEGER)"),
    *(scalar(name, "string", STRING, name + "({0}, ' ')") for name in _TRIMMED),
    scalar("btrim", "string", STRING, "trim({0}, ' ')"),
    scalar("btrim", "string, string", STRING, "trim({0}, {1})"),
    *(scalar(name, "string, string", STRING, name + "({1}, {0})") for name in ("ltrim", "rtrim")),
    *_each("substring substr", "string, int", STRING, _substring),
    *_each("substring substr", "string, int, int", STRING, _substring),
    scalar("left", "string, int", STRING, "left({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)"),
    scalar("right", "string, int", STRING, "right({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)"),
    *(scalar(name, "string, int", STRING, _pad(name)) for name in ("lpad", "rpad")),
    *(scalar(name, "string, int, string", STRING, _pad(name)) for name in ("lpad", "rpad")),
    scalar("concat", "texty, texty*", STRING, _concat),
    scalar(
        "concat_ws",
        "string, string*",
        STRING,
        "CASE WHEN {0} IS NOT NULL THEN concat_ws({all}, CAST(NULL AS VARCHAR)) END",
    ),
    scalar("instr", "string, string", INT, "CAST(strpos({0}, {1}) AS INTEGER)"),
    *_each("locate position", "string, string", INT, "CAST(strpos({1}, {0}) AS INTEGER)"),
    *_each("locate position", "string, string, int", INT, _locate),
    scalar("replace", "string, string, string", STRING, "replace({0}, {1}, {2})"),
    scalar("replace", "string, string", STRING, "replace({0}, {1}, '')"),
    scalar("translate", "string, constant string, constant string", STRING, _translate),
    scalar("reverse", "string", STRING, _reverse),
    scalar("repeat", "string, int", STRING, "repeat({0}, CASE WHEN {1} < 0 THEN 0 ELSE {1} END)"),
    scalar("initcap", "string", STRING, _initcap),
    scalar("space", "int", STRING, "repeat(' ', CASE WHEN {0} < 0 THEN 0 ELSE {0} END)"),
    scalar("split", "string, constant string", array_of(STRING), _split),
    scalar("split_part", "string, constant string, constant int", STRING, _split_part),
    scalar("substring_index", "string, constant string, constant int", STRING, _substring_index),
    scalar("regexp_replace", "string, constant string, constant string", STRING, _regexp_replace),
    scalar("regexp_extract", "string, constant string", STRING, _regexp_extract(is_all=False)),
    scalar("regexp_extract", "string, constant string, constant int", STRING, _regexp_extract(is_all=False)),
    scalar("regexp_extract_all", "string, constant string", array_of(STRING), _regexp_extract(is_all=True)),
    scalar(
        "regexp_extract_all", "string, constant string, constant int", array_of(STRING), _regexp_extract(is_all=True)
    ),
    *_each("rlike regexp regexp_like", "string, constant string", BOOLEAN, _regexp_like),
    scalar("regexp_count", "string, constant string", INT, _regexp_count),
    scalar("startswith", "string, string", BOOLEAN, "starts_with({0}, {1})"),
    scalar("endswith", "string, string", BOOLEAN, "suffix({0}, {1})"),
    scalar("contains", "string, string", BOOLEAN, "contains({0}, {1})"),
    scalar("ascii", "string", INT, _ascii),
    scalar("overlay", "string, string, constant int", STRING, _overlay),
    scalar("overlay", "string, string, constant int, int", STRING, _overlay),
    scalar("md5", "string", STRING, "md5({0})"),
    *_each("sha1 sha", "string", STRING, "sha1({0})"),
    scalar("sha2", "string, constant int", STRING, _sha2),
    scalar("sha2", "binary, constant int", STRING, _sha2),
    scalar("hex", "string", STRING, _hex),
    scalar("hex", "binary", STRING, _hex),
    scalar("unhex", "string", BINARY, _unhex),
    scalar("base64", "binary", STRING, "to_base64({0})"),
    scalar("base64", "string", STRING, "to_base64(encode({0}))"),
    scalar("encode", "string, constant string", BINARY, lambda a: _utf8(a, f"encode({a[0].sql})")),
    scalar("decode", "binary, constant string", STRING, lambda a: _utf8(a, f"decode({a[0].sql})")),
    scalar("elt", "int, string, string*", STRING, _elt),
    scalar("get_json_object", "string, constant string", STRING, _json),
    scalar("find_in_set", "string, string", INT, _find_in_set),
)
