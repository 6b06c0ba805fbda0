"""The conform job by our own contract: `python -m bench.ours.conform BRONZE OUT`.

It must leave the Delta tables silver, quarantine, repairs (rule, rows) and gold (mes, cidade, receita, linhas) under
OUT, as `bench.job` states them, from `bench/contracts/vendas_bench.odcs.yaml`.
"""

from __future__ import annotations

import sys
from pathlib import Path

CONTRACT = Path(__file__).resolve().parent.parent / "contracts" / "vendas_bench.odcs.yaml"
MISSING = "ours is not there: bench/ours/conform.py waits for afluente.conform"


def conform(bronze: Path, out: Path) -> None:
    """Adapter: conform the bronze table by CONTRACT, make gold, commit all four tables, then empty MISSING."""
    raise NotImplementedError(f"{MISSING} ({bronze} to {out} by {CONTRACT.name})")


if __name__ == "__main__":
    conform(Path(sys.argv[1]), Path(sys.argv[2]))
