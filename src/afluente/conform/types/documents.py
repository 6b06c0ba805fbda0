"""CPF, CNPJ (numeric and alphanumeric), either of them, and CNS.

Sources: IN RFB 2.229/2024 and NT 49/2024 (alphanumeric CNPJ: a character's value is its ASCII code minus 48).
"""

from __future__ import annotations

from afluente.conform.check_digits import PACK, first_sum, packed_sum, second_sum
from afluente.conform.dialect import SPACES, Dialect
from afluente.conform.reading import Cell, Reading, Repair, where_unread
from afluente.core.language import Message

SEPARATORS = f"[{SPACES}./-]"
_CNPJ_FIRST = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CNPJ_SECOND = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3)


def _is_cpf(number: str, packed: str, d: Dialect) -> str:
    tenth = f"({d.div(number, 10)} % 10)"
    return (
        f"{first_sum(d, packed)} * 10 % 11 % 10 = {tenth}"
        f" AND ({second_sum(packed)} + 2 * {tenth}) * 10 % 11 % 10 = {number} % 10"
        f" AND {number} % 11111111111 <> 0"
    )


def _cpf_sum(d: Dialect, number: str) -> str:
    return packed_sum(d, d.div(number, 100), 9, range(10, 1, -1), range(11, 2, -1))


def _cnpj_sum(d: Dialect, number: str, text: str) -> str:
    """The packed sums of a CNPJ: by table where it is a number, by character where it has letters."""
    numeric = packed_sum(d, d.div(number, 100), 12, _CNPJ_FIRST, _CNPJ_SECOND)
    letters = " + ".join(
        f"({d.code(f'substr({text}, {i + 1}, 1)')} - 48) * {first * PACK + second}"
        for i, (first, second) in enumerate(zip(_CNPJ_FIRST, _CNPJ_SECOND, strict=True))
    )
    return f"CASE WHEN {number} IS NOT NULL THEN {numeric} WHEN {text} IS NOT NULL THEN {letters} END"


def _digit(total: str) -> str:
    """The check digit `11 - r`, or 0 where r < 2: ten is minus one modulo eleven."""
    return f"({total}) * 10 % 11 % 10"


def _is_cnpj(d: Dialect, tail: str, packed: str) -> str:
    first = d.div(tail, 10)
    return (
        f"{_digit(first_sum(d, packed))} = {first}"
        f" AND {_digit(f'{second_sum(packed)} + 2 * {first}')} = {tail} % 10 AND {packed} <> 0"
    )


def _padded(d: Dialect, cleaned: str, fewest: int, width: int) -> str:
    """Digits padded on the left to `width` where at least `fewest` and at most `width` came; else null."""
    return (
        f"CASE WHEN NOT {d.only_digits(cleaned)} THEN NULL WHEN length({cleaned}) = {width} THEN {cleaned}"
        f" WHEN length({cleaned}) BETWEEN {fewest} AND {width - 1} THEN lpad({cleaned}, {width}, '0') END"
    )


def _digit_reasons(d: Dialect, raw: str, fewest: int, most: int) -> tuple[tuple[str, Message], ...]:
    cleaned = d.remove(raw, SEPARATORS)
    return (
        (
            f"NOT {d.matches(cleaned, '[0-9A-Za-z]*')}",
            Message("tem caracteres que não são dígitos", "holds characters that are not digits"),
        ),
        (
            f"length({cleaned}) NOT BETWEEN {fewest} AND {most}",
            Message("tem a quantidade errada de dígitos", "has the wrong number of digits"),
        ),
    )


def cpf(cell: Cell) -> Reading:
    """Eleven digits as text. Nine or ten digits are padded with zeros when the check digits prove it."""
    d, raw = cell.dialect, cell.raw
    names = ("plain", "digits", "cleaned", "text", "number", "packed")
    plain, digits, cleaned, text, number, packed = (cell.mid(n) for n in names)
    return Reading(
        value=f"CASE WHEN {_is_cpf(number, packed, d)} THEN {text} END",
        kind="text",
        message=Message(
            "CPF inválido: os dígitos verificadores não conferem", "invalid CPF: its check digits are wrong"
        ),
        stages=(
            {plain: f"CASE WHEN length({raw}) = 11 THEN {raw} ELSE replace(replace({raw}, '.', ''), '-', '') END"},
            {digits: f"CASE WHEN length({plain}) = 11 AND {d.only_digits(plain)} THEN {plain} END"},
            {cleaned: where_unread(raw, digits, d.remove(raw, SEPARATORS))},
            {text: f"CASE WHEN {digits} IS NOT NULL THEN {digits} ELSE {_padded(d, cleaned, 9, 11)} END"},
            {number: d.try_cast(text, "bigint")},
            {packed: _cpf_sum(d, number)},
        ),
        repairs=(Repair("br.cpf.leading_zeros", f"{_read(cell)} IS NOT NULL AND length({cleaned}) < 11"),),
        reasons=_digit_reasons(d, raw, 9, 11),
    )


def _read(cell: Cell) -> str:
    return cell.other(cell.column.name)


