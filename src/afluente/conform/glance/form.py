"""Texts of one written form, such as `999.999.999-99`: their digits, and sums of digits times weights.

Eight bytes are one number, and the arithmetic of numbers works on all eight at once (SWAR): a byte that must be a
digit is told by adding 0x76, which carries nine and less to 0x7F at most. A product with the weights in reverse
order has the weighted sum in its highest lane of sixteen bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from afluente.conform.glance.block import Block, Flags, Places, Words, words

_HIGHS = np.uint64(0x8080808080808080)
_LANES = np.uint64(0x00FF00FF00FF00FF)
_NO_SHIFT = np.uint64(0)
_BYTE = np.uint64(8)
_TOP_LANE = np.uint64(48)
_LOWER = np.uint64(2)


@dataclass(frozen=True, slots=True)
class Digits:
    """The digits of rows of one form; a letter's value is its ASCII code minus 48. Where `fits` is false: anything."""

    form: Form
    fits: Flags
    values: tuple[Words, ...]

    def total(self, weights: Sequence[int]) -> Words:
        """The sum of the digits times their weights, one a digit from the left; it must stay under 65,536."""
        total: Words | None = None
        for value, (even, odd) in zip(self.values, _factors(self.form, tuple(weights)), strict=True):
            for factor, shift in ((even, _NO_SHIFT), (odd, _BYTE)):
                if factor:
                    lane = (value >> shift) & _LANES if shift else value & _LANES
                    lane *= factor
                    total = lane if total is None else np.add(total, lane, out=total)
        if total is None:
            return np.zeros(self.fits.size, np.uint64)
        return np.right_shift(total, _TOP_LANE, out=total)

    def are_all(self, digit: Words | int) -> Flags:
        """Whether every digit of a row is this one."""
        different: Words | None = None
        for value, mask in zip(self.values, _ones(self.form), strict=True):
            apart = value ^ (np.uint64(digit) * np.uint64(mask) if isinstance(digit, int) else digit * np.uint64(mask))
            different = apart if different is None else np.bitwise_or(different, apart, out=different)
        if different is None:
            return np.ones(self.fits.size, np.bool_)
        is_same: Flags = different == 0
        return is_same


@dataclass(frozen=True, slots=True)
class Form:
    """A written form: `9` stands for a digit, `A` for a digit or letter, everything else for itself."""

    shape: str

    @property
    def size(self) -> int:
        return len(self.shape)

    @property
    def places(self) -> tuple[int, ...]:
        """Where in the text the digits and letters stand."""
        return tuple(place for place, character in enumerate(self.shape) if character in "9A")

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the words start that cover the text; the last may cover bytes of the one before."""
        tail = self.size - 1 if self.size % 8 == 1 else max(self.size - 8, 0)
        return (*range(0, self.size - 7, 8), tail) if self.size % 8 else tuple(range(0, self.size, 8))

    def read(self, block: Block, rows: NDArray[np.intp]) -> Digits:
        """The digits of these rows, whose texts have this form's size."""
        starts = block.starts[rows]
        bad: Words | None = None
        values = []
        for expected in _expected(self):
            value, wrong = expected.read(expected.of(block, starts))
            values.append(value)
            bad = wrong if bad is None else np.bitwise_or(bad, wrong, out=bad)
        if bad is None:
            return Digits(self, np.ones(rows.size, np.bool_), ())
        return Digits(self, (bad & _HIGHS) == 0, tuple(values))


@dataclass(frozen=True, slots=True)
class _Word:
    """What eight bytes of a form must be, or its last one. `slack` carries a byte that is too great past 0x7F."""

    start: int
    is_byte: bool
    characters: np.uint64
    mask: np.uint64
    slack: np.uint64
    letters: np.uint64

    def of(self, block: Block, starts: Places) -> Words:
        """The word of each of these texts."""
        at = starts + self.start if self.start else starts
        return block.content.take(at).astype(np.uint64) if self.is_byte else words(block.content, at)

    def read(self, word: Words) -> tuple[Words, Words]:
        """The values of the bytes, and high bits where one is not what the form has there."""
        if self.letters:
            return self._read_letters(word)
        value = word ^ self.characters
        if self.mask != np.uint64(0xFFFFFFFFFFFFFFFF):
            value &= self.mask
        wrong = value + self.slack
        wrong |= value
        return value, wrong

    def _read_letters(self, word: Words) -> tuple[Words, Words]:
        value = word - self.characters
        above = value.copy()
        lower = (value + _over("a")) & ~(value + _past("z")) & self.letters
        value -= lower >> _LOWER
        letter = (value + _over("A")) & ~(value + _past("Z")) & self.letters
        return value, ((value + self.slack) & ~letter) | above


def _over(letter: str) -> np.uint64:
    """Added to the value of a character, sets the high bit from this letter on."""
    return np.uint64((0x80 - (ord(letter) - 48)) * 0x0101010101010101)


def _past(letter: str) -> np.uint64:
    """Added to the value of a character, sets the high bit after this letter."""
    return np.uint64((0x7F - (ord(letter) - 48)) * 0x0101010101010101)


@cache
def _expected(form: Form) -> tuple[_Word, ...]:
    found = []
    for start in form.starts:
        characters = mask = slack = letters = 0
        for byte, character in enumerate(form.shape[start : start + 8]):
            at = 8 * byte
            characters |= ord("0" if character in "9A" else character) << at
            mask |= 0xFF << at
            slack |= (0x76 if character in "9A" else 0x7F) << at
            letters |= (0x80 if character == "A" else 0) << at
        is_byte = start == form.size - 1
        found.append(_Word(start, is_byte, *map(np.uint64, (characters, mask, slack, letters))))
    return tuple(found)


@cache
def _factors(form: Form, weights: tuple[int, ...]) -> tuple[tuple[np.uint64, np.uint64], ...]:
    """For each word what its even and its odd bytes are multiplied with; a byte that two words cover counts once."""
    left = dict(zip(form.places, weights, strict=True))
    found = []
    for start in form.starts:
        factors = [0, 0]
        for byte in range(8):
            factors[byte % 2] |= left.pop(start + byte, 0) << (16 * (3 - byte // 2))
        found.append((np.uint64(factors[0]), np.uint64(factors[1])))
    return tuple(found)


@cache
def _ones(form: Form) -> tuple[int, ...]:
    return tuple(
        sum(1 << (8 * (place - start)) for place in form.places if 0 <= place - start < 8) for start in form.starts
    )
