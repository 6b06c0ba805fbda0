"""Ours over the same columns: `python -m bench.ours.validators_timed VALUES`. Prints JSON as the peers do."""

from __future__ import annotations

import json
import sys
import time

import pyarrow.parquet as pq

from bench.ours.validators import count_valid
from bench.semantic_values import FORMATS


def main(values: str) -> None:
    table = pq.read_table(values)
    taken: dict[str, tuple[float, int]] = {}
    for name, semantic_type in FORMATS.items():
        column = table.select([name])
        count_valid(column.slice(0, 1000), {name: semantic_type})
        started = time.perf_counter()
        valid = count_valid(column, {name: semantic_type})
        taken[name] = (time.perf_counter() - started, valid)
    started = time.perf_counter()
    valid = count_valid(table, FORMATS)
    taken["rule set"] = (time.perf_counter() - started, valid)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1])
