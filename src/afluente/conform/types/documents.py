"""CPF, CNPJ (numeric and alphanumeric), either of them, and CNS.

Sources: IN RFB 2.229/2024 and NT 49/2024 (alphanumeric CNPJ: a character's value is its ASCII code minus 48).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afluente.conform.check_digits import PACK, check_digit, letter_sums, quotients, sum_modulo_11
from afluente.conform.dialect import SPACES, Dialect
from afluente.conform.reading import Cell, Reading, Repair, where_unread
from afluente.core.language import Message

SEPARATORS = f"[{SPACES}./-]"
CPF_FIRST = tuple(range(10, 1, -1))
CPF_SECOND = tuple(range(11, 2, -1))
CNPJ_FIRST = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
CNPJ_SECOND = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3)


def _quotient_names(cell: Cell, count: int, of: str = "") -> list[str]:
    return [cell.mid(f"{of}q{power}") for power in range(2, 2 + count)]


def _digits_due(names: Sequence[str], first: Sequence[int], second: Sequence[int], tenth: str) -> str:
    """The two check digits that quotients call for, as one number; the second leans on the first one given.

    One expression without a condition: engines work it out for whole columns at a time.
    """
    return (
        f"{check_digit(sum_modulo_11(names, first))} * 10"
        f" + {check_digit(f'{sum_modulo_11(names, second)} + 2 * {tenth}')}"
    )


def _cpf_digits_due(cell: Cell, number: str) -> str:
    tenth = f"({cell.dialect.div(number, 10)} % 10)"
    return _digits_due(_quotient_names(cell, 9), CPF_FIRST, CPF_SECOND, tenth)


def _is_cpf(number: str, due: str) -> str:
    return f"{number} % 100 = {due} AND {number} % 11111111111 <> 0"


def _padded(d: Dialect, cleaned: str, fewest: int, width: int) -> str:
    """Digits padded on the left to `width` where at least `fewest` and at most `width` came; else null."""
    return (
        f"CASE WHEN NOT {d.only_digits(cleaned)} THEN NULL WHEN length({cleaned}) = {width} THEN {cleaned}"
        f" WHEN length({cleaned}) BETWEEN {fewest} AND {width - 1} THEN lpad({cleaned}, {width}, '0') END"
    )


def _digit_reasons(d: Dialect, raw: str, fewest: int, most: int) -> tuple[tuple[str, Message], ...]:
    return (
        (
            d.finds(raw, f"[^0-9A-Za-z{SPACES}./-]"),
            Message("tem caracteres que não são dígitos", "holds characters that are not digits"),
        ),
        (
            f"length({d.remove(raw, SEPARATORS)}) NOT BETWEEN {fewest} AND {most}",
            Message("tem a quantidade errada de dígitos", "has the wrong number of digits"),
        ),
    )


def cpf(cell: Cell) -> Reading:
    """Eleven digits as text. Nine or ten digits are padded with zeros when the check digits prove it."""
    d, raw = cell.dialect, cell.raw
    names = ("plain", "digits", "cleaned", "text", "number", "due")
    plain, digits, cleaned, text, number, due = (cell.mid(n) for n in names)
    return Reading(
        value=f"CASE WHEN {_is_cpf(number, due)} THEN {text} END",
        kind="text",
        message=Message(
            "CPF inválido: os dígitos verificadores não conferem", "invalid CPF: its check digits are wrong"
        ),
        stages=(
            {plain: f"CASE WHEN length({raw}) = 11 THEN {raw} ELSE replace(replace({raw}, '.', ''), '-', '') END"},
            {digits: f"CASE WHEN length({plain}) = 11 AND {d.only_digits(plain)} THEN {plain} END"},
            {cleaned: where_unread(raw, digits, _cleaned(d, raw, plain))},
            {text: f"CASE WHEN {digits} IS NOT NULL THEN {digits} ELSE {_padded(d, cleaned, 9, 11)} END"},
            {number: d.try_cast(text, "bigint")},
            quotients(cell, number, first=2, count=9),
            {due: _cpf_digits_due(cell, number)},
        ),
        repairs=(Repair("br.cpf.leading_zeros", f"length({cleaned}) < 11 AND {_read(cell)} IS NOT NULL"),),
        reasons=_digit_reasons(d, raw, 9, 11),
    )


def _cleaned(d: Dialect, raw: str, plain: str) -> str:
    """The text without separators, where what was taken out first left digits alone without a regular expression."""
    return f"CASE WHEN {d.only_digits(plain)} THEN {plain} ELSE {d.remove(raw, SEPARATORS)} END"


def _read(cell: Cell) -> str:
    return cell.other(cell.column.name)


def _company(cell: Cell, text: str, digits: str = "", of: str = "") -> tuple[str, tuple[Mapping[str, str], ...]]:
    """Whether a CNPJ's text is one, and the stages that tell: by number, or by character where it has letters.

    `digits` is the text where it is known to hold digits alone.
    """
    d = cell.dialect
    number, letters, due, lettered_due = (cell.mid(of + n) for n in ("number", "letters", "due", "lettered_due"))
    names = _quotient_names(cell, 12, of)
    known = f"WHEN {digits} IS NOT NULL THEN {d.try_cast(digits, 'bigint')} " if digits else ""
    sums = f"CASE WHEN {number} IS NULL AND {text} IS NOT NULL THEN {letter_sums(d, text, CNPJ_FIRST, CNPJ_SECOND)} END"
    given = d.try_cast(f"substr({text}, 13, 2)", "integer")
    tenth = d.div(given, 10)
    of_letters = (
        f"{check_digit(d.div(letters, PACK))} * 10 + {check_digit(f'{letters} % {PACK} + 2 * {tenth}')} = {given}"
    )
    stages = (
        {number: f"CASE {known}WHEN {d.only_digits(text)} THEN {d.try_cast(text, 'bigint')} END"},
        {**quotients(cell, number, first=2, count=12, of=of), letters: sums},
        {
            due: _digits_due(names, CNPJ_FIRST, CNPJ_SECOND, f"({d.div(number, 10)} % 10)"),
            lettered_due: f"CASE WHEN {letters} IS NOT NULL THEN {of_letters} END",
        },
    )
    return f"({number} % 100 = {due} AND {number} <> 0 OR {lettered_due})", stages


def cnpj(cell: Cell) -> Reading:
    """Fourteen characters as upper-case text; lost leading zeros of a numeric CNPJ are padded when it checks."""
    d, raw = cell.dialect, cell.raw
    plain, digits, cleaned, text = (cell.mid(n) for n in ("plain", "digits", "cleaned", "text"))
    is_cnpj, stages = _company(cell, text, digits)
    lettered = f"CASE WHEN {d.matches(cleaned, '[0-9A-Z]{12}[0-9]{2}')} THEN {cleaned} END"
    spared = f"CASE WHEN {d.only_digits(cleaned)} THEN {_padded(d, cleaned, 11, 14)} ELSE {lettered} END"
    stripped = f"replace(replace(replace({raw}, '.', ''), '-', ''), '/', '')"
    return Reading(
        value=f"CASE WHEN {is_cnpj} THEN {text} END",
        kind="text",
        message=Message(
            "CNPJ inválido: os dígitos verificadores não conferem", "invalid CNPJ: its check digits are wrong"
        ),
        stages=(
            {plain: f"CASE WHEN length({raw}) = 14 THEN {raw} ELSE {stripped} END"},
            {digits: f"CASE WHEN length({plain}) = 14 AND {d.only_digits(plain)} THEN {plain} END"},
            {cleaned: where_unread(raw, digits, d.upper(d.remove(raw, SEPARATORS)))},
            {text: f"CASE WHEN {digits} IS NOT NULL THEN {digits} WHEN {cleaned} IS NOT NULL THEN {spared} END"},
            *stages,
        ),
        repairs=(Repair("br.cnpj.leading_zeros", f"length({cleaned}) < 14 AND {_read(cell)} IS NOT NULL"),),
        reasons=_digit_reasons(d, raw, 11, 14),
    )


def cpf_cnpj(cell: Cell) -> Reading:
    """A CPF of eleven digits or a CNPJ of fourteen characters, told apart by length (a padded CPF goes first)."""
    d, raw = cell.dialect, cell.raw
    names = ("cleaned", "person", "person_number", "due", "company")
    cleaned, person, person_number, due, company = (cell.mid(n) for n in names)
    lettered = f"CASE WHEN {d.matches(cleaned, '[0-9A-Z]{12}[0-9]{2}')} THEN {cleaned} END"
    is_cnpj, (numbers, sums, digits_due) = _company(cell, company, of="company_")
    return Reading(
        value=(f"CASE WHEN {_is_cpf(person_number, due)} THEN {person} WHEN {is_cnpj} THEN {company} END"),
        kind="text",
        message=Message("nem CPF nem CNPJ válido", "neither a valid CPF nor a valid CNPJ"),
        stages=(
            {cleaned: d.upper(d.remove(raw, SEPARATORS))},
            {
                person: _padded(d, cleaned, 9, 11),
                company: f"CASE WHEN {d.only_digits(cleaned)} THEN {_padded(d, cleaned, 11, 14)} ELSE {lettered} END",
            },
            {person_number: d.try_cast(person, "bigint"), **numbers},
            {**quotients(cell, person_number, first=2, count=9), **sums},
            {due: _cpf_digits_due(cell, person_number), **digits_due},
        ),
        repairs=(Repair("br.cpf_cnpj.leading_zeros", f"length({cleaned}) < length({_read(cell)})"),),
        reasons=_digit_reasons(d, raw, 9, 14),
    )


def cns(cell: Cell) -> Reading:
    """Fifteen digits as text. Numbers that begin with 1 or 2 end in 000 or 001 and a digit derived from the rest."""
    d, raw = cell.dialect, cell.raw
    cleaned, text, number, rest, whole = (cell.mid(n) for n in ("cleaned", "text", "number", "rest", "whole"))
    names = [cell.mid(f"q{power}") for power in range(15)]
    leading = names[14]
    suffix = f"(CASE {rest} WHEN 0 THEN 0 WHEN 1 THEN 18 ELSE 11 - {rest} END)"
    return Reading(
        value=(
            f"CASE WHEN {leading} IN (7, 8, 9) AND {whole} = 0 THEN {text}"
            f" WHEN {leading} IN (1, 2) AND {number} % 10000 = {suffix} THEN {text} END"
        ),
        kind="text",
        message=Message("CNS inválido: o dígito verificador não confere", "invalid CNS: its check digit is wrong"),
        stages=(
            {cleaned: f"CASE WHEN {d.only_digits(raw)} THEN {raw} ELSE {d.remove(raw, SEPARATORS)} END"},
            {text: f"CASE WHEN length({cleaned}) = 15 AND {d.only_digits(cleaned)} THEN {cleaned} END"},
            {number: d.try_cast(text, "bigint")},
            quotients(cell, number, first=0, count=15),
            {
                rest: f"{sum_modulo_11(names[4:], range(15, 4, -1))} % 11",
                whole: f"{sum_modulo_11(names, range(15, 0, -1))} % 11",
            },
        ),
        reasons=_digit_reasons(d, raw, 15, 15),
    )
