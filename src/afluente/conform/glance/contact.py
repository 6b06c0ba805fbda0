"""Telephones and e-mail addresses at a glance.

An address is looked at as bits, one a byte: which bytes are no letters, and which are `@` or may not be in a plain
address. A word of sixty-four of them holds a whole address, with its last byte as the lowest bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afluente.conform.glance.answer import NO, UNSURE, Answers, answers, judge
from afluente.conform.glance.block import Block, words
from afluente.conform.glance.form import Digits, Form
from afluente.conform.types.contact import DDDS, SHAPES

_PHONES = tuple(Form(shape) for shape in (*SHAPES, "5599999999999", "559999999999"))
_ONE = np.uint64(1)
_LONGEST = 57
"""Sixty-four bits from the start of a byte hold so many from any place in it."""


def _beginnings(*, is_mobile: bool) -> NDArray[np.bool_]:
    """Whether a number may begin with these three digits: an area code and the first of its own digits."""
    firsts = (9,) if is_mobile else (2, 3, 4, 5)
    may_begin = np.zeros(1000, np.bool_)
    may_begin[[ddd * 10 + first for ddd in DDDS for first in firsts]] = True
    return may_begin


_MOBILES, _LANDLINES = _beginnings(is_mobile=True), _beginnings(is_mobile=False)


def phone(block: Block) -> Answers:
    said = answers(block, fewest=10)
    for form in _PHONES:
        judge(block, said, form, _is_phone)
    return said


def _is_phone(digits: Digits) -> NDArray[np.bool_]:
    national = digits.form.shape.count("9")
    beginning = digits.total((100, 10, 1, *(0,) * (national - 3)))
    return (_MOBILES if national == 11 else _LANDLINES).take(beginning, mode="clip")


def email(block: Block) -> Answers:
    said = answers(block, fewest=6)
    content, sizes = block.content, block.sizes
    not_letters = ((content | 32) - 97) > 25
    dots = content == ord(".")
    odd = (content - 0x21) > 0x7E - 0x21
    odd |= (content | 2) == ord(">")
    odd[1:] |= dots[1:] & dots[:-1]
    odd |= content == ord("@")
    others, marks = _bits(block, not_letters), _bits(block, odd)
    last = block.starts + sizes - 1
    last_other = np.bitwise_count((others & -others) - _ONE)
    at = np.bitwise_count((marks & -marks) - _ONE)
    is_plain = (marks & (marks - _ONE)) == 0
    is_plain &= content.take(last - at, mode="clip") == ord("@")
    is_plain |= marks == 0
    is_plain &= sizes <= _LONGEST
    is_address = content.take(last - last_other, mode="clip") == ord(".")
    is_address &= last_other >= 2
    is_address &= at > last_other + 1
    is_address &= at < sizes - 1
    return np.where((said == UNSURE) & is_plain, is_address, said)


def _bits(block: Block, flags: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The flags of each text's bytes, that of its last byte as the lowest bit."""
    packed = np.concatenate([np.packbits(flags), np.zeros(8, np.uint8)])
    bits = words(packed, block.starts >> 3).byteswap()
    bits <<= (block.starts & 7).astype(np.uint64)
    bits >>= (64 - block.sizes).astype(np.uint64)
    return bits
