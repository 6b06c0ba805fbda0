"""Ours over the same columns: `python -m bench.ours.validators_timed WHAT VALUES`. Prints JSON as the peers do.

WHAT is `is_valid`, the verdicts alone as the libraries give them, or `cleaning`, the contract as a run conforms it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.ours.validators import count_valid
from bench.semantic_values import FORMATS

Count = Callable[[pa.Table, Mapping[str, str]], int]


def main(what: str, values: str) -> None:
    table = pq.read_table(values)
    count: Count = {"is_valid": count_true, "cleaning": count_valid}[what]
    taken = {name: _timed(count, table.select([name]), {name: kind}) for name, kind in FORMATS.items()}
    if what == "cleaning":
        taken["rule set"] = _timed(count, table, FORMATS)
    print(json.dumps(taken))


def count_true(table: pa.Table, formats: Mapping[str, str]) -> int:
    """The values of one column that `is_valid` says are valid."""
    from afluente.conform import is_valid

    ((name, kind),) = formats.items()
    return int(pc.sum(is_valid(table.column(name), kind)).as_py())


def _timed(count: Count, table: pa.Table, formats: Mapping[str, str]) -> tuple[float, int]:
    count(table.slice(0, 1000), formats)
    started = time.perf_counter()
    valid = count(table, formats)
    return time.perf_counter() - started, valid


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
