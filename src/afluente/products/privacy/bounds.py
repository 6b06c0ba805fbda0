"""The narrowest interval of each hidden value that everything told allows, by linear programs.

Invariant: a bound that is reported as unsafe was proved by a row or by an optimum; one that is reported as safe has a
solution of every row as its witness. Nothing is reported of an unknown that was not asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from afluente.core.errors import RunError
from afluente.products.privacy.atoms import Bools, Floats, Ints
from afluente.products.privacy.components import Component, components
from afluente.products.privacy.ellipsoid import reach
from afluente.products.privacy.intervals import propagate
from afluente.products.privacy.system import System

if TYPE_CHECKING:
    import highspy

_SEED = 20_260_102
_OTHERS = 0.1
"""The weight of the other unknowns beside the one that a program is for."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`low` and `high` of each unknown asked about, others not a number; `lps` is how many programs were solved.

    Where enough was asked for and is there, a bound is a value that the unknown can take, not always the outermost.
    `known` are the unknowns that rows pin one after another, asked about or not.
    """

    low: Floats
    high: Floats
    lps: int
    known: Bools


@dataclass(slots=True)
class _Reached:
    """What solutions have shown each unknown can be, and what would be enough."""

    low: Floats
    high: Floats
    low_enough: Floats
    high_enough: Floats
    lps: int = 0
    is_low_final: Bools = field(init=False)
    is_high_final: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.is_low_final = np.zeros(len(self.low), dtype=np.bool_)
        self.is_high_final = np.zeros(len(self.low), dtype=np.bool_)

    def wants_low(self, unknowns: Ints) -> Bools:
        return ~self.is_low_final[unknowns] & (self.low[unknowns] > self.low_enough[unknowns])

    def wants_high(self, unknowns: Ints) -> Bools:
        return ~self.is_high_final[unknowns] & (self.high[unknowns] < self.high_enough[unknowns])

    def wants_any(self, unknowns: Ints) -> bool:
        return bool((self.wants_low(unknowns) | self.wants_high(unknowns)).any())

    def widen(self, unknowns: Ints, low: Floats, high: Floats) -> None:
        """These unknowns can be so low and so high; a bound that is final stays."""
        lower, upper = ~self.is_low_final[unknowns], ~self.is_high_final[unknowns]
        self.low[unknowns[lower]] = np.minimum(self.low[unknowns[lower]], low[lower])
        self.high[unknowns[upper]] = np.maximum(self.high[unknowns[upper]], high[upper])

    def wants(self, unknown: int, sign: float) -> bool:
        if sign > 0:
            return bool(not self.is_high_final[unknown] and self.high[unknown] < self.high_enough[unknown])
        return bool(not self.is_low_final[unknown] and self.low[unknown] > self.low_enough[unknown])


def bound(
    system: System, asked: Bools, *, low_enough: Floats | None = None, high_enough: Floats | None = None
) -> Bounds:
    """Bounds of the unknowns asked about.

    With `low_enough` and `high_enough` the search for an unknown's bound stops at any value that far out; and an
    unknown that one bound shows to be too near is not searched further on that side. Without, bounds are outermost.
    """
    count = len(system.truth)
    outer = propagate(system)
    known = outer.is_known(system.truth)
    reached = _Reached(
        low=system.truth.copy(),
        high=system.truth.copy(),
        low_enough=np.full(count, -np.inf) if low_enough is None else low_enough,
        high_enough=np.full(count, np.inf) if high_enough is None else high_enough,
    )
    if low_enough is not None:
        _settle(reached.low, reached.is_low_final, outer.low, outer.low > reached.low_enough)
    if high_enough is not None:
        _settle(reached.high, reached.is_high_final, outer.high, outer.high < reached.high_enough)
    _settle(reached.low, reached.is_low_final, outer.low, known | ~asked)
    _settle(reached.high, reached.is_high_final, outer.high, known | ~asked)
    touched = np.zeros(count, dtype=np.bool_)
    touched[system.columns] = True
    _settle(reached.low, reached.is_low_final, system.floors, ~touched)
    _settle(reached.high, reached.is_high_final, np.full(count, np.inf), ~touched)
    is_guessing = low_enough is not None and high_enough is not None
    alone = np.zeros(count, dtype=np.bool_)
    for component in components(system, known):
        if len(component.lows) == 1:
            alone[component.unknowns] = True
        elif reached.wants_any(component.unknowns):
            _solve(component, system, reached, is_guessing=is_guessing)
    _settle(reached.low, reached.is_low_final, outer.low, alone)
    _settle(reached.high, reached.is_high_final, outer.high, alone)
    return Bounds(np.where(asked, reached.low, np.nan), np.where(asked, reached.high, np.nan), reached.lps, known)


def _settle(values: Floats, is_final: Bools, proved: Floats, where: Bools) -> None:
    chosen = where & ~is_final
    values[chosen] = proved[chosen]
    is_final |= where


def _solve(component: Component, system: System, reached: _Reached, *, is_guessing: bool) -> None:
    """What the ellipsoid around the truth shows, then for each bound that no solution has shown yet a program that moves
    the unknown and, with less weight, all others that still want to be moved; and where that was not enough, one for
    the unknown alone, whose optimum is its bound.
    """
    unknowns = component.unknowns
    if is_guessing:
        truth = system.truth[unknowns]
        moved = np.abs(truth) * reach(component, truth)
        reached.widen(unknowns, truth - moved, truth + moved)
        if not reached.wants_any(unknowns):
            return
    program = _Program(component, system)
    for at, unknown in enumerate(unknowns):
        for sign in (1.0, -1.0):
            if not reached.wants(unknown, sign):
                continue
            cost = np.zeros(len(unknowns))
            cost[at] = sign
            if is_guessing:
                program.try_together(cost, reached)
                if not reached.wants(unknown, sign):
                    continue
            optimum = sign * program.most(cost, reached)
            if np.isfinite(optimum):
                program.show(reached)
                optimum *= program.scale
            if sign > 0:
                reached.high[unknown] = max(optimum, system.truth[unknown])
                reached.is_high_final[unknown] = True
            else:
                reached.low[unknown] = min(optimum, system.truth[unknown])
                reached.is_low_final[unknown] = True


class _Program:
    """A component passed to HiGHS once, in units in which hidden values are about 1; only its objective changes."""

    def __init__(self, component: Component, system: System) -> None:
        truth = system.truth[component.unknowns]
        sizes = np.abs(truth)[truth != 0]
        self.scale = float(np.median(sizes)) if len(sizes) else 1.0
        self.truth = truth / self.scale
        self._component = component
        self._columns = np.arange(len(truth), dtype=np.int32)
        self._highs = _opened(component, system.floors[component.unknowns] / self.scale, self.scale)
        self._optimum: Floats = self.truth
        self._random = np.random.default_rng(_SEED)

    def most(self, cost: Floats, reached: _Reached) -> float:
        """The largest value of cost times unknowns, in units of `scale`; infinite when there is none."""
        import highspy

        reached.lps += 1
        self._highs.changeColsCost(len(cost), self._columns, cost)
        self._highs.run()
        status = self._highs.getModelStatus()
        answers = highspy.HighsModelStatus
        unbounded = (answers.kUnbounded, answers.kUnboundedOrInfeasible)
        if status not in (answers.kOptimal, *unbounded):
            self._highs.clearSolver()
            self._highs.run()
            status = self._highs.getModelStatus()
        if status == answers.kOptimal:
            self._optimum = np.asarray(self._highs.getSolution().col_value, dtype=np.float64)
            return float(cost @ self._optimum)
        if status in unbounded:
            return float("inf")
        raise RunError(
            "privacy.bounds_unsolved",
            f"a linear program of {len(cost)} hidden cells ended as {self._highs.modelStatusToString(status)}",
            hint="release coarser cells, or fewer at once",
        )

    def try_together(self, cost: Floats, reached: _Reached) -> None:
        """Move the one unknown of `cost`, and with lesser weight all others that still want to be moved."""
        unknowns = self._component.unknowns
        low, high = reached.wants_low(unknowns), reached.wants_high(unknowns)
        either = self._random.choice([-1.0, 1.0], size=len(cost))
        others = np.where(low & high, either, high.astype(np.float64) - low.astype(np.float64))
        if np.isfinite(self.most(np.where(cost != 0, cost, _OTHERS * others), reached)):
            self.show(reached)

    def show(self, reached: _Reached) -> None:
        """Widen what was reached by the last optimum, which is a solution of every row."""
        values = self._optimum * self.scale
        reached.widen(self._component.unknowns, values, values)


def _opened(component: Component, floors: Floats, scale: float) -> highspy.Highs:
    try:
        import highspy
    except ImportError as missing:
        raise RunError(
            "privacy.highs_missing",
            "the release ledger is audited with HiGHS, and highspy is not installed",
            hint="pip install 'afluente[products]'",
        ) from missing
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(floors), len(component.lows)
    model.col_cost_ = np.zeros(len(floors))
    model.col_lower_ = floors
    model.col_upper_ = np.full(len(floors), highspy.kHighsInf)
    model.row_lower_ = component.lows / scale
    model.row_upper_ = component.highs / scale
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = component.starts.astype(np.int32)
    model.a_matrix_.index_ = component.columns.astype(np.int32)
    model.a_matrix_.value_ = component.factors
    model.sense_ = highspy.ObjSense.kMaximize
    highs: highspy.Highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (("output_flag", False), ("threads", 1), ("solver", "simplex"), ("simplex_strategy", 4)):
        highs.setOptionValue(name, value)
    highs.passModel(model)
    return highs
