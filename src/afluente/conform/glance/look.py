"""A glance at a whole array, on all cores.

Invariant: an answer stands at its text's place, whichever thread found it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.conform.dialect import SPACE_CHARACTERS, SPACES
from afluente.conform.glance import contact, documents, gtin, place
from afluente.conform.glance.answer import NO, UNSURE, Answers, Glance
from afluente.conform.glance.block import BLOCK_ROWS, Block, blocks

GLANCES: Mapping[str, Glance] = {
    "br.cpf": documents.cpf,
    "br.cnpj": documents.cnpj,
    "br.cns": documents.cns,
    "br.cep": place.cep,
    "br.phone": contact.phone,
    "email": contact.email,
    "gtin": gtin.gtin,
}
"""All of these types read a text as they read it without the white space around it."""

_S = f"[{SPACES}]*"
_POSSIBLE: Mapping[Glance, str] = {
    place.cep: f"([0-9]{_S}){{1,2}}[.]?{_S}([0-9]{_S}){{3}}-?{_S}([0-9]{_S}){{3}}",
    contact.email: f"[<{SPACES}]*([.]?[^@.{SPACES}])*[.]?@([.]?[^@.{SPACES}])+[.][A-Za-z]+[>{SPACES}]*",
}
"""What every value matches, where that is quick to tell and much that is dirty does not."""


def look(arrays: Sequence[pa.Array], glance: Glance) -> Answers:
    """An answer for each text of string or large_string arrays; what is said of nulls means nothing."""
    said = _look(arrays, glance)
    left = []
    end = 0
    for array in arrays:
        start, end = end, end + len(array)
        left.append(array.take(pa.array(np.flatnonzero(said[start:end] == UNSURE))))
    unsure = np.flatnonzero(said == UNSURE)
    if unsure.size:
        said[unsure] = _look_again(pa.concat_arrays(left), glance)
    return said


def _look_again(texts: pa.Array, glance: Glance) -> Answers:
    trimmed = pc.utf8_trim(texts, characters=SPACE_CHARACTERS)
    said = _look([trimmed], glance)
    if glance in _POSSIBLE:
        unsure = np.flatnonzero(said == UNSURE)
        is_possible = pc.match_substring_regex(trimmed.take(pa.array(unsure)), rf"\A({_POSSIBLE[glance]})\z")
        said[unsure] = np.where(is_possible.to_numpy(zero_copy_only=False), UNSURE, NO)
    return said


def _look(arrays: Sequence[pa.Array], glance: Glance) -> Answers:
    said = np.empty(sum(map(len, arrays)), np.uint8)

    def answer(piece: slice, block: Block) -> None:
        said[piece] = glance(block)

    threads = min(said.size // BLOCK_ROWS, _cores())
    if threads < 2:
        for piece, block in blocks(arrays):
            answer(piece, block)
        return said
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(answer, piece, block) for piece, block in blocks(arrays)]:
            done.result()
    return said


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
