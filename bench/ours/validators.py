"""Our semantic types over a column of text, for `bench.benchmarks.validators`."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

MISSING = "ours is not there: bench/ours/validators.py waits for afluente.conform.apply"


def count_valid(table: pa.Table, formats: Mapping[str, str]) -> int:
    """Adapter: rows of `table` whose every column is valid for its semantic type (`{"cpf": "br.cpf"}`).

    To be `afluente.conform.apply(table, contract)` with a contract of these columns, counting the rows it keeps; then
    empty MISSING.
    """
    raise NotImplementedError(f"{MISSING} ({table.num_rows} rows, {', '.join(formats.values())})")
