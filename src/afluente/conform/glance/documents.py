"""CPF, CNPJ and CNS at a glance: the forms they are written in, by the weights the types themselves have."""

from __future__ import annotations

import numpy as np

from afluente.conform.glance.answer import Answers, by_forms
from afluente.conform.glance.block import Block, Flags, Words
from afluente.conform.glance.form import Digits, Form
from afluente.conform.types.documents import CNPJ_FIRST, CNPJ_SECOND, CPF_FIRST, CPF_SECOND

_TOTALS = np.arange(4096)
_DUE = (_TOTALS * 10 % 11 % 10).astype(np.uint8)
_DUE_TENS = _DUE * np.uint8(10)
_DIVIDES = _TOTALS % 11 == 0
_REST = _TOTALS % 11
_SUFFIX = np.select([_REST == 0, _REST == 1], [0, 18], 11 - _REST).astype(np.uint64)
_CPF = tuple(Form(shape) for shape in ("99999999999", "999.999.999-99", "9999999999", "999999999"))
_CNPJ = tuple(
    Form(shape)
    for shape in (
        "99999999999999",
        "99.999.999/9999-99",
        "AAAAAAAAAAAA99",
        "AA.AAA.AAA/AAAA-99",
        "9999999999999",
        "999999999999",
        "99999999999",
    )
)
_CNS = tuple(Form(shape) for shape in ("999999999999999", "999 9999 9999 9999"))


def cpf(block: Block) -> Answers:
    return by_forms(block, _CPF, _is_cpf, fewest=9)


def _is_cpf(digits: Digits) -> Flags:
    absent = 11 - len(digits.form.places)
    first = digits.total((*CPF_FIRST, 0, 0)[absent:])
    second = digits.total((*CPF_SECOND, 2, 0)[absent:])
    leading = 0 if absent else digits.values[0] & np.uint64(0xFF)
    return _has_due(digits, first, second) & ~digits.are_all(leading)


def _has_due(digits: Digits, first: Words, second: Words) -> Flags:
    """Whether the last two digits are those that the two sums call for."""
    given = digits.total((*(0,) * (len(digits.form.places) - 2), 10, 1))
    has_due: Flags = given == _DUE_TENS.take(first, mode="clip") + _DUE.take(second, mode="clip")
    return has_due


def cnpj(block: Block) -> Answers:
    return by_forms(block, _CNPJ, _is_cnpj, fewest=11)


def _is_cnpj(digits: Digits) -> Flags:
    absent = 14 - len(digits.form.places)
    first = digits.total((*CNPJ_FIRST, 0, 0)[absent:])
    second = digits.total((*CNPJ_SECOND, 2, 0)[absent:])
    return _has_due(digits, first, second) & ~digits.are_all(0)


def cns(block: Block) -> Answers:
    return by_forms(block, _CNS, _is_cns, fewest=15)


def _is_cns(digits: Digits) -> Flags:
    leading = digits.values[0] & np.uint64(0xFF)
    is_cns: Flags = _DIVIDES.take(digits.total(range(15, 0, -1)), mode="clip")
    is_cns &= leading >= 7
    is_definitive = (leading == 1) | (leading == 2)
    if is_definitive.any():
        suffix = _SUFFIX.take(digits.total((*range(15, 4, -1), 0, 0, 0, 0)), mode="clip")
        is_cns |= is_definitive & (digits.total((*(0,) * 11, 1000, 100, 10, 1)) == suffix)
    return is_cns
