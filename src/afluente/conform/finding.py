"""What can be found about a row: each finding is one bit of a mask, with an effect on the row's fate.

Invariant: a bit means the same everywhere (the SQL that sets it, the counts, the quarantine's reasons), because all
three read the one list of findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from afluente.core.language import Message

Effect = Literal["quarantine", "drop", "repair", "warning"]
BITS_A_WORD = 62


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be true of a row. `condition` is SQL; `column` is "" for a rule of the whole row.

    `reasons` are finer explanations, tried in order on the raw text (SQL condition, message); `message` is the last.
    """

    rule: str
    column: str
    effect: Effect
    condition: str
    message: Message
    raw: str | None = None
    reasons: tuple[tuple[str, Message], ...] = ()


def word_of(position: int) -> tuple[str, int]:
    """The mask column and the bit in it of the finding at a position of the list."""
    return f"_afluente_found{position // BITS_A_WORD}", position % BITS_A_WORD


def words(findings: Sequence[Finding]) -> list[str]:
    """The mask columns that so many findings need; at least one."""
    return [f"_afluente_found{i}" for i in range(max(1, -(-len(findings) // BITS_A_WORD)))]


def masks(findings: Sequence[Finding], *effects: Effect) -> dict[str, int]:
    """For each mask column the bits of the findings with one of these effects; columns without any are left out."""
    bits: dict[str, int] = {}
    for position, finding in enumerate(findings):
        if finding.effect in effects:
            word, bit = word_of(position)
            bits[word] = bits.get(word, 0) | 1 << bit
    return bits


def counts(findings: Sequence[Finding], rows: Sequence[tuple[Sequence[int], int]]) -> Iterator[tuple[Finding, int]]:
    """How many rows each finding is true of, from (mask words, rows) groups; findings of no row are left out."""
    for position, finding in enumerate(findings):
        total = sum(number for found, number in rows if found[position // BITS_A_WORD] >> position % BITS_A_WORD & 1)
        if total:
            yield finding, total
