"""Text whose UTF-8 was read as latin-1 and written again (`SÃ£o Paulo`), put right where a contract asks for it."""

from __future__ import annotations

from afluente.conform.dialect import Dialect
from afluente.conform.reading import Cell, Repair

_ACCENTED = "áàâãäéèêëíìîïóòôõöúùûüçñÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑºª°"


def _garbled() -> list[tuple[str, str]]:
    """Pairs of a letter's UTF-8 bytes read as Windows-1252 (latin-1 where that has no such byte) and the letter."""
    pairs = []
    for letter in _ACCENTED:
        raw = letter.encode()
        for encoding in ("cp1252", "latin-1"):
            try:
                pairs.append((raw.decode(encoding), letter))
            except UnicodeDecodeError:
                continue
    return list(dict.fromkeys(pairs))


def repaired_encoding(d: Dialect, text: str) -> str:
    """Text whose UTF-8 was read as latin-1 and written again, put right; other text is left alone."""
    nested = d.replace_each(text, _garbled())
    return f"CASE WHEN {d.contains(text, 'Ã')} OR {d.contains(text, 'Â')} THEN {nested} ELSE {text} END"


def unscrambled(cell: Cell) -> str:
    """The raw text of a column, with its encoding put right where the contract says `repairEncoding`."""
    return repaired_encoding(cell.dialect, cell.raw) if cell.column.repair_encoding else cell.raw


def encoding_repair(cell: Cell, value: str) -> tuple[Repair, ...]:
    """What counts the rows of a column whose encoding was put right."""
    if not cell.column.repair_encoding:
        return ()
    return (Repair("text.encoding", f"{value} IS NOT NULL AND {unscrambled(cell)} <> {cell.raw}"),)
