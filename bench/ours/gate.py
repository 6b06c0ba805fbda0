"""A month let through the privacy gate: `python -m bench.ours.gate FOLDER`. Prints its figures as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from afluente.products.privacy.gate import pass_cells
from afluente.products.privacy.region import Told
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from bench.month_of_sales import FACTS, MONTH, contract_of, product

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    told: list[Told] = []
    figures = {}
    with Workspace(load_project(folder, environment={}, typed_in=folder), environment={}) as workspace:
        made = product()
        for output in made.outputs:
            started = time.perf_counter()
            version = workspace.lake.snapshot(FACTS).version
            gated = pass_cells(workspace, made, output, contract_of(output), at={FACTS: version}, told=told, days=MONTH)
            told += gated.told
            figures[output.name] = {
                "seconds": time.perf_counter() - started,
                "cells": gated.utility.cells,
                "rows": gated.utility.rows,
                "findings": len(gated.findings),
                "visible": gated.utility.visible("receita"),
                "by_city": gated.utility.at_level("receita", "municipio"),
                "by_state": gated.utility.at_level("receita", "uf"),
            }
    print(json.dumps(figures))
