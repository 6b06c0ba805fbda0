"""Telephone numbers of Brazil and e-mail addresses."""

from __future__ import annotations

from itertools import groupby

from afluente.conform.dialect import SPACES, Dialect
from afluente.conform.reading import Cell, Check, Reading, where_unread
from afluente.core.language import Message

DDDS = (
    *range(11, 20), 21, 22, 24, 27, 28, *range(31, 36), 37, 38, *range(41, 50), 51, 53, 54, 55, *range(61, 70),
    71, 73, 74, 75, 77, 79, *range(81, 90), *range(91, 100),
)  # fmt: skip
SHAPES = (
    "(99) 99999-9999",
    "+55 (99) 99999-9999",
    "99999999999",
    "(99) 9999-9999",
    "(99)99999-9999",
    "+5599999999999",
    "+55 (99) 9999-9999",
    "+55 99 99999-9999",
    "+559999999999",
    "99 99999-9999",
    "9999999999",
)
_PUNCTUATION = f"[{SPACES}()./-]"
_PREFIX = "^([+]55|0055)?0?"
EMAIL = f"[^@{SPACES}]+@[^@{SPACES}]+\\.[A-Za-z]{{2,}}"
_PLAIN = f"[^.@<{SPACES}]+"
_LOCAL = f"{_PLAIN}([.]{_PLAIN}){{0,8}}"
_LOWER_EMAIL = f"{_LOCAL}@([a-z0-9-]+[.]){{1,8}}[a-z]{{2,}}"
_MIXED_EMAIL = f"{_LOCAL}@([A-Za-z0-9-]+[.]){{1,8}}[A-Za-z]{{2,}}"
"""Neither lets two dots stand together; EMAIL tells of the few addresses that neither matches.

The dots are counted because Java's regular expressions call themselves once for each time a group repeats.
"""
TYPO_DOMAINS = (
    "[a-z]+[.]con",
    "gmail[.]co(m[.]br)?",
    "gm(ia|a|na)l?[.]com",
    "(gamil|gmai|gnail|hotmai|hotmal|hotmial|outlok)[.]com",
    "yaho[.]com[.]br",
    "uol[.]com",
)
"""Domains that are nearly always mistyped forms of gmail.com, hotmail.com, outlook.com, yahoo.com.br and uol.com.br."""


def _national(raw: str, shape: str) -> str:
    """The digits of a text of this shape without the country's 55, as SQL."""
    pieces = []
    at = 1
    for is_digit, run in groupby(shape, key=str.isdigit):
        size = len(list(run))
        if is_digit:
            pieces.append((at, size))
        at += size
    if shape.startswith("+"):
        start, size = pieces[0]
        pieces[0] = (start + 2, size - 2)
    parts = [f"substr({raw}, {start}, {size})" for start, size in pieces if size]
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"


def _shaped(d: Dialect, raw: str) -> str:
    """The national digits of a text of one of SHAPES, else null: by its length first, which costs nothing to ask."""
    of_length: dict[int, list[str]] = {}
    for shape in SHAPES:
        of_length.setdefault(len(shape), []).append(f"WHEN {d.shape(raw, shape)} THEN {_national(raw, shape)}")
    whens = " ".join(f"WHEN {size} THEN CASE {' '.join(cases)} END" for size, cases in of_length.items())
    return f"CASE length({raw}) {whens} END"


