"""The release ledger's audit: how closely everything told, and about to be told, bounds each cell that must stay hidden.

What is hidden: a class of rows that the regions told of set apart, a cell of the same columns as a region told of, or
what is left of a figure when others are taken from it, with fewer different persons than the policy's minimum; and,
where shares are told, a class of competitors' rows of too few competitors or one that the p% rule calls unsafe.

The rule: of every additive column told, the lowest and the highest value that a hidden cell can have must each be at
least `protection_percent` of the value away from it, and an exact value is always a finding. The partner is taken to
know that nothing is negative, what its own entities sell, every figure and band sent to it and to its allies, and
which cells have any sale at all. Distinct persons are not additive: a region's count is at least that of each part and
at most their sum, so the only upper bound of a hidden count is the smallest count told of a region around it. A count
below the minimum is therefore a finding, and no other bound of persons is: a lower one says only that a cell is not
too small.

Invariant: a finding names a cell by its days, places and dimensions and by what told of it, never by a value.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afluente.core.errors import RunError
from afluente.products.privacy.atoms import Atoms, Bools, Floats, Ints
from afluente.products.privacy.bounds import bound
from afluente.products.privacy.competitors import exposed_competitors
from afluente.products.privacy.differences import small_differences
from afluente.products.privacy.exposed import Exposed, Naming
from afluente.products.privacy.intervals import EXACT
from afluente.products.privacy.knowledge import Column, Knowledge, knowledge_of
from afluente.products.privacy.system import Row, System, joined, packed, system

if TYPE_CHECKING:
    from afluente.products.privacy.region import Told
    from afluente.project.product import PrivacyPolicy

_SLACK = 1e-7


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`findings` are the cells narrowed too far; `cells` the unknowns there are, `hidden` those that must stay so, `lps`
    the linear programs solved.
    """

    findings: tuple[Exposed, ...]
    cells: int
    hidden: int
    lps: int
    seconds: float


def audit(atoms: Atoms, told: Sequence[Told], policy: PrivacyPolicy) -> AuditReport:
    """Bound every hidden cell by everything told about the atoms' facts; told of other facts is left aside.

    RunError `privacy.told_differs` when a figure about to be told is not that of its region's atoms, and
    `privacy.persons_uncounted` when the atoms count fewer persons than the policy asks for.
    """
    started = time.perf_counter()
    if policy.minimum_persons > atoms.counted_persons:
        raise RunError(
            "privacy.persons_uncounted",
            f"persons were counted up to {atoms.counted_persons}, below the policy's minimum",
            hint="read the atoms with a larger counted_persons",
        )
    known = knowledge_of(atoms, told, small=policy.minimum_persons)
    naming = Naming(atoms, known)
    for at in known.told_small(atoms.person, policy.minimum_persons):
        naming.add(known.classes.parts.of(int(known.part_of[at])), known.told[at].column, "distinct")
    unions = known.small_cells()
    lps = 0
    hidden = int((known.classes.persons < policy.minimum_persons).sum()) + len(unions)
    for column in known.columns():
        lps += _audit_column(known, column, unions, policy, naming)
    return AuditReport(naming.exposed(), known.classes.count, hidden, lps, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Question:
    """What was told of one additive column, and which unknowns must stay hidden: classes, and after them `unions`."""

    system: System
    asked: Bools
    unions: Sequence[Ints]
    exact: Sequence[Ints]
    """The classes of each region of which an exact figure was told."""

    def cells_of(self, unknown: int) -> Ints:
        """The classes an unknown is made of."""
        classes = len(self.system.truth) - len(self.unions)
        return np.array([unknown]) if unknown < classes else self.unions[unknown - classes]


def question(known: Knowledge, column: Column, unions: Sequence[Ints], policy: PrivacyPolicy) -> Question:
    """The question of one column. Each union all of whose classes were told of is one more unknown, their sum."""
    classes = known.classes
    totals = known.totals(column)
    rows = known.rows(column)
    touched = np.zeros(classes.count, dtype=np.bool_)
    touched[rows.columns] = True
    watched = [union for union in unions if touched[union].all()]
    truth = np.concatenate([totals, [totals[union].sum() for union in watched]])
    sums = [_sum_of(union, classes.count + number) for number, union in enumerate(watched)]
    is_hidden = (classes.persons < policy.minimum_persons) | exposed_competitors(known, column, policy)
    asked = np.concatenate([touched & is_hidden, np.ones(len(watched), dtype=np.bool_)])
    floors = np.where(truth < 0, 2 * truth, 0.0)
    return Question(system(truth, joined(rows, packed(sums)), floors=floors), asked, watched, rows.exact())


def _sum_of(union: Ints, unknown: int) -> Row:
    """The classes of a union are the unknown that stands for their sum."""
    members = np.append(union, unknown)
    return Row(members, np.append(np.ones(len(union)), -1.0), 0.0, 0.0, -1, is_exact=True)


def _audit_column(
    known: Knowledge, column: Column, unions: Sequence[Ints], policy: PrivacyPolicy, naming: Naming
) -> int:
    """Name the hidden cells of one additive column that are bounded too closely; returns the programs solved."""
    asking = question(known, column, unions, policy)
    truth = asking.system.truth
    low_enough, high_enough = protected(truth, policy.protection_percent)
    found = bound(asking.system, asking.asked, low_enough=low_enough, high_enough=high_enough)
    for at in np.flatnonzero(asking.asked & ~((found.low <= low_enough) & (found.high >= high_enough))):
        naming.add(asking.cells_of(int(at)), column[1], column[0])
    for group in small_differences(
        known.classes, asking.exact, found.known[: known.classes.count], small=policy.minimum_persons
    ):
        naming.add(group, column[1], column[0])
    return found.lps


def protected(truth: Floats, protection_percent: float) -> tuple[Floats, Floats]:
    """How low and how high it must be possible for each hidden value to be."""
    size = np.abs(truth)
    width = size * protection_percent / 100
    slack = _SLACK * np.maximum(1.0, size)
    return truth - width + slack, truth + np.maximum(width, 10 * EXACT * np.maximum(1.0, size)) - slack