def cnpj(cell: Cell) -> Reading:
    """Fourteen characters as upper-case text; lost leading zeros of a numeric CNPJ are padded when it checks."""
    d, raw = cell.dialect, cell.raw
    names = ("plain", "digits", "cleaned", "text", "number", "packed", "tail")
    plain, digits, cleaned, text, number, packed, tail = (cell.mid(n) for n in names)
    lettered = f"CASE WHEN {d.matches(cleaned, '[0-9A-Z]{12}[0-9]{2}')} THEN {cleaned} END"
    spared = f"CASE WHEN {d.only_digits(cleaned)} THEN {_padded(d, cleaned, 11, 14)} ELSE {lettered} END"
    stripped = f"replace(replace(replace({raw}, '.', ''), '-', ''), '/', '')"
    return Reading(
        value=f"CASE WHEN {_is_cnpj(d, tail, packed)} THEN {text} END",
        kind="text",
        message=Message(
            "CNPJ inválido: os dígitos verificadores não conferem", "invalid CNPJ: its check digits are wrong"
        ),
        stages=(
            {plain: f"CASE WHEN length({raw}) = 14 THEN {raw} ELSE {stripped} END"},
            {digits: f"CASE WHEN length({plain}) = 14 AND {d.only_digits(plain)} THEN {plain} END"},
            {cleaned: where_unread(raw, digits, d.upper(d.remove(raw, SEPARATORS)))},
            {text: f"CASE WHEN {digits} IS NOT NULL THEN {digits} WHEN {cleaned} IS NOT NULL THEN {spared} END"},
            {number: d.try_cast(text, "bigint")},
            {
                packed: _cnpj_sum(d, number, text),
                tail: (
                    f"CASE WHEN {number} IS NOT NULL THEN CAST({number} % 100 AS {d.sql_type('integer')})"
                    f" WHEN {text} IS NOT NULL THEN {d.try_cast(f'substr({text}, 13, 2)', 'integer')} END"
                ),
            },
        ),
        repairs=(Repair("br.cnpj.leading_zeros", f"{_read(cell)} IS NOT NULL AND length({cleaned}) < 14"),),
        reasons=_digit_reasons(d, raw, 11, 14),
    )


def cpf_cnpj(cell: Cell) -> Reading:
    """A CPF of eleven digits or a CNPJ of fourteen characters, told apart by length (a padded CPF goes first)."""
    d, raw = cell.dialect, cell.raw
    names = ("cleaned", "person", "person_number", "person_sum", "company", "company_number", "tail", "company_sum")
    cleaned, person, person_number, person_sum, company, company_number, tail, company_sum = map(cell.mid, names)
    lettered = f"CASE WHEN {d.matches(cleaned, '[0-9A-Z]{12}[0-9]{2}')} THEN {cleaned} END"
    return Reading(
        value=(
            f"CASE WHEN {_is_cpf(person_number, person_sum, d)} THEN {person}"
            f" WHEN {_is_cnpj(d, tail, company_sum)} THEN {company} END"
        ),
        kind="text",
        message=Message("nem CPF nem CNPJ válido", "neither a valid CPF nor a valid CNPJ"),
        stages=(
            {cleaned: d.upper(d.remove(raw, SEPARATORS))},
            {
                person: _padded(d, cleaned, 9, 11),
                company: f"CASE WHEN {d.only_digits(cleaned)} THEN {_padded(d, cleaned, 11, 14)} ELSE {lettered} END",
            },
            {
                person_number: d.try_cast(person, "bigint"),
                company_number: d.try_cast(company, "bigint"),
                tail: d.try_cast(f"substr({company}, 13, 2)", "integer"),
            },
            {person_sum: _cpf_sum(d, person_number), company_sum: _cnpj_sum(d, company_number, company)},
        ),
        repairs=(Repair("br.cpf_cnpj.leading_zeros", f"length({cleaned}) < length({_read(cell)})"),),
        reasons=_digit_reasons(d, raw, 9, 14),
    )


def cns(cell: Cell) -> Reading:
    """Fifteen digits as text. Numbers that begin with 1 or 2 end in 000 or 001 and a digit derived from the rest."""
    d, raw = cell.dialect, cell.raw
    cleaned, text, number, packed = (cell.mid(n) for n in ("cleaned", "text", "number", "packed"))
    rest = f"({packed} % 11)"
    provisional = packed_sum(d, number, 15, [0] * 15, range(15, 0, -1))
    definitive = packed_sum(d, d.div(number, 10_000), 11, [0] * 11, range(15, 4, -1))
    leading = d.div(number, 10**14)
    suffix = f"(CASE {rest} WHEN 0 THEN 0 WHEN 1 THEN 18 ELSE 11 - {rest} END)"
    return Reading(
        value=(
            f"CASE WHEN {leading} IN (1, 2) AND {number} % 10000 = {suffix} THEN {text}"
            f" WHEN {leading} IN (7, 8, 9) AND {rest} = 0 THEN {text} END"
        ),
        kind="text",
        message=Message("CNS inválido: o dígito verificador não confere", "invalid CNS: its check digit is wrong"),
        stages=(
            {cleaned: f"CASE WHEN {d.only_digits(raw)} THEN {raw} ELSE {d.remove(raw, SEPARATORS)} END"},
            {text: f"CASE WHEN length({cleaned}) = 15 AND {d.only_digits(cleaned)} THEN {cleaned} END"},
            {number: d.try_cast(text, "bigint")},
            {
                packed: f"CASE WHEN {leading} IN (1, 2) THEN {definitive} WHEN {leading} IN (7, 8, 9) THEN {provisional} END"
            },
        ),
        reasons=_digit_reasons(d, raw, 15, 15),
    )
