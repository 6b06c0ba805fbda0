"""GTIN-8, GTIN-12, GTIN-13 and GTIN-14 (EAN, UPC). Source: GS1 General Specifications, section 7.9."""

from __future__ import annotations

from afluente.conform.check_digits import quotients
from afluente.conform.reading import Cell, Reading, Repair
from afluente.conform.types.documents import SEPARATORS
from afluente.core.language import Message


def gtin(cell: Cell) -> Reading:
    """Eight, twelve, thirteen or fourteen digits as text; one lost leading zero of a shorter code is put back.

    A digit and its quotient are equal modulo ten, so the quotients are added in the digits' place.
    """
    d, raw = cell.dialect, cell.raw
    plain, number, value = (cell.mid(n) for n in ("plain", "number", "value"))
    divided = quotients(cell, number, first=0, count=14)
    even, odd = (" + ".join(list(divided)[start::2]) for start in (0, 1))
    size = f"length({plain})"
    padded = f"CASE {size} WHEN 7 THEN lpad({plain}, 8, '0') WHEN 11 THEN lpad({plain}, 12, '0') ELSE {plain} END"
    return Reading(
        value=value,
        kind="text",
        message=Message("GTIN inválido: o dígito verificador não confere", "invalid GTIN: its check digit is wrong"),
        stages=(
            {plain: f"CASE WHEN {d.only_digits(raw)} THEN {raw} ELSE {d.remove(raw, SEPARATORS)} END"},
            {
                number: (
                    f"CASE WHEN {size} IN (7, 8, 11, 12, 13, 14) AND {d.only_digits(plain)}"
                    f" THEN {d.try_cast(plain, 'bigint')} END"
                )
            },
            divided,
            {value: f"CASE WHEN ({even} + 3 * ({odd})) % 10 = 0 AND {number} <> 0 THEN {padded} END"},
        ),
        repairs=(Repair("gtin.leading_zero", f"{value} IS NOT NULL AND {size} IN (7, 11)"),),
    )
