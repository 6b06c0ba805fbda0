"""Integers, decimals, floating-point numbers and money, each in the locale the contract declares.

Invariant: `1.234` is never guessed. Without a locale only the machine's form (`1234.5`) is read; digits that the
declared scale cannot hold make the text invalid instead of being rounded away.
"""

from __future__ import annotations

import re

from afluente.conform.dialect import SPACES, Dialect, Kind
from afluente.conform.reading import Cell, Reading, Repair, first_readable, where_unread
from afluente.core.errors import ProjectError
from afluente.core.language import Message

LOCALES = {"pt-BR": (".", ","), "en-US": (",", ".")}
_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", re.IGNORECASE)
_CURRENCIES = {"pt-BR": "R[$]|BRL", "en-US": "US[$]|USD|[$]"}
_ENDS = f"^[{SPACES}]+|[{SPACES}]+$"


def decimal_size(physical_type: str | None) -> tuple[int, int] | None:
    """Precision and scale of `decimal(p,s)`; None for any other type."""
    found = _DECIMAL.fullmatch(physical_type.strip()) if physical_type else None
    return (int(found[1]), int(found[2] or 0)) if found else None


def _separators(cell: Cell) -> tuple[str, str]:
    locale = cell.column.locale
    if locale is None:
        return "", "."
    try:
        return LOCALES[locale]
    except KeyError:
        raise ProjectError(
            "contract.locale_unknown",
            f"column '{cell.column.name}' declares the locale '{locale}', which does not exist",
            hint=f"use one of {', '.join(LOCALES)}",
            place=cell.column.place,
        ) from None


def _regex(thousands: str, point: str, scale: int) -> str:
    grouped = f"[0-9]{{1,3}}(\\{thousands}[0-9]{{3}})+|" if thousands else ""
    fraction = f"(\\{point}[0-9]{{1,{scale}}}0*)?" if scale else f"(\\{point}0+)?"
    return f"({grouped}[0-9]+){fraction}"


def _plain(text: str, thousands: str, point: str) -> str:
    ungrouped = f"replace({text}, '{thousands}', '')" if thousands else text
    return f"replace({ungrouped}, '{point}', '.')" if point != "." else ungrouped


def _number(d: Dialect, text: str, thousands: str, point: str, size: tuple[int, int]) -> str:
    return d.try_decimal(_plain(text, thousands, point), *size)


def decimal(cell: Cell) -> Reading:
    """A DECIMAL of the declared precision and scale (18, 2 when none is), with or without a currency sign."""
    d, raw = cell.dialect, cell.raw
    size = decimal_size(cell.column.physical_type) or (18, 2)
    thousands, point = _separators(cell)
    body = _regex(thousands, point, size[1])
    prefix = "-?(R\\$ ?)?" if cell.column.locale == "pt-BR" else "-?"
    currency = _CURRENCIES.get(cell.column.locale or "")
    extras = f"{_ENDS}|[{SPACES}]*({currency})[{SPACES}]*" if currency else _ENDS
    fast, cleaned, inside, value = (cell.mid(n) for n in ("fast", "cleaned", "inside", "value"))
    bare = raw
    if cell.column.locale == "pt-BR":
        bare = (
            f"CASE WHEN {raw} LIKE 'R$ %' THEN substr({raw}, 4) ELSE replace(replace({raw}, 'R$ ', ''), 'R$', '') END"
        )
    signed = f"[+-]? ?{body}|{body}-|[(]{body}[)]"
    stripped = d.remove(raw, extras)
    thorough = (
        f"CASE WHEN {d.matches(cleaned, '[-(].*|.*-')} THEN -{_number(d, inside, thousands, point, size)}"
        f" ELSE {_number(d, inside, thousands, point, size)} END"
    )
    return Reading(
        value=value,
        kind=size,
        message=Message(
            "número inválido para o formato declarado", "not a number in the declared format, or it does not fit"
        ),
        stages=(
            {fast: (f"CASE WHEN {d.matches(raw, prefix + body)} THEN {_number(d, bare, thousands, point, size)} END")},
            {cleaned: where_unread(raw, fast, d.remove(raw, extras))},
            {inside: f"CASE WHEN {d.matches(cleaned, signed)} THEN {d.remove(cleaned, '^[+(-] ?|[)-]$')} END"},
            {value: first_readable(inside, fast, thorough)},
        ),
        reasons=(
            (
                f"{d.matches(stripped, '[+-]?[0-9.,]+')} AND NOT {d.matches(stripped, '-?' + body)}",
                Message(
                    f"separadores ou casas decimais fora do formato declarado ({cell.column.locale or 'sem locale'})",
                    f"separators or decimals outside the declared format ({cell.column.locale or 'no locale'})",
                ),
            ),
        ),
    )


def integer(cell: Cell) -> Reading:
    """A BIGINT (INTEGER where the physical type says so). `12.0` is read as 12 and counted as a repair."""
    d, raw = cell.dialect, cell.raw
    kind: Kind = "integer" if (cell.column.physical_type or "").lower() in ("int", "integer", "int32") else "bigint"
    thousands, point = _separators(cell)
    number, fast, cleaned, value = (cell.mid(n) for n in ("number", "fast", "cleaned", "value"))
    zeros = f"\\{point}0+"
    whole = d.remove(cleaned, f"^[+]|{zeros}$")
    ungrouped = f"replace({whole}, '{thousands}', '')" if thousands else whole
    thorough = (
        f"CASE WHEN {d.matches(cleaned, f'[+-]?{_regex(thousands, point, 0)}')} THEN {d.try_cast(ungrouped, kind)} END"
    )
    return Reading(
        value=value,
        kind=kind,
        message=Message("não é um número inteiro", "not a whole number, or it does not fit"),
        stages=(
            {number: d.try_cast(raw, kind)},
            {fast: f"CASE WHEN {d.as_text(number)} = {raw} THEN {number} END"},
            {cleaned: where_unread(raw, fast, d.trim(raw))},
            {value: first_readable(cleaned, fast, thorough)},
        ),
        repairs=(
            Repair(
                "integer.decimal_zero",
                f"{value} IS NOT NULL AND {d.matches(cleaned, '.*' + zeros)}",
            ),
        ),
    )


def number(cell: Cell) -> Reading:
    """A DOUBLE; a declared `decimal(p,s)` makes it a DECIMAL instead."""
    if decimal_size(cell.column.physical_type):
        return decimal(cell)
    d, raw = cell.dialect, cell.raw
    thousands, point = _separators(cell)
    read, value = cell.mid("read"), cell.mid("value")
    cleaned = d.trim(raw)
    grouped = f"[0-9]{{1,3}}(\\{thousands}[0-9]{{3}})+|" if thousands else ""
    regex = f"[+-]?({grouped}[0-9]+)(\\{point}[0-9]+)?([eE][+-]?[0-9]{{1,3}})?"
    return Reading(
        value=value,
        kind="double",
        message=Message("não é um número no formato declarado", "not a number in the declared format"),
        stages=(
            {
                read: (
                    f"CASE WHEN {d.matches(cleaned, regex)}"
                    f" THEN {d.try_cast(_plain(cleaned, thousands, point), 'double')} END"
                )
            },
            {value: f"CASE WHEN abs({read}) < CAST('Infinity' AS {d.sql_type('double')}) THEN {read} END"},
        ),
    )
