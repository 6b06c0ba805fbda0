"""What a privacy gate hands back: the table that may leave, what it tells, how much of the data it shows, and why not.

Invariant: a Finding names cells by what they are (period, place, dimensions), never by their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.products.privacy.region import Told

CELLS = "cells"
"""The name, in a Utility, of the share that counts cells."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a release may not leave as it is. `cell` names what is in danger, without its value.

    `action` says whether an operator may let it through (`hold`) or nobody may (`refuse`).
    """

    code: str
    message_pt: str
    message_en: str
    cell: str = ""
    action: Literal["hold", "refuse"] = "refuse"


@dataclass(frozen=True, slots=True)
class Visible:
    """The share, from 0 to 1, of what was measured that is told in rows of this level.

    `measured` is the name of an additive measure, or CELLS for the finest cells that hold any data. `level` is a
    place column, the finest or a coarser one, `total` for the whole country, or empty for what is hidden.
    """

    measured: str
    level: str
    share: float


@dataclass(frozen=True, slots=True)
class Utility:
    """How much of the data a gated output shows. For each measured thing the shares of all levels add up to 1."""

    shares: tuple[Visible, ...] = ()
    rows: int = 0
    cells: int = 0

    def visible(self, measured: str) -> float:
        """The share told at any level; 1 when there is nothing to tell."""
        known = [share for share in self.shares if share.measured == measured]
        return sum(share.share for share in known if share.level) if known else 1.0

    def at_level(self, measured: str, level: str) -> float:
        """The share told in rows of exactly this level."""
        return sum(share.share for share in self.shares if (share.measured, share.level) == (measured, level))


@dataclass(frozen=True, slots=True)
class GatedOutput:
    """`table` has the output's columns in the contract's order, its rows sorted; `told` is what the ledger keeps."""

    table: pa.Table
    told: tuple[Told, ...]
    utility: Utility
    findings: tuple[Finding, ...] = ()
