"""Telephones and e-mail addresses at a glance.

An address is looked at as bits, one a byte: which bytes are no letters, and which are `@` or may not be in a plain
address. A word of sixty-four of them holds a whole address, with its last byte as the lowest bit.
"""

from __future__ import annotations

import threading

import numpy as np

from afluente.conform.glance.answer import UNSURE, Answers, answers, by_forms
from afluente.conform.glance.block import Block, Bytes, Flags, Words
from afluente.conform.glance.form import Digits, Form
from afluente.conform.types.contact import DDDS, SHAPES

_PHONES = tuple(Form(shape) for shape in (*SHAPES, "5599999999999", "559999999999"))
_ONE = np.uint64(1)
_LONGEST = 64


def _beginnings(*, is_mobile: bool) -> Flags:
    """Whether a number may begin with these three digits: an area code and the first of its own digits."""
    firsts = (9,) if is_mobile else (2, 3, 4, 5)
    may_begin = np.zeros(1000, np.bool_)
    may_begin[[ddd * 10 + first for ddd in DDDS for first in firsts]] = True
    return may_begin


_MOBILES, _LANDLINES = _beginnings(is_mobile=True), _beginnings(is_mobile=False)


def phone(block: Block) -> Answers:
    return by_forms(block, _PHONES, _is_phone, fewest=10)


def _is_phone(digits: Digits) -> Flags:
    national = digits.form.shape.count("9")
    beginning = digits.total((100, 10, 1, *(0,) * (national - 3)))
    return (_MOBILES if national == 11 else _LANDLINES).take(beginning, mode="clip")


def email(block: Block) -> Answers:
    """Addresses of visible ASCII. A bracket may stand around one, so what begins with one or ends in no letter waits."""
    said = answers(block, fewest=6)
    content, starts, sizes = block.content, block.starts, block.sizes
    scratch, flags, odd = _scratch.of(content.size)
    bits = _Bits(block)
    np.bitwise_or(content, 32, out=scratch)
    scratch -= ord("a")
    others = bits.of(np.greater(scratch, ord("z") - ord("a"), out=flags))
    np.subtract(content, ord("!"), out=scratch)
    np.greater(scratch, ord("~") - ord("!"), out=odd)
    dots = np.equal(content, ord("."), out=scratch.view(np.bool_))
    odd[1:] |= np.logical_and(dots[1:], dots[:-1], out=flags[1:])
    odd |= np.equal(content, ord("@"), out=flags)
    marks = bits.of(odd)
    last = starts + sizes
    last -= 1
    last_other = np.bitwise_count((others & -others) - _ONE)
    at = np.bitwise_count((marks & -marks) - _ONE)
    is_plain = (marks & (marks - _ONE)) == 0
    is_plain &= content.take(last - at, mode="clip") == ord("@")
    is_plain |= marks == 0
    is_plain &= sizes <= _LONGEST
    is_plain &= last_other > 0
    is_plain &= content.take(starts) != ord("<")
    is_address = content.take(last - last_other, mode="clip") == ord(".")
    is_address &= last_other >= 2
    is_address &= at > last_other + 1
    is_address &= at < sizes - 1
    is_plain &= said == UNSURE
    np.copyto(said, is_address, where=is_plain)
    return said


class _Bits:
    """Flags of a block's bytes as one number a text, that of its last byte as the lowest bit.

    A number is put together of two that lie at whole words: that is quicker than to read it where it lies.
    """

    def __init__(self, block: Block) -> None:
        self._word = (block.starts >> 6).astype(np.intp)
        self._next = self._word + 1
        self._before = (block.starts & 63).astype(np.uint64)
        self._within = np.uint64(63) - self._before
        self._after = (64 - block.sizes).astype(np.uint64)

    def of(self, flags: Flags) -> Words:
        packed = np.packbits(flags)
        big = np.concatenate([packed, np.zeros(16 - packed.size % 8, np.uint8)]).view(">u8").astype(np.uint64)
        bits = big.take(self._word, mode="clip")
        bits <<= self._before
        rest = big.take(self._next, mode="clip")
        rest >>= _ONE
        rest >>= self._within
        bits |= rest
        bits >>= self._after
        return bits


class _Scratch(threading.local):
    """A thread's memory for what is worked out of a block's bytes: fresh pages cost ten times the work itself."""

    memory = np.zeros((3, 0), np.uint8)

    def of(self, size: int) -> tuple[Bytes, Flags, Flags]:
        if self.memory.shape[1] < size:
            self.memory = np.zeros((3, size), np.uint8)
        scratch, flags, more_flags = self.memory[:, :size]
        return scratch, flags.view(np.bool_), more_flags.view(np.bool_)


_scratch = _Scratch()
