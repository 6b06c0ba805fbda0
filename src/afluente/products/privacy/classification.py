"""Which columns of an output of rows may leave, and how, by their classification.

Invariant: a direct identifier leaves only as a keyed pseudonym; a column that nothing declares does not leave; a time
is never told finer than a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import DataRefused
from afluente.project.facts_columns import RESTRICTED, FactsColumn, facts_columns
from afluente.project.sql_type import logical_types_of

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.contract import Classification, Contract
    from afluente.project.product import Generalise, Output
    from afluente.project.settings import Project

Identifier = Literal["cpf", "e-mail"]

_CPF = re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)")
_BARE = re.compile(r"(?<!\d)\d{11}(?!\d)")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_MAYBE = r"@|\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2}"
_CPF_DIGITS = 11


@dataclass(frozen=True, slots=True)
class LeavingColumn:
    """A column as it leaves. `is_quasi` makes classes of persons; `is_linking` joins all rows of one person."""

    name: str
    classification: Classification
    is_pseudonym: bool = False
    generalise: Generalise | None = None
    is_quasi: bool = False
    is_linking: bool = False

    @property
    def is_sensitive(self) -> bool:
        return self.classification == "sensitive" and not self.is_pseudonym


def leaving_columns(project: Project, output: Output, contract: Contract) -> tuple[LeavingColumn, ...]:
    """The columns of an output of rows, in order. DataRefused when one of them may not leave.

    The stricter of what the facts and the output's contract say counts. Days, and what is made coarser, count as
    quasi-identifiers whatever is declared.
    """
    facts = facts_columns(output.facts, project.contracts, project.models) or {}
    promised = {column.name: column.classification for column in contract.columns}
    leaving = [
        _leaving(output, name, facts.get(name), promised=promised.get(name, "public"))
        for name in output.columns or tuple(promised)
    ]
    if not output.person and any(
        one.is_sensitive or one.is_linking or one.classification == "quasi_identifier" for one in leaving
    ):
        raise _refused(
            output,
            "privacy.no_person",
            "releases columns of persons and does not say whose rows they are",
            hint="person: COLUMN",
        )
    return tuple(leaving)


def _leaving(output: Output, name: str, column: FactsColumn | None, *, promised: Classification) -> LeavingColumn:
    if column is None:
        raise _refused(
            output,
            "privacy.undeclared_column",
            f"releases column '{name}', which {output.facts} does not declare",
            hint="declare it with its classification in the model or the contract",
        )
    classification = next(
        (one for one in _STRICT_FIRST if one in (column.classification, promised)), column.classification
    )
    is_pseudonym = any(one.column == name for one in output.pseudonyms)
    coarser = next((one for one in output.generalise if one.column == name), None)
    kinds = logical_types_of(column.type) if column.type else frozenset[str]()
    if classification == "direct_identifier" and not is_pseudonym:
        raise _refused(
            output,
            "privacy.direct_identifier",
            f"releases column '{name}', a direct identifier",
            hint=f"pseudonyms: [{name}], or leave it out",
        )
    if "timestamp" in kinds and not is_pseudonym and coarser is None:
        raise _refused(
            output,
            "privacy.time_too_fine",
            f"releases column '{name}', a time of the day",
            hint=f"generalise: [{{column: {name}, truncate: day}}]",
        )
    is_quasi = classification == "quasi_identifier" or coarser is not None or bool(kinds & {"date", "timestamp"})
    return LeavingColumn(
        name,
        classification,
        is_pseudonym,
        coarser,
        is_quasi=is_quasi and not is_pseudonym,
        is_linking=is_pseudonym and (name == output.person or classification in RESTRICTED),
    )


def texts_that_identify(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, Identifier, int]]:
    """Columns of text in which CPFs or e-mail addresses stand, and in how many different values.

    A written CPF (`000.000.000-00`) counts when its check digits are right; bare digits only where most of those in
    the column are, for one number in a hundred is by chance.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in names:
        values = table.column(name)
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            continue
        distinct = pc.unique(values).drop_null()
        suspects = distinct.filter(pc.match_substring_regex(distinct, _MAYBE)).to_pylist()
        written = sum(any(map(is_cpf, _CPF.findall(text))) for text in suspects)
        bare = [[is_cpf(digits) for digits in _BARE.findall(text)] for text in suspects]
        right, all_bare = sum(map(sum, bare)), sum(map(len, bare))
        cpfs = written + (right if right * 2 > all_bare else 0)
        emails = sum(bool(_EMAIL.search(text)) for text in suspects)
        if cpfs:
            yield name, "cpf", cpfs
        if emails:
            yield name, "e-mail", emails


_STRICT_FIRST: tuple[Classification, ...] = (
    "direct_identifier",
    "sensitive",
    "quasi_identifier",
    "internal",
    "public",
)


def is_cpf(text: str) -> bool:
    """Whether eleven digits, dotted or not, have a CPF's check digits. Source: Receita Federal (modulo 11)."""
    numbers = [int(digit) for digit in text if digit.isdigit()]
    if len(set(numbers)) == 1:
        return False
    for length in (_CPF_DIGITS - 2, _CPF_DIGITS - 1):
        weighted = sum(number * weight for number, weight in zip(numbers, range(length + 1, 1, -1), strict=False))
        if weighted * 10 % 11 % 10 != numbers[length]:
            return False
    return True


def _refused(output: Output, code: str, what: str, *, hint: str) -> DataRefused:
    return DataRefused(code, f"output '{output.name}' {what}", hint=hint, place=output.place)
