"""Conform's operations in Spark SQL (ANSI mode), kept to what Apache Spark and other Spark Connect servers share."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

from afluente.conform.dialect import SPACE_CHARACTERS, Kind, shape_regex

_TYPES: dict[str, str] = {
    "text": "STRING",
    "bigint": "BIGINT",
    "integer": "INT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_COMPOSED = tuple(
    (base + mark, letter)
    for mark in "\u0300\u0301\u0302\u0303\u0308\u0327\u030a"
    for base in "aeiouncAEIOUNC"
    if len(letter := unicodedata.normalize("NFC", base + mark)) == 1
)
_LETTERS = tuple(c for c in map(chr, range(0xC0, 0x250)) if len(unicodedata.normalize("NFD", c)) > 1)


def _accents() -> tuple[str, str]:
    bare = {c: unicodedata.normalize("NFD", c)[0] for c in _LETTERS}
    kept = {c: b for c, b in bare.items() if b.isascii() and b.islower()}
    return "".join(kept), "".join(kept.values())


class SparkDialect:
    """Implements Dialect for Spark SQL."""

    name: Literal["duckdb", "spark"] = "spark"
    row_id: str | None = None
    local_type = "TIMESTAMP_NTZ"

    def identifier(self, name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    def literal(self, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
        return f"'{escaped}'"

    def shape(self, text: str, pattern: str) -> str:
        return self.matches(text, shape_regex(pattern))

    def only_digits(self, text: str) -> str:
        return self.matches(text, "[0-9]*")

    def matches(self, text: str, regex: str) -> str:
        whole = f"\\A(?:{regex})\\z"
        return f"({text} RLIKE {self.literal(whole)})"

    def remove(self, text: str, regex: str) -> str:
        return f"regexp_replace({text}, {self.literal(regex)}, '')"

    def substitute(self, text: str, regex: str, replacement: str) -> str:
        escaped = replacement.replace("\\", "\\\\").replace("$", "\\$")
        return f"regexp_replace({text}, {self.literal(regex)}, {self.literal(escaped)})"

    def replace_each(self, text: str, pairs: Sequence[tuple[str, str]]) -> str:
        """One fold over the pairs: a hundred nested calls take Sail seconds to plan, and minutes under a filter."""
        listed = ", ".join(f"array({self.literal(old)}, {self.literal(new)})" for old, new in pairs)
        return f"aggregate(array({listed}), {text}, (t, p) -> replace(t, p[0], p[1]))"

    def finds(self, text: str, regex: str) -> str:
        return f"({text} RLIKE {self.literal(regex)})"

    def trim(self, text: str) -> str:
        return f"trim(BOTH {self.literal(SPACE_CHARACTERS)} FROM {text})"

    def upper(self, text: str) -> str:
        return f"upper(replace({text}, 'ß', 'ẞ'))"

    def lower(self, text: str) -> str:
        return f"lower(replace({text}, 'İ', 'i'))"

    def contains(self, text: str, part: str) -> str:
        return f"(instr({text}, {self.literal(part)}) > 0)"

    def is_ascii(self, text: str) -> str:
        return f"(octet_length({text}) = char_length({text}))"

    def position(self, text: str, part: str) -> str:
        return f"instr({text}, {self.literal(part)})"

    def fold(self, text: str) -> str:
        composed = self.compose(self.lower(text))
        accented, bare = _accents()
        return f"regexp_replace(translate({composed}, '{accented}', '{bare}'), '[^a-z0-9]', '')"

    def compose(self, text: str) -> str:
        return self.replace_each(text, _COMPOSED)

    def title(self, text: str) -> str:
        return (
            f"array_join(transform(split({self.lower(text)}, ' '),"
            f" w -> concat({self.upper('substr(w, 1, 1)')}, substr(w, 2))), ' ')"
        )

    def code(self, text: str) -> str:
        return f"ascii({text})"

    def div(self, left: str, right: int) -> str:
        return f"({left} div {right})"

    def try_cast(self, text: str, kind: Kind) -> str:
        return f"TRY_CAST({text} AS {_TYPES[kind]})"

    def try_decimal(self, text: str, precision: int, scale: int) -> str:
        return f"TRY_CAST({text} AS DECIMAL({precision},{scale}))"

    def try_date(self, text: str, pattern: str) -> str:
        iso = _iso_pieces(text, pattern, ("yyyy", "MM", "dd"), "-")
        return f"TRY_CAST({iso} AS DATE)"

    def try_local(self, text: str, pattern: str) -> str:
        day = _iso_pieces(text, pattern, ("yyyy", "MM", "dd"), "-")
        clock = _iso_pieces(text, pattern, ("HH", "mm", "ss"), ":")
        at = pattern.replace("'", "").find("SSS")
        fraction = f", '.', substr({text}, {at + 1}, {pattern.count('S')})" if at >= 0 else ""
        return f"concat({day}, ' ', {clock}{fraction})"

    def try_instant(self, text: str, pattern: str) -> str:
        local = self.try_local(text, pattern)
        if pattern.endswith("'Z'"):
            return self.instant(local, "UTC")
        offset = pattern.replace("'", "").find("XXX") + 1
        return f"TRY_CAST(concat({local}, substr({text}, {offset}, 6)) AS TIMESTAMP)"

    def local(self, value: str) -> str:
        return f"CAST(CAST({value} AS TIMESTAMP_NTZ) AS STRING)"

    def instant(self, local: str, timezone: str) -> str:
        return f"TRY_CAST(concat({local}, ' {timezone}') AS TIMESTAMP)"

    def bit(self, condition: str, position: int) -> str:
        return f"CASE WHEN {condition} THEN {1 << position}L ELSE 0L END"

    def has_bits(self, mask: str, bits: int) -> str:
        return f"({mask} & {bits}L) <> 0L"

    def row_hash(self, columns: Sequence[str]) -> str:
        return f"xxhash64({', '.join(f'{column}, {column} IS NULL' for column in columns)})"

    def struct_list(self, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        rows = ", ".join(
            f"CASE WHEN {condition} THEN named_struct({', '.join(f'{name!r}, {value}' for name, value in fields.items())})"
            " END"
            for condition, fields in items
        )
        return f"filter(array({rows}), f -> f IS NOT NULL)"

    def as_text(self, value: str) -> str:
        return f"CAST({value} AS STRING)"

    def sql_type(self, kind: Kind | tuple[int, int]) -> str:
        return f"DECIMAL({kind[0]},{kind[1]})" if isinstance(kind, tuple) else _TYPES[kind]


def _iso_pieces(text: str, pattern: str, parts: Sequence[str], separator: str) -> str:
    plain = pattern.replace("'", "")
    pieces = []
    for part in parts:
        at = plain.find(part)
        if at >= 0:
            pieces.append(f"substr({text}, {at + 1}, {len(part)})")
        elif (at := plain.find(part[0])) >= 0:
            pieces.append(f"lpad(substr({text}, {at + 1}, 1), 2, '0')")
        else:
            pieces.append("'00'")
    return "concat(" + f", '{separator}', ".join(pieces) + ")"
