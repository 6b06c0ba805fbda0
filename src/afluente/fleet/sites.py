"""Sites: the municipalities' places where an agent lives.

Invariant: a site is made once and never deleted; who paused or retired it, and why, is in the audit log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.fleet_schema import SITES

SiteStatus = Literal["invited", "active", "paused", "retired"]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DEFAULT_RING = "general"
DEFAULT_TIMEZONE = "America/Sao_Paulo"


@dataclass(frozen=True, slots=True)
class NewSite:
    """A site to be made. `municipality` is the IBGE code; `id` may be it."""

    id: str
    municipality: str
    uf: str
    name: str
    ring: str = DEFAULT_RING
    timezone: str = DEFAULT_TIMEZONE
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A site as it stands."""

    id: str
    municipality: str
    uf: str
    name: str
    status: SiteStatus
    ring: str
    timezone: str
    contact: str
    created_at: datetime


def register(connection: sa.Connection, wanted: Sequence[NewSite], *, by: str, at: datetime) -> list[str]:
    """Make the sites that are not there yet; the ids of those made. Needs a write transaction. FleetError."""
    for site in wanted:
        if NAME.fullmatch(site.id) is None:
            raise FleetError(
                "fleet.site_name",
                f"a site's id '{site.id[:70]}' is not a name",
                pt=f"o código de local '{site.id[:70]}' não serve",
                hint="lower-case letters, digits, - and _; the IBGE code is a good one",
            )
    known: set[str] = set()
    ids = [site.id for site in wanted]
    for start in range(0, len(ids), 500):
        query = sa.select(SITES.c.id).where(SITES.c.id.in_(ids[start : start + 500]))
        known.update(connection.execute(query).scalars())
    rows = {
        site.id: {
            "id": site.id,
            "municipality": site.municipality,
            "uf": site.uf,
            "name": site.name,
            "status": "invited",
            "ring": site.ring,
            "timezone": site.timezone,
            "contact": site.contact,
            "created_at": at,
        }
        for site in wanted
        if site.id not in known
    }
    if rows:
        connection.execute(sa.insert(SITES), list(rows.values()))
        audit_chain.record(
            connection, at=at, actor=by, action="sites.registered", subject="sites", payload={"sites": list(rows)}
        )
    return list(rows)


def find(connection: sa.Connection, site: str) -> Site | None:
    row = connection.execute(sa.select(SITES).where(SITES.c.id == site)).first()
    return None if row is None else Site(**row._mapping)  # noqa: SLF001


def require(connection: sa.Connection, site: str) -> Site:
    """The site; FleetError when there is none."""
    found = find(connection, site)
    if found is None:
        raise FleetError(
            "fleet.unknown_site",
            f"there is no site '{site[:70]}'",
            pt=f"não há local '{site[:70]}'",
            hint="see `afluente fleet list`",
        )
    return found


def listed(
    connection: sa.Connection, *, after: str = "", limit: int = 100, status: SiteStatus | None = None, ring: str = ""
) -> list[Site]:
    """A page of the sites in the order of their ids."""
    query = sa.select(SITES).where(SITES.c.id > after).order_by(SITES.c.id).limit(limit)
    if status is not None:
        query = query.where(SITES.c.status == status)
    if ring:
        query = query.where(SITES.c.ring == ring)
    return [Site(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def set_status(connection: sa.Connection, site: str, status: SiteStatus, *, by: str, reason: str, at: datetime) -> None:
    """Pause, retire or activate a site. Needs a write transaction. FleetError."""
    before = require(connection, site).status
    connection.execute(sa.update(SITES).where(SITES.c.id == site).values(status=status))
    audit_chain.record(
        connection,
        at=at,
        actor=by,
        action=f"site.{status}",
        subject=f"site/{site}",
        payload={"before": before, "reason": reason},
    )


def set_ring(connection: sa.Connection, site: str, ring: str, *, by: str, at: datetime) -> None:
    """Move a site to another update ring. Needs a write transaction. FleetError."""
    before = require(connection, site).ring
    connection.execute(sa.update(SITES).where(SITES.c.id == site).values(ring=ring))
    audit_chain.record(
        connection,
        at=at,
        actor=by,
        action="site.ring",
        subject=f"site/{site}",
        payload={"before": before, "after": ring},
    )
