"""What each partner received, for people: releases, outputs, cells, when, under which contract and legal basis.

Invariant: nothing here reads a released value; the figures come from the state's rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.state.release_schema import DELIVERIES, LEDGER, RELEASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afluente.project.settings import Project
    from afluente.state.database import Database


@dataclass(frozen=True, slots=True)
class Received:
    """One output of one release in the ledger. `delivered_at` is the first delivery that ended well."""

    position: int
    partner: str
    product: str
    number: int
    output: str
    status: str
    cells: int
    told_at: datetime
    delivered_at: datetime | None
    contract_version: str
    product_version: str
    legal_basis: str
    purpose: str
    sha256: str


def read_ledger(database: Database, project: Project | None = None, *, partner: str = "") -> tuple[Received, ...]:
    """The ledger in its order; with `partner` only what that partner received.

    `project` gives the legal basis and purpose that its products say today; a product that is gone has neither.
    """
    query = (
        sa.select(
            LEDGER.c.position,
            LEDGER.c.partner,
            LEDGER.c.product,
            RELEASES.c.number,
            LEDGER.c.output,
            RELEASES.c.status,
            LEDGER.c.cells,
            LEDGER.c.at,
            LEDGER.c.sha256,
            RELEASES.c.id,
            RELEASES.c.contract_versions,
            RELEASES.c.product_version,
        )
        .join(RELEASES, RELEASES.c.id == LEDGER.c.release_id)
        .order_by(LEDGER.c.position)
    )
    if partner:
        query = query.where(LEDGER.c.partner == partner)
    first = (
        sa.select(DELIVERIES.c.release_id, sa.func.min(DELIVERIES.c.delivered_at))
        .where(DELIVERIES.c.status == "delivered")
        .group_by(DELIVERIES.c.release_id)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
        delivered: dict[str, datetime] = {row[0]: row[1] for row in connection.execute(first)}
    products = {one.name: one for one in project.products} if project is not None else {}
    return tuple(
        Received(
            position=row.position,
            partner=row.partner,
            product=row.product,
            number=row.number,
            output=row.output,
            status=row.status,
            cells=row.cells,
            told_at=row.at,
            delivered_at=delivered.get(row.id),
            contract_version=_version_of(row.contract_versions, row.output),
            product_version=row.product_version,
            legal_basis=products[row.product].legal_basis if row.product in products else "",
            purpose=products[row.product].purpose if row.product in products else "",
            sha256=row.sha256,
        )
        for row in rows
    )


def _version_of(versions: Mapping[str, object], output: str) -> str:
    """The version of an output's contract, whether the release named it by the output or by the contract's table."""
    for name in (output, f"release.{output}"):
        if name in versions:
            return str(versions[name])
    return ", ".join(sorted({str(version) for version in versions.values()}))