def _is_number(d: Dialect, national: str) -> str:
    tens = groupby(DDDS, key=lambda ddd: ddd // 10)
    areas = "|".join(f"{ten}[{''.join(str(ddd % 10) for ddd in ddds)}]" for ten, ddds in tens)
    return d.matches(national, f"({areas})(9[0-9]{{8}}|[2-5][0-9]{{7}})")


def phone(cell: Cell) -> Reading:
    """E.164 (`+55` and ten or eleven digits): an area code that exists, then a mobile or a landline number."""
    d, raw = cell.dialect, cell.raw
    shaped, digits, national = cell.mid("shaped"), cell.mid("digits"), cell.mid("national")
    cleaned = d.remove(raw, _PUNCTUATION)
    has_country = f"length({digits}) >= 12 AND substr({digits}, 1, 2) = '55'"
    return Reading(
        value=f"CASE WHEN {_is_number(d, national)} THEN '+55' || {national} END",
        kind="text",
        message=Message(
            "telefone inválido: DDD ou numeração que não existe", "invalid telephone: no such area code or numbering"
        ),
        stages=(
            {shaped: _shaped(d, raw)},
            {digits: where_unread(raw, shaped, d.remove(cleaned, _PREFIX))},
            {
                national: (
                    f"CASE WHEN {shaped} IS NOT NULL THEN {shaped} WHEN NOT {d.only_digits(digits)} THEN NULL"
                    f" WHEN {has_country} THEN substr({digits}, 3) ELSE {digits} END"
                )
            },
        ),
        reasons=(
            (
                f"{d.matches(cleaned, '([+]|00)[0-9]*')} AND NOT {d.matches(cleaned, '([+]|00)55.*')}",
                Message("telefone de outro país", "the telephone belongs to another country"),
            ),
            (
                f"NOT {d.matches(cleaned, '[+]?[0-9]*')}",
                Message(
                    "telefone com caracteres que não são dígitos", "the telephone holds characters that are not digits"
                ),
            ),
            (
                f"length({cleaned}) < 10",
                Message("telefone sem DDD ou com dígitos a menos", "the telephone has no area code or too few digits"),
            ),
        ),
    )


def _lowered(d: Dialect, text: str) -> str:
    at = d.position(text, "@")
    return f"concat(substr({text}, 1, {at}), {d.lower(f'substr({text}, {at} + 1)')})"


def email(cell: Cell) -> Reading:
    """An address with its domain in lower case. A domain that looks mistyped is a warning with the likely one."""
    d, raw = cell.dialect, cell.raw
    lower, mixed, trimmed, value = (cell.mid(name) for name in ("lower", "mixed", "trimmed", "value"))
    is_address = f"{d.matches(trimmed, EMAIL)} AND NOT {d.contains(trimmed, '..')}"
    return Reading(
        value=value,
        kind="text",
        message=Message("e-mail inválido", "invalid e-mail address"),
        stages=(
            {lower: f"CASE WHEN {d.matches(raw, _LOWER_EMAIL)} THEN {raw} END"},
            {mixed: where_unread(raw, lower, f"CASE WHEN {d.matches(raw, _MIXED_EMAIL)} THEN {_lowered(d, raw)} END")},
            {
                trimmed: (
                    f"CASE WHEN {lower} IS NULL AND {mixed} IS NULL AND {raw} IS NOT NULL"
                    f" THEN {d.remove(raw, f'^[{SPACES}<]+|[{SPACES}>]+$')} END"
                )
            },
            {
                value: (
                    f"CASE WHEN {lower} IS NOT NULL THEN {lower} WHEN {mixed} IS NOT NULL THEN {mixed}"
                    f" WHEN {trimmed} IS NOT NULL THEN"
                    f" CASE WHEN {is_address} THEN {_lowered(d, trimmed)} END END"
                )
            },
        ),
        checks=(
            Check(
                "email.domain",
                f"{value} IS NOT NULL AND {d.finds(value, f'@({chr(124).join(TYPO_DOMAINS)})$')}",
                Message("o domínio parece digitado errado", "the domain looks mistyped"),
                is_warning=True,
            ),
        ),
    )


def uuid(cell: Cell) -> Reading:
    """A UUID in lower case with hyphens."""
    d, raw = cell.dialect, cell.raw
    value = cell.mid("value")
    plain = d.lower(d.trim(raw))
    hexadecimal = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    return Reading(
        value=value,
        kind="text",
        message=Message("UUID inválido", "invalid UUID"),
        stages=({value: f"CASE WHEN {d.matches(plain, hexadecimal)} THEN {plain} END"},),
    )
