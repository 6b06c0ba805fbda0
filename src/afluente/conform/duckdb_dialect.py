"""Conform's operations in DuckDB's SQL, each the fastest of those measured (globs beat regular expressions, one
`strptime` beats a list of formats, a constant list beats digit arithmetic).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from afluente.conform.dialect import Kind, quote

_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
_STRPTIME = (
    ("yyyy", "%Y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SSSSSS", "%f"),
    ("SSS", "%g"),
    ("XXX", "%z"),
    ("'T'", "T"),
    ("'Z'", "Z"),
)


class DuckDbDialect:
    """Implements Dialect for DuckDB 2."""

    name: Literal["duckdb", "spark"] = "duckdb"

    def identifier(self, name: str) -> str:
        return quote(name)

    def literal(self, text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def shape(self, text: str, pattern: str) -> str:
        return f"{text} GLOB {self.literal(''.join(_glob(c) for c in pattern))}"

    def only_digits(self, text: str) -> str:
        return f"({text} NOT GLOB '*[!0-9]*')"

    def matches(self, text: str, regex: str) -> str:
        return f"regexp_full_match({text}, {self.literal(regex)})"

    def remove(self, text: str, regex: str) -> str:
        return f"regexp_replace({text}, {self.literal(regex)}, '', 'g')"

    def substitute(self, text: str, regex: str, replacement: str) -> str:
        escaped = replacement.replace("\\", "\\\\")
        return f"regexp_replace({text}, {self.literal(regex)}, {self.literal(escaped)}, 'g')"

    def contains(self, text: str, part: str) -> str:
        return f"contains({text}, {self.literal(part)})"

    def is_ascii(self, text: str) -> str:
        return f"(strlen({text}) = length({text}))"

    def position(self, text: str, part: str) -> str:
        return f"strpos({text}, {self.literal(part)})"

    def fold(self, text: str) -> str:
        return f"regexp_replace(strip_accents(lower({text})), '[^a-z0-9]', '', 'g')"

    def compose(self, text: str) -> str:
        return f"nfc_normalize({text})"

    def has_marks(self, text: str) -> str:
        return f"regexp_matches({text}, '[\u0300-\u036f]')"

    def title(self, text: str) -> str:
        return (
            f"array_to_string(list_transform(string_split(lower({text}), ' '),"
            " lambda w: upper(substr(w, 1, 1)) || substr(w, 2)), ' ')"
        )

    def code(self, text: str) -> str:
        return f"ord({text})"

    def div(self, left: str, right: int) -> str:
        return f"({left} // {right})"

    def try_cast(self, text: str, kind: Kind) -> str:
        return f"TRY_CAST({text} AS {_TYPES[kind]})"

    def try_decimal(self, text: str, precision: int, scale: int) -> str:
        return f"TRY_CAST({text} AS DECIMAL({precision},{scale}))"

    def try_date(self, text: str, pattern: str) -> str:
        return f"CAST(try_strptime({text}, {self.literal(_strptime(pattern))}) AS DATE)"

    def try_timestamp(self, text: str, pattern: str, timezone: str) -> str:
        parsed = f"try_strptime({text}, {self.literal(_strptime(pattern))})"
        if "XXX" in pattern:
            return f"CAST({parsed} AS TIMESTAMP WITH TIME ZONE)"
        zone = "UTC" if pattern.endswith("'Z'") else timezone
        return f"timezone({self.literal(zone)}, CAST({parsed} AS TIMESTAMP))"

    def lookup(self, values: Sequence[int], index: str) -> str:
        return f"list_extract([{','.join(map(str, values))}], {index} + 1)"

    def bit(self, condition: str, position: int) -> str:
        return f"CASE WHEN {condition} THEN {1 << position}::BIGINT ELSE 0::BIGINT END"

    def has_bits(self, mask: str, bits: int) -> str:
        return f"({mask} & {bits}::BIGINT) <> 0"

    def row_hash(self, columns: Sequence[str]) -> str:
        return f"hash({', '.join(columns)})"

    def struct_list(self, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        rows = ", ".join(
            f"CASE WHEN {condition} THEN {{{', '.join(f'{name!r}: {value}' for name, value in fields.items())}}} END"
            for condition, fields in items
        )
        return f"list_filter([{rows}], lambda f: f IS NOT NULL)"

    def as_text(self, value: str) -> str:
        return f"CAST({value} AS VARCHAR)"

    def sql_type(self, kind: Kind | tuple[int, int]) -> str:
        return f"DECIMAL({kind[0]},{kind[1]})" if isinstance(kind, tuple) else _TYPES[kind]


def _glob(character: str) -> str:
    if character == "9":
        return "[0-9]"
    return f"[{character}]" if character in "*?[" else character


def _strptime(pattern: str) -> str:
    for jdk, c in _STRPTIME:
        pattern = pattern.replace(jdk, c)
    return pattern
