"""A gate's utility as the state keeps it: written with a release, read back for people.

Invariant: it is shown to the operator and never sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from afluente.products.privacy.gated import Utility, Visible
from afluente.state.json_value import Json


class _Share(BaseModel):
    measured: str
    level: str
    share: float


class _Kept(BaseModel):
    rows: int
    cells: int
    shares: list[_Share]


def utility_as_json(utility: Utility) -> Mapping[str, Json]:
    """Shares rounded to a millionth."""
    return {
        "rows": utility.rows,
        "cells": utility.cells,
        "shares": [
            {"measured": share.measured, "level": share.level, "share": round(share.share, 6)}
            for share in utility.shares
        ],
    }


def utility_from_json(kept: Json) -> Utility:
    """What `utility_as_json` wrote."""
    read = _Kept.model_validate(kept)
    shares = tuple(Visible(one.measured, one.level, one.share) for one in read.shares)
    return Utility(shares=shares, rows=read.rows, cells=read.cells)
