"""The ledger's audit of a generated month: `python -m bench.ours.privacy CELLS SEED`. Prints its figures as JSON."""

from __future__ import annotations

import json
import sys

from afluente.products.privacy.audit import audit
from bench.ledger import POLICY, month

if __name__ == "__main__":
    atoms, told = month(int(sys.argv[1]), int(sys.argv[2]))
    report = audit(atoms, told, POLICY)
    print(
        json.dumps(
            {
                "cells": report.cells,
                "hidden": report.hidden,
                "lps": report.lps,
                "found": sorted(finding.cell for finding in report.findings),
                "seconds": report.seconds,
            }
        )
    )
