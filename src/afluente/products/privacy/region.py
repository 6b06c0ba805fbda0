"""What was told to a partner, as regions of the facts and the bounds told about them.

Invariant: a region names rows of the facts by predicates alone, so that releases of different grains can be set
against each other; a Told never holds a value that was not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Quantity = Literal["sum", "distinct", "count", "share"]


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Rows of `facts` that satisfy `where`, of days `first` to `last` inclusive, of `places`, with these values.

    `places` are values of `place_column`, the finest place of the output, sorted; empty means every place.
    `dimensions` are (column, value as text) pairs sorted by column; a column that is absent may have any value.
    """

    facts: str
    where: str
    first: date
    last: date
    period_column: str
    place_column: str = ""
    places: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """`low <= quantity of `column` in `region` <= high` was told; equal bounds are an exact figure.

    A `share` is the part of `own` entities (values of column `entity`) in the sum of `column` over the region, from
    0 to 1, and its bounds are those of the band. `position` is the place in the ledger, 0 for what is about to be
    told. `version` is the version of the facts it was computed from.
    """

    region: Region
    quantity: Quantity
    column: str
    low: float
    high: float
    output: str
    release: str
    position: int = 0
    version: int = 0
    entity: str = ""
    own: tuple[str, ...] = ()
