"""The gate every output of cells passes: added up, merged until no row is too small, and set against all told before.

Invariant: a table leaves only together with what it tells; when the audit still finds a hidden cell narrowed after the
rows around it were made coarser, the output carries findings, and none of them names a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from afluente.core.errors import DataRefused
from afluente.products.privacy.aggregate import OutputFacts
from afluente.products.privacy.bands import Band
from afluente.products.privacy.coarsen import coarsen
from afluente.products.privacy.gated import GatedOutput
from afluente.products.privacy.output_rows import OutputRows, figure_of, output_table, rows_of
from afluente.products.privacy.roll_up import CellPlaces, RollUp, roll_up
from afluente.products.privacy.segment_share import share_bands
from afluente.products.privacy.utility import utility_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.core.tables import TableName
    from afluente.products.privacy.exposed import Exposed
    from afluente.products.privacy.region import Region, Told
    from afluente.project.contract import Contract
    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace

    Inspect = Callable[[Sequence[Told]], Sequence[Exposed]]

ROUNDS = 6
"""How often the rows around a narrowed cell are made coarser before the output is refused."""


@dataclass(frozen=True, slots=True)
class _Draft:
    rows: OutputRows
    bands: list[Band | None]
    told: list[Told]


def pass_cells(
    workspace: Workspace,
    product: Product,
    output: Output,
    contract: Contract,
    *,
    at: Mapping[TableName, int],
    told: Sequence[Told],
    days: tuple[date, date] | None,
    inspect: Inspect | None = None,
) -> GatedOutput:
    """The output of these days (all of the facts' without `days`), from the pinned versions of `at`.

    `told` is everything the partner and its allies were told before, outputs of the same release included; what the
    answer tells has no release and no position yet. `inspect` says which hidden cells a whole of statements narrows
    too far; the ledger's audit when it is not given. DataRefused `privacy.place_ambiguous` when a finest place lies in
    two coarser ones.
    """
    from afluente.products.privacy.ledger_audit import LedgerAudit

    with OutputFacts(workspace, output, version=at.get(output.facts), days=days) as facts:
        pinned = {**at, output.facts: facts.version}
        looking = inspect or LedgerAudit(workspace, output, product.privacy, pinned)
        cells = facts.cells()
        places = _places(cells, facts, output)
        rolled = roll_up(
            places,
            minimum_persons=product.privacy.minimum_persons,
            protection_percent=product.privacy.protection_percent,
            count_persons=partial(facts.count_persons, minimum_persons=product.privacy.minimum_persons),
        )
        draft = _draft(facts, rolled, cells, product, output, days)
        narrowed = looking([*told, *draft.told])
        before: list[Region] = []
        for attempt in range(ROUNDS):
            if not narrowed:
                break
            before = before or list(dict.fromkeys(one.region for one in told if one.region.facts == str(output.facts)))
            if not coarsen(rolled, cells, output, narrowed, before=before, days=days, most_rows=2**attempt):
                break
            draft = _draft(facts, rolled, cells, product, output, days)
            narrowed = looking([*told, *draft.told])
        table = output_table(
            draft.rows,
            contract,
            amounts=facts.amounts,
            different=facts.different,
            labels=facts.labels(),
            bands=draft.bands,
        )
        measured = {
            measure.name: _floats(cells.column(figure_of(measure, facts.amounts, facts.different)))
            for measure in output.measures
            if measure.aggregation in ("sum", "count")
        }
        utility = utility_of(output, rolled, measured, rows=len(draft.rows))
    return GatedOutput(table, tuple(draft.told), utility, tuple(one.finding() for one in narrowed))


def _draft(
    facts: OutputFacts,
    rolled: RollUp,
    cells: pa.Table,
    product: Product,
    output: Output,
    days: tuple[date, date] | None,
) -> _Draft:
    rows = rows_of(facts, rolled, cells, output, days=days)
    regions = rows.regions()
    told = rows.told(regions, facts.amounts, facts.different)
    bands: list[Band | None] = [None] * len(rows)
    if output.segment is not None and len(rows):
        bands, shares = share_bands(facts, rows, regions, output.segment, product.privacy)
        told += shares
    return _Draft(rows, bands, told)


def _places(cells: pa.Table, facts: OutputFacts, output: Output) -> CellPlaces:
    """The cells' groups and places as codes, each place with all that lie above it."""
    group = np.zeros(len(cells), dtype=np.int64)
    for name in ("period", *facts.keys.dimensions):
        group = _combined(group, _codes(cells.column(name)))
    paths: list[NDArray[np.int64]] = [np.zeros(len(cells), dtype=np.int64)]
    for name in reversed(facts.keys.places):
        paths.append(_combined(paths[-1], _codes(cells.column(name))))
    if facts.keys.places:
        finest = _codes(cells.column(facts.keys.places[0]))
        if len(np.unique(finest)) != len(np.unique(paths[-1])):
            raise DataRefused(
                "privacy.place_ambiguous",
                f"output {output.name}: a value of '{output.places[0]}' lies in more than one "
                f"{' and '.join(output.places[1:])}",
                hint="use a column that names each place once, such as the code of the city",
                place=output.place,
            )
    ancestors = list(reversed(paths[:-1])) if facts.keys.places else []
    told = [*facts.amounts.values(), *(["facts"] if any(one.aggregation == "count" for one in output.measures) else [])]
    amounts = [np.abs(_floats(cells.column(name))) for name in told]
    persons = cells.column("persons").to_numpy().astype(np.int64)
    return CellPlaces(group, ancestors, persons, amounts)


def _codes(values: pa.ChunkedArray) -> NDArray[np.int64]:
    codes = values.combine_chunks().dictionary_encode()
    return np.asarray(codes.indices.to_numpy(), dtype=np.int64)


def _combined(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """One code for each pair of codes."""
    if not len(left):
        return left
    pairs = left * (int(right.max()) + 1) + right
    codes: NDArray[np.int64] = np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return codes


def _floats(values: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
