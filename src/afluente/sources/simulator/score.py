"""How well a table was cleaned, measured against the simulator's truth.

Invariant: a pure function of three tables; rejects are matched by origin (`_source`, `_source_row`), the rest by key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.sources.simulator.dirt import CATALOGUE, CONFLICT, DUPLICATE, TableKey
from afluente.sources.simulator.sheet import ROW_DIRT, dirt_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYS: dict[TableKey, str] = {"produtos": "produto_id", "clientes": "cliente_id", "transacoes": "transacao_id"}


@dataclass(frozen=True, slots=True)
class KindScore:
    """One kind of dirt: `cells` were spoiled, `right` of them met the fate they should. Whole rows: `column` is ""."""

    column: str
    kind: str
    outcome: str
    cells: int
    right: int

    @property
    def share(self) -> float:
        return _share(self.right, self.cells)


@dataclass(frozen=True, slots=True)
class Score:
    """The cleaning of one table. Counts are rows, but for `repairs_*` and `clean_*`, which are cells.

    `lost`: should be in silver and are not. `surplus`: in silver and should not be. A repair is right when the
    cell has its true value, or none where the truth cannot be known.
    """

    table: TableKey
    rows: int
    rejects_expected: int
    rejects_made: int
    rejects_right: int
    kept_expected: int
    lost: int
    surplus: int
    repairs_expected: int
    repairs_right: int
    clean_cells: int
    clean_cells_right: int
    kinds: tuple[KindScore, ...]

    @property
    def precision(self) -> float:
        """Of the rows rejected, the share that should be."""
        return _share(self.rejects_right, self.rejects_made)

    @property
    def recall(self) -> float:
        """Of the rows that should be rejected, the share that was."""
        return _share(self.rejects_right, self.rejects_expected)

    @property
    def repair_share(self) -> float:
        """Of the cells to be repaired, the share that is right."""
        return _share(self.repairs_right, self.repairs_expected)


def score(table: TableKey, *, silver: pa.Table, quarantine: pa.Table, truth: pa.Table) -> Score:
    """Compare. `silver` has the key and the truth's columns; `quarantine` has `_source` and `_source_row`.

    Columns that silver lacks count as wrong. Quarantined rows that were replayed do not count.
    """
    key = KEYS[table]
    count = truth.num_rows
    fate = _texts(truth["_fate"])
    quarantined = _origins(truth, quarantine)
    is_reject = fate == "reject"
    is_kept = (fate == "accept") | (fate == "repair")
    in_silver, place, surplus = _match(truth[key], is_kept, silver[key])
    kinds, spoiled_total, spoiled_right, clean_total, clean_right = [], 0, 0, 0, 0
    for column in (name for name in truth.column_names if not name.startswith("_")):
        true_values = truth[column].combine_chunks()
        got = _aligned(silver, column, place, count, like=true_values.type)
        is_same = _equal(got, true_values) & in_silver
        is_null = got.is_null().to_numpy(zero_copy_only=False) & in_silver
        kind = _kinds(truth, column)
        clean = is_kept & (kind == "")
        clean_total += int(clean.sum())
        clean_right += int((clean & is_same).sum())
        for dirt in (dirt for dirt in CATALOGUE[table] if dirt.column == column):
            spoiled = kind == dirt.kind
            if dirt.outcome == "reject":
                cells, right = spoiled, spoiled & quarantined & ~in_silver
            else:
                cells = spoiled & is_kept
                right = cells & (is_same if dirt.outcome == "repair" else is_null)
                spoiled_total += int(cells.sum())
                spoiled_right += int(right.sum())
            kinds.append(KindScore(column, dirt.kind, dirt.outcome, int(cells.sum()), int(right.sum())))
    kinds += _row_kinds(truth, key, silver, quarantined)
    return Score(
        table=table,
        rows=count,
        rejects_expected=int(is_reject.sum()),
        rejects_made=int(_live(quarantine).num_rows),
        rejects_right=int((is_reject & quarantined).sum()),
        kept_expected=int(is_kept.sum()),
        lost=int((is_kept & ~in_silver).sum()),
        surplus=surplus,
        repairs_expected=spoiled_total,
        repairs_right=spoiled_right,
        clean_cells=clean_total,
        clean_cells_right=clean_right,
        kinds=tuple(kinds),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    return np.asarray(pc.fill_null(pc.cast(column, pa.string()), "").to_numpy(zero_copy_only=False))


def _kinds(truth: pa.Table, column: str) -> NDArray[np.object_]:
    name = dirt_column(column)
    if name in truth.column_names:
        return _texts(truth[name])
    return np.full(truth.num_rows, "", object)


def _live(quarantine: pa.Table) -> pa.Table:
    if "replayed_at" in quarantine.column_names:
        return quarantine.filter(pc.is_null(quarantine["replayed_at"]))
    return quarantine


def _base_names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(pc.cast(column, pa.string()), r"^.*/", "")


def _origin(table: pa.Table) -> pa.Array:
    rows = pc.cast(pc.cast(table["_source_row"], pa.int64()), pa.string())
    return pc.binary_join_element_wise(_base_names(table["_source"]), rows, "#").combine_chunks()


def _origins(truth: pa.Table, quarantine: pa.Table) -> NDArray[np.bool_]:
    found = pc.is_in(_origin(truth), value_set=_origin(_live(quarantine)))
    return np.asarray(found.to_numpy(zero_copy_only=False))


def _match(
    keys: pa.ChunkedArray, is_kept: NDArray[np.bool_], silver_keys: pa.ChunkedArray
) -> tuple[NDArray[np.bool_], NDArray[np.int64], int]:
    """Which kept rows are in silver, where (0 if not), and how many rows of silver are matched by none."""
    first = pc.index_in(keys.combine_chunks(), value_set=silver_keys.combine_chunks())
    is_found = first.is_valid().to_numpy(zero_copy_only=False) & is_kept
    place = np.asarray(pc.fill_null(first, 0).to_numpy(zero_copy_only=False)).astype(np.int64)
    return is_found, place, len(silver_keys) - len(np.unique(place[is_found]))


def _aligned(silver: pa.Table, column: str, place: NDArray[np.int64], count: int, *, like: pa.DataType) -> pa.Array:
    if column not in silver.column_names or silver.num_rows == 0:
        return pa.nulls(count, like)
    values = silver[column].combine_chunks()
    if pa.types.is_timestamp(like) and pa.types.is_timestamp(values.type) and values.type.tz is None:
        values = values.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.timestamp("us")).cast(like)
    return values.take(pa.array(place)).cast(like)


def _equal(got: pa.Array, true_values: pa.Array) -> NDArray[np.bool_]:
    both_null = pc.and_(pc.is_null(got), pc.is_null(true_values))
    same = pc.or_(pc.fill_null(pc.equal(got, true_values), False), both_null)
    return np.asarray(same.to_numpy(zero_copy_only=False))


def _row_kinds(truth: pa.Table, key: str, silver: pa.Table, quarantined: NDArray[np.bool_]) -> list[KindScore]:
    """Repeated rows and older versions are right when their key stands in silver once and they are not quarantined."""
    counts = pc.value_counts(silver[key].combine_chunks())
    once = counts.field("values").filter(pc.equal(counts.field("counts"), 1))
    is_once = np.asarray(pc.is_in(truth[key].combine_chunks(), value_set=once).to_numpy(zero_copy_only=False))
    kinds = _texts(truth[ROW_DIRT])
    return [
        KindScore("", kind, "drop", int((kinds == kind).sum()), int(((kinds == kind) & is_once & ~quarantined).sum()))
        for kind in (DUPLICATE, CONFLICT)
    ]
