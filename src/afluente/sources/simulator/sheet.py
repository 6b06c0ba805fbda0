"""Builds one exported file column by column: the text with its dirt, and the truth about every cell and row.

Invariant: a column's dirt is drawn once per row, so kinds never meet in a cell; repeated rows and older versions
of a key are made only of rows that should be accepted, so what should become of each row is never in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from afluente.sources.simulator.dirt import CATALOGUE, CONFLICT, DUPLICATE, Dirt, Shares, TableKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.sources.simulator.render import Ints, Mask

FATES = ("accept", "repair", "reject", "duplicate")
ROW_DIRT = "_dirt_row"
NEIGHBOURHOOD_ROWS = 500


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """A file to export. `rows` is all text. `truth` has one row for each of `rows`, in order: `_source`,
    `_source_row`, `_fate` (one of FATES), `_dirt_row`, then every silver column's true value and its `_dirt_<column>`.
    """

    name: str
    rows: pa.Table
    truth: pa.Table


@dataclass(frozen=True, slots=True)
class Spoil:
    """How one kind of dirt writes the cells of some rows, and which rows it can spoil (None: all)."""

    render: Callable[[Ints], pa.Array]
    where: Mask | None = None


def dirt_column(column: str) -> str:
    """The column of the truth that names the dirt in a silver column."""
    return f"_dirt_{column}"


class Sheet:
    """One file under construction. Rows can be read from `rejected` once all columns are in."""

    def __init__(self, table: TableKey, count: int, *, rng: np.random.Generator, shares: Shares) -> None:
        self.table = table
        self.count = count
        self._rng = rng
        self._shares = shares
        self._text: dict[str, pa.Array] = {}
        self._truth: dict[str, pa.Array] = {}
        self._kinds: dict[str, NDArray[np.int8]] = {}

    def _dirts(self, silver: str) -> tuple[Dirt, ...]:
        return tuple(dirt for dirt in CATALOGUE[self.table] if dirt.column == silver)

    def add(
        self,
        name: str,
        text: pa.Array,
        truth: pa.Array,
        spoils: Mapping[str, Spoil] | None = None,
        *,
        silver: str | None = None,
    ) -> None:
        """Add a column: its clean text, its true value in silver, and how each of its kinds of dirt is written."""
        silver = silver or name
        self._truth[silver] = truth
        drawn = self._rng.random(self.count)
        codes = np.full(self.count, -1, np.int8)
        edge = 0.0
        chunks, places, offset = [text], np.arange(self.count), self.count
        for code, dirt in enumerate(self._dirts(silver)):
            if dirt.is_consequence:
                continue
            spoil = (spoils or {})[dirt.kind]
            upper = edge + self._shares.of_cell(self.table, dirt)
            chosen = (drawn >= edge) & (drawn < upper)
            edge = upper
            rows = np.flatnonzero(chosen if spoil.where is None else chosen & spoil.where)
            if not len(rows):
                continue
            codes[rows] = code
            chunks.append(spoil.render(rows))
            places[rows] = offset + np.arange(len(rows))
            offset += len(rows)
        self._text[name] = pa.concat_arrays(chunks).take(pa.array(places)) if len(chunks) > 1 else text
        self._kinds[silver] = codes

    def cascade(self, silver: str, mask: Mask) -> None:
        """Mark references to rows that are themselves rejected; an orphan stays an orphan."""
        dirts = self._dirts(silver)
        code = next(code for code, dirt in enumerate(dirts) if dirt.is_consequence)
        codes = self._kinds[silver]
        is_rejected = np.isin(codes, [code for code, dirt in enumerate(dirts) if dirt.outcome == "reject"])
        codes[mask & ~is_rejected] = code

    def _with_outcome(self, *outcomes: str) -> Mask:
        mask = np.zeros(self.count, np.bool_)
        for silver, codes in self._kinds.items():
            wanted = [code for code, dirt in enumerate(self._dirts(silver)) if dirt.outcome in outcomes]
            mask |= np.isin(codes, wanted)
        return mask

    @property
    def rejected(self) -> Mask:
        """The rows that cleaning should reject."""
        return self._with_outcome("reject")

    def finish(self, file_name: str, older: Mapping[str, Spoil]) -> SimulatedFile:
        """The file, with repeated rows and older versions of keys mixed in. `older` writes what differs in those."""
        rejected = self.rejected
        drawn = self._rng.random(self.count)
        duplicate_share = self._shares.of_row(self.table, DUPLICATE)
        conflict_share = self._shares.of_row(self.table, CONFLICT)
        repeats = np.flatnonzero(~rejected & (drawn < duplicate_share))
        conflicts = np.flatnonzero(~rejected & (drawn >= duplicate_share) & (drawn < duplicate_share + conflict_share))
        copies = np.concatenate([repeats, conflicts])
        moved = np.abs(copies + self._rng.uniform(-NEIGHBOURHOOD_ROWS, NEIGHBOURHOOD_ROWS, len(copies)))
        order = np.argsort(np.concatenate([np.arange(self.count), moved]), kind="stable")
        origin = np.concatenate([np.arange(self.count), copies])[order]
        total = len(order)

        rewritten = np.concatenate([np.arange(self.count), repeats, self.count + np.arange(len(conflicts))])[order]
        columns = {}
        for name, text in self._text.items():
            if name in older and len(conflicts):
                columns[name] = pa.concat_arrays([text, older[name].render(conflicts)]).take(pa.array(rewritten))
            else:
                columns[name] = text.take(pa.array(origin))

        fates = np.select([rejected, self._with_outcome("repair", "null")], [2, 1], 0)[origin]
        fates[order >= self.count] = 3
        row_codes = np.select([order >= self.count + len(repeats), order >= self.count], [1, 0], -1)
        truth: dict[str, pa.Array] = {
            "_source": pa.DictionaryArray.from_arrays(pa.array(np.zeros(total, np.int8)), [file_name]),
            "_source_row": pa.array(np.arange(1, total + 1)),
            "_fate": pa.DictionaryArray.from_arrays(pa.array(fates.astype(np.int8)), FATES),
            ROW_DIRT: _named(row_codes.astype(np.int8), (DUPLICATE, CONFLICT)),
        }
        for silver, values in self._truth.items():
            truth[silver] = values.take(pa.array(origin))
            kinds = tuple(dirt.kind for dirt in self._dirts(silver))
            if kinds:
                truth[dirt_column(silver)] = _named(self._kinds[silver][origin], kinds)
        return SimulatedFile(file_name, pa.table(columns), pa.table(truth))


def _named(codes: NDArray[np.int8], names: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), list(names))
