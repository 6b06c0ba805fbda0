"""The few SQL operations conform is written in, once for each engine.

Invariant: an operation gives the same value on every dialect for the inputs the semantic types pass to it; none
raises on any text. Every argument and answer is SQL text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

Kind = Literal["text", "bigint", "integer", "double", "boolean", "date", "timestamp"]

EXOTIC_SPACES = "\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space outside ASCII, and what is invisible like it, as the inside of a regular expression's class."""

SPACES = f"\t-\r {EXOTIC_SPACES}"
"""All white space; engines disagree on what `\\s` and a plain `trim` mean."""

SPACE_CHARACTERS = "".join(
    map(
        chr,
        (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200C), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF),
    )
)


def quote(name: str) -> str:
    """An identifier both dialects read, whatever characters it holds."""
    return f'"{name.replace(chr(34), chr(34) * 2)}"'


def has_visible_ends(text: str) -> str:
    """SQL of both engines: whether a text begins and ends with a visible character of ASCII. NULL for NULL."""
    return f"{text} BETWEEN '!' AND '~~' AND substr({text}, length({text})) BETWEEN '!' AND '~'"


class Dialect(Protocol):
    """Renders operations as SQL text of one engine."""

    name: Literal["duckdb", "spark"]
    row_id: str | None
    """The pseudo-column that tells a materialised table's rows apart, where the engine has one."""
    local_type: str
    """The engine's type of a date and time without a zone."""

    def identifier(self, name: str) -> str:
        """A quoted column or table name."""
        ...

    def literal(self, text: str) -> str:
        """A text literal."""
        ...

    def shape(self, text: str, pattern: str) -> str:
        """Whether the whole text has this shape: `9` stands for a digit, everything else for itself."""
        ...

    def only_digits(self, text: str) -> str:
        """Whether no character is anything but 0-9 (true of the empty text)."""
        ...

    def matches(self, text: str, regex: str) -> str:
        """Whether the whole text matches a regular expression (the common part of RE2 and Java)."""
        ...

    def remove(self, text: str, regex: str) -> str:
        """The text without every match."""
        ...

    def substitute(self, text: str, regex: str, replacement: str) -> str:
        """Every match replaced by a literal text."""
        ...

    def replace_each(self, text: str, pairs: Sequence[tuple[str, str]]) -> str:
        """Every first text of a pair replaced by the second, one pair after the other."""
        ...

    def finds(self, text: str, regex: str) -> str:
        """Whether a regular expression matches anywhere."""
        ...

    def trim(self, text: str) -> str:
        """The text without white space of any kind at its ends."""
        ...

    def upper(self, text: str) -> str: ...

    def lower(self, text: str) -> str: ...

    def contains(self, text: str, part: str) -> str: ...

    def is_ascii(self, text: str) -> str: ...

    def position(self, text: str, part: str) -> str:
        """Where the part first stands, from 1; 0 when it does not."""
        ...

    def fold(self, text: str) -> str:
        """Lower case without accents, and only letters a-z and digits left."""
        ...

    def compose(self, text: str) -> str:
        """Unicode normal form C of text that holds combining marks."""
        ...

    def title(self, text: str) -> str:
        """The first letter of each word upper case and the rest lower; words stand between single spaces."""
        ...

    def code(self, text: str) -> str:
        """The code point of the first character, as an integer."""
        ...

    def div(self, left: str, right: int) -> str:
        """Integer division of a number that is not negative."""
        ...

    def try_cast(self, text: str, kind: Kind) -> str:
        """The text as a number, or null. Lenient: check the shape first."""
        ...

    def try_decimal(self, text: str, precision: int, scale: int) -> str:
        """Plain decimal text (`-12.50`) as DECIMAL, or null when it does not fit. Lenient: check the shape first."""
        ...

    def try_date(self, text: str, pattern: str) -> str:
        """Text of exactly the pattern's shape as DATE, or null; the pattern in JDK notation."""
        ...

    def try_local(self, text: str, pattern: str) -> str:
        """Text of exactly the pattern's shape, without an offset, as what `instant` takes, or null."""
        ...

    def try_instant(self, text: str, pattern: str) -> str:
        """Text of exactly the pattern's shape, with an offset or 'Z', as an instant, or null."""
        ...

    def local(self, value: str) -> str:
        """A typed date, or a date and time without a zone, as what `instant` takes."""
        ...

    def instant(self, local: str, timezone: str) -> str:
        """What `try_local` gave, as an instant: the earlier where the clock shows a time twice, later in a gap."""
        ...

    def bit(self, condition: str, position: int) -> str:
        """The integer `1 << position` where the condition is true, else 0."""
        ...

    def has_bits(self, mask: str, bits: int) -> str:
        """Whether any of these bits is set."""
        ...

    def row_hash(self, columns: Sequence[str]) -> str:
        """A hash of a row's values, good for finding rows that may be equal."""
        ...

    def struct_list(self, items: Sequence[tuple[str, Mapping[str, str]]]) -> str:
        """A list of structs of text fields: those whose condition is true, in order."""
        ...

    def as_text(self, value: str) -> str:
        """A value as text: dates ISO, decimals plain."""
        ...

    def sql_type(self, kind: Kind | tuple[int, int]) -> str:
        """The engine's name of a type; a pair is a DECIMAL's precision and scale."""
        ...


def shape_regex(pattern: str) -> str:
    """The regular expression of a shape: `9` is a digit and everything else stands for itself."""
    special = ".()[]{}+*?^$|\\/-"
    return "".join("[0-9]" if c == "9" else f"\\{c}" if c in special else c for c in pattern)
