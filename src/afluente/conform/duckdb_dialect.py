"""Conform's operations in DuckDB's SQL, each the fastest of those measured (globs beat regular expressions, one
`strptime` beats a list of formats, arithmetic on whole columns beats conditions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from afluente.conform.dialect import SPACE_CHARACTERS, Kind, has_visible_ends, quote

_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
_STRPTIME = {
    "yyyy": "%Y",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSSSSS": "%f",
    "SSS": "%g",
    "XXX": "%z",
    "'T'": "T",
    "'Z'": "Z",
}
_TOKEN = re.compile("|".join(sorted(_STRPTIME, key=len, reverse=True)))
_ISO_INSTANT = re.compile(r"yyyy-MM-dd('T'| )HH:mm:ss(\.SSS(SSS)?)?('Z'|XXX)")
_CLOCKS_STILL = date(2019, 3, 1)
"""Since when Brazil's clocks are no longer set forward and back."""


class DuckDbDialect:
    """Implements Dialect for DuckDB 2."""

    name: Literal["duckdb", "spark"] = "duckdb"
    row_id: str | None = "rowid"
    local_type = "TIMESTAMP"

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

    def replace_each(self, text: str, pairs: Sequence[tuple[str, str]]) -> str:
        nested = text
        for old, new in pairs:
            nested = f"replace({nested}, {self.literal(old)}, {self.literal(new)})"
        return nested

    def finds(self, text: str, regex: str) -> str:
        return f"regexp_matches({text}, {self.literal(regex)})"

    def trim(self, text: str) -> str:
        """A text that begins and ends visibly is left alone: looking at its ends costs a tenth of a `trim` of 29 characters."""
        return (
            f"(CASE WHEN {has_visible_ends(text)} THEN {text} ELSE trim({text}, {self.literal(SPACE_CHARACTERS)}) END)"
        )

    def upper(self, text: str) -> str:
        return f"upper({text})"

    def lower(self, text: str) -> str:
        return f"lower({text})"

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

    def try_local(self, text: str, pattern: str) -> str:
        return f"CAST(try_strptime({text}, {self.literal(_strptime(pattern))}) AS TIMESTAMP)"

    def try_instant(self, text: str, pattern: str) -> str:
        if _ISO_INSTANT.fullmatch(pattern):
            return f"TRY_CAST({text} AS TIMESTAMP WITH TIME ZONE)"
        parsed = f"try_strptime({text}, {self.literal(_strptime(pattern))})"
        if pattern.endswith("'Z'"):
            return f"timezone('UTC', CAST({parsed} AS TIMESTAMP))"
        return f"CAST({parsed} AS TIMESTAMP WITH TIME ZONE)"

    def local(self, value: str) -> str:
        return f"CAST({value} AS TIMESTAMP)"

    def instant(self, local: str, timezone: str) -> str:
        zone = self.literal(timezone)
        later = f"timezone({zone}, {local})"
        earlier = f"{later} - INTERVAL 1 HOUR"
        old = f"{local} < TIMESTAMP '{_CLOCKS_STILL} 00:00:00' AND " if _is_still(timezone) else ""
        return f"CASE WHEN {old}timezone({zone}, {earlier}) = {local} THEN {earlier} ELSE {later} END"

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
    return _TOKEN.sub(lambda token: _STRPTIME[token[0]], pattern)


@cache
def _is_still(timezone: str) -> bool:
    """Whether a zone keeps one offset from `_CLOCKS_STILL` on, as far as is known."""
    zone = ZoneInfo(timezone)
    noon = datetime.combine(_CLOCKS_STILL, time(12), tzinfo=zone)
    return len({(noon + timedelta(weeks=week)).utcoffset() for week in range(52 * 30)}) == 1
