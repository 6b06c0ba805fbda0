"""Partners that are paused or revoked.

Invariant: a partner without a row is active; what changed last, by whom and why is in its row, all of it in the audit
log.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.state.release_schema import PARTNERS
from afluente.state.upsert import upsert

PartnerStatus = Literal["active", "paused", "revoked"]


@dataclass(frozen=True, slots=True)
class Partner:
    """Nothing is sent to a paused partner; a revoked one's deliveries are cancelled."""

    partner: str
    status: PartnerStatus
    since: datetime
    by_whom: str
    reason: str


def find(connection: sa.Connection, partner: str) -> Partner | None:
    """The partner's row; None for one whose status was never changed."""
    row = connection.execute(sa.select(PARTNERS).where(PARTNERS.c.partner == partner)).first()
    return None if row is None else Partner(**row._mapping)  # noqa: SLF001


def status_of(connection: sa.Connection, partner: str) -> PartnerStatus:
    found = find(connection, partner)
    return "active" if found is None else found.status


def of_status(connection: sa.Connection, status: PartnerStatus) -> list[Partner]:
    query = sa.select(PARTNERS).where(PARTNERS.c.status == status).order_by(PARTNERS.c.partner)
    return [Partner(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def set_status(connection: sa.Connection, partner: Partner) -> None:
    """Write the partner's row. Needs a write transaction."""
    upsert(connection, PARTNERS, [asdict(partner)])
