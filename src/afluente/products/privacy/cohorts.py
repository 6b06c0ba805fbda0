"""Which rows of an output were told first by which release, so that the newest can be protected by themselves.

Invariant: rows that leave for the first time are told in classes of their own: who sets two releases side by side sees
no smaller class than who sees one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from afluente.products.privacy.classes import codes_of, combined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace

    Integers = NDArray[np.int64]


def versions_told(workspace: Workspace, product: Product, output: Output) -> tuple[int, ...]:
    """The versions of the facts that the product's earlier releases were made of, oldest first, each once."""
    from afluente.state import releases

    with workspace.state.read() as connection:
        known = [one for one in releases.of_product(connection, product.name) if one.status in releases.TOLD]
    found = [one.inputs.get(str(output.facts)) for one in sorted(known, key=lambda one: one.number)]
    return tuple(dict.fromkeys(version for version in found if version is not None))


def cohorts_of(rows: pa.Table, told: Iterable[pa.Table]) -> Integers:
    """For each row the place of the first table of `told` that has it, and one more than the last for a new row.

    Of rows that are alike as many count as told before as there were.
    """
    is_new = np.ones(rows.num_rows, dtype=np.bool_)
    cohort = np.zeros(rows.num_rows, dtype=np.int64)
    for before in told:
        codes = _row_codes(pa.concat_tables([rows, before.select(rows.column_names).cast(rows.schema)]))
        now, then = codes[: rows.num_rows], codes[rows.num_rows :]
        counts = np.bincount(then, minlength=int(codes.max(initial=0)) + 1)
        is_new &= _occurrence(now) >= counts[now]
        cohort += is_new
    return cohort


def _row_codes(table: pa.Table) -> Integers:
    return combined([codes_of(table.column(name)) for name in table.column_names], table.num_rows)


def _occurrence(codes: Integers) -> Integers:
    """How many equal codes stand before each."""
    order = np.argsort(codes, kind="stable")
    of_sorted = codes[order]
    first = np.searchsorted(of_sorted, of_sorted, side="left")
    found = np.empty(len(codes), dtype=np.int64)
    found[order] = np.arange(len(codes)) - first
    return found
