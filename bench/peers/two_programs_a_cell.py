"""The audit as the textbook has it: for each hidden cell two linear programs over everything told, each built anew.

`python -m bench.peers.two_programs_a_cell CELLS SEED`. The rows are those of ours; nothing else is.
"""

from __future__ import annotations

import json
import sys
import time

import highspy
import numpy as np

from afluente.products.privacy.audit import protected, question
from afluente.products.privacy.exposed import Naming
from afluente.products.privacy.knowledge import knowledge_of
from bench.ledger import POLICY, month


def optimum(system: object, unknown: int, sense: object) -> float:
    model = highspy.HighsLp()
    count = len(system.truth)
    model.num_col_, model.num_row_ = count, system.rows
    cost = np.zeros(count)
    cost[unknown] = 1.0
    model.col_cost_, model.sense_ = cost, sense
    model.col_lower_, model.col_upper_ = system.floors, np.full(count, highspy.kHighsInf)
    model.row_lower_, model.row_upper_ = system.lows, system.highs
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = system.starts.astype(np.int32)
    model.a_matrix_.index_ = system.columns.astype(np.int32)
    model.a_matrix_.value_ = system.factors
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.passModel(model)
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return np.inf if sense == highspy.ObjSense.kMaximize else -np.inf
    return highs.getInfo().objective_function_value


if __name__ == "__main__":
    atoms, told = month(int(sys.argv[1]), int(sys.argv[2]))
    started = time.perf_counter()
    known = knowledge_of(atoms, told, small=POLICY.minimum_persons)
    asking = question(known, ("sum", "valor"), known.small_cells(), POLICY)
    low_enough, high_enough = protected(asking.system.truth, POLICY.protection_percent)
    naming, programs = Naming(atoms, known), 0
    for unknown in np.flatnonzero(asking.asked):
        low = optimum(asking.system, unknown, highspy.ObjSense.kMinimize)
        high = optimum(asking.system, unknown, highspy.ObjSense.kMaximize)
        programs += 2
        if low > low_enough[unknown] or high < high_enough[unknown]:
            naming.add(asking.cells_of(int(unknown)), "valor", "sum")
    found = sorted(exposed.cell for exposed in naming.exposed())
    seconds = time.perf_counter() - started
    hidden = int(asking.asked.sum())
    print(
        json.dumps(
            {"cells": known.classes.count, "hidden": hidden, "lps": programs, "found": found, "seconds": seconds}
        )
    )
