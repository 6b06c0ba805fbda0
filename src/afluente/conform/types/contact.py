"""Telephone numbers of Brazil and e-mail addresses."""

from __future__ import annotations

from itertools import groupby

from afluente.conform.dialect import SPACES, Dialect
from afluente.conform.reading import Cell, Check, Reading, first_readable, where_unread
from afluente.core.language import Message

DDDS = (
    *range(11, 20), 21, 22, 24, 27, 28, *range(31, 36), 37, 38, *range(41, 50), 51, 53, 54, 55, *range(61, 70),
    71, 73, 74, 75, 77, 79, *range(81, 90), *range(91, 100),
)  # fmt: skip
SHAPES = (
    "(99) 99999-9999",
    "99999999999",
    "(99)99999-9999",
    "+55 99 99999-9999",
    "+55 (99) 99999-9999",
    "+5599999999999",
    "(99) 9999-9999",
    "99 99999-9999",
    "9999999999",
)
_PUNCTUATION = f"[{SPACES}()./-]"
_PREFIX = "^([+]55|0055)?0?"
EMAIL = f"[^@{SPACES}]+@[^@{SPACES}]+\\.[A-Za-z]{{2,}}"
TYPO_DOMAINS = {
    "gmail.con": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail.com.br": "gmail.com",
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gamil.com": "gmail.com",
    "gnail.com": "gmail.com",
    "hotmail.con": "hotmail.com",
    "hotmai.com": "hotmail.com",
    "hotmal.com": "hotmail.com",
    "hotmial.com": "hotmail.com",
    "outlook.con": "outlook.com",
    "outlok.com": "outlook.com",
    "yahoo.con": "yahoo.com",
    "yaho.com.br": "yahoo.com.br",
    "uol.com": "uol.com.br",
}


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


def _is_number(national: str) -> str:
    ddds = ", ".join(f"'{ddd}'" for ddd in DDDS)
    return (
        f"substr({national}, 1, 2) IN ({ddds}) AND CASE length({national})"
        f" WHEN 11 THEN substr({national}, 3, 1) = '9'"
        f" WHEN 10 THEN substr({national}, 3, 1) BETWEEN '2' AND '5' ELSE FALSE END"
    )


def phone(cell: Cell) -> Reading:
    """E.164 (`+55` and ten or eleven digits): an area code that exists, then a mobile or a landline number."""
    d, raw = cell.dialect, cell.raw
    shaped, digits, national = cell.mid("shaped"), cell.mid("digits"), cell.mid("national")
    cases = " ".join(f"WHEN {d.shape(raw, shape)} THEN {_national(raw, shape)}" for shape in SHAPES)
    cleaned = d.remove(raw, _PUNCTUATION)
    has_country = f"length({digits}) >= 12 AND substr({digits}, 1, 2) = '55'"
    return Reading(
        value=f"CASE WHEN {_is_number(national)} THEN '+55' || {national} END",
        kind="text",
        message=Message(
            "telefone inválido: DDD ou numeração que não existe", "invalid telephone: no such area code or numbering"
        ),
        stages=(
            {shaped: f"CASE {cases} END"},
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


def _address(d: Dialect, text: str) -> str:
    at = d.position(text, "@")
    domain = f"substr({text}, {at} + 1)"
    lowered = f"concat(substr({text}, 1, {at}), {d.lower(domain)})"
    return (
        f"CASE WHEN {d.matches(text, EMAIL)} AND NOT {d.contains(text, '..')}"
        f" THEN CASE WHEN {d.lower(text)} = {text} THEN {text} ELSE {lowered} END END"
    )


def email(cell: Cell) -> Reading:
    """An address with its domain in lower case. A domain that looks mistyped is a warning with the likely one."""
    d, raw = cell.dialect, cell.raw
    fast, trimmed, value = cell.mid("fast"), cell.mid("trimmed"), cell.mid("value")
    typos = ", ".join(f"'{domain}'" for domain in TYPO_DOMAINS)
    return Reading(
        value=value,
        kind="text",
        message=Message("e-mail inválido", "invalid e-mail address"),
        stages=(
            {fast: _address(d, raw)},
            {trimmed: where_unread(raw, fast, d.remove(raw, f"^[{SPACES}<]+|[{SPACES}>]+$"))},
            {value: first_readable(trimmed, fast, _address(d, trimmed))},
        ),
        checks=(
            Check(
                "email.domain",
                f"{value} IS NOT NULL AND substr({value}, {d.position(value, '@')} + 1) IN ({typos})",
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
