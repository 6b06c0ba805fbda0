"""CEP at a glance, by its first three digits where all that begin with them are assigned or none is."""

from __future__ import annotations

import numpy as np

from afluente.conform.glance.answer import NO, UNSURE, YES, Answers, by_forms
from afluente.conform.glance.block import Block
from afluente.conform.glance.form import Digits, Form
from afluente.conform.types.place import assigned_ceps

_FORMS = tuple(Form(shape) for shape in ("99999-999", "99999999", "9999-999", "9999999", "99.999-999"))


def _of_prefix() -> Answers:
    is_assigned = np.zeros(100_000, np.bool_)
    for low, high in assigned_ceps():
        is_assigned[low : high + 1] = True
    hundreds = is_assigned.reshape(1000, 100)
    return np.select([hundreds.all(axis=1), ~hundreds.any(axis=1)], [YES, NO], UNSURE)


_OF_PREFIX = _of_prefix()


def cep(block: Block) -> Answers:
    return by_forms(block, _FORMS, _is_cep, fewest=7)


def _is_cep(digits: Digits) -> Answers:
    lost = 8 - len(digits.form.places)
    prefix = digits.total((*(100, 10, 1)[lost:], *(0,) * 5))
    return _OF_PREFIX.take(prefix, mode="clip")
