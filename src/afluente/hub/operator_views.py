"""What operators may look at.

Invariant: nothing here changes anything but the access log; every list is a page with a bound.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Path, Query, Request
from starlette.responses import FileResponse, Response

from afluente.fleet import access, agents, facts, operators, remedies, sites
from afluente.fleet.site_configuration import plan_of
from afluente.hub import bundles
from afluente.hub.desk import Desk, Endpoint
from afluente.state.audit_page import read_page
from afluente.state.fleet_schema import DOCUMENTS, HOLIDAYS, TRANSMISSIONS, VERDICTS

SiteName = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int, Query(ge=0, le=2**62)]
After = Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9_-]*$")]

_TRANSMISSION = (
    TRANSMISSIONS.c.id,
    TRANSMISSIONS.c.site,
    TRANSMISSIONS.c.agent,
    TRANSMISSIONS.c.list_name,
    TRANSMISSIONS.c.kind,
    TRANSMISSIONS.c.rows,
    TRANSMISSIONS.c.size_bytes,
    TRANSMISSIONS.c.state,
    TRANSMISSIONS.c.offset,
    TRANSMISSIONS.c.started_at,
    TRANSMISSIONS.c.landed_at,
    TRANSMISSIONS.c.loaded_at,
    TRANSMISSIONS.c.attempts,
    TRANSMISSIONS.c.error_code,
)


def add(desk: Desk) -> None:
    """Add the routes."""
    views = Views(desk)
    by_readers: tuple[tuple[str, Endpoint], ...] = (
        ("/sites", views.sites),
        ("/sites/{site}", views.site),
        ("/sites/{site}/facts", views.facts),
        ("/sites/{site}/transmissions", views.site_transmissions),
        ("/sites/{site}/verdicts", views.site_verdicts),
        ("/sites/{site}/bundles", views.bundles),
        ("/sites/{site}/bundles/{bundle}", views.bundle),
        ("/agents", views.agents),
        ("/transmissions", views.transmissions),
        ("/verdicts", views.verdicts),
        ("/remedies", views.remedies),
        ("/rollouts", views.rollouts),
        ("/holidays", views.holidays),
        ("/documents", views.documents),
    )
    by_administrators: tuple[tuple[str, Endpoint], ...] = (
        ("/operators", views.operators),
        ("/access", views.access),
        ("/audit", views.audit),
    )
    for path, answer in by_readers:
        desk.route("GET", path, "reader", answer)
    for path, answer in by_administrators:
        desk.route("GET", path, "administrator", answer)


class Views:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._parts = desk.parts

    async def sites(
        self,
        request: Request,
        after: After = "",
        limit: Limit = 100,
        status: Literal["invited", "active", "paused", "retired"] | None = None,
        ring: Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9_-]*$")] = "",
    ) -> Response:
        return await self._desk.act(
            request, "", lambda c: sites.listed(c, after=after, limit=limit, status=status, ring=ring)
        )

    async def site(self, request: Request, site: SiteName) -> Response:
        """The site with its plan of the week, its agents, open remedies and present verdict."""

        def look(connection: sa.Connection) -> object:
            return {
                "site": sites.require(connection, site),
                "send_plan": plan_of(connection, site),
                "agents": agents.of_site(connection, site),
                "remedies": remedies.listed(connection, site, only_open=True),
                "verdicts": _verdicts(connection, 10, site=site, status="current"),
            }

        return await self._desk.act(request, site, look)

    async def facts(self, request: Request, site: SiteName, limit: Limit = 100) -> Response:
        def look(connection: sa.Connection) -> object:
            sites.require(connection, site)
            return facts.of_site(connection, site, limit=limit)

        return await self._desk.act(request, site, look)

    async def site_transmissions(self, request: Request, site: SiteName, limit: Limit = 100) -> Response:
        def look(connection: sa.Connection) -> object:
            sites.require(connection, site)
            return _transmissions(connection, limit, site=site)

        return await self._desk.act(request, site, look)

    async def site_verdicts(self, request: Request, site: SiteName, limit: Limit = 100) -> Response:
        def look(connection: sa.Connection) -> object:
            sites.require(connection, site)
            return _verdicts(connection, limit, site=site)

        return await self._desk.act(request, site, look)

    async def bundles(self, request: Request, site: SiteName) -> Response:
        def look(connection: sa.Connection) -> object:
            sites.require(connection, site)
            return bundles.listed(self._parts.bundles_folder, site)

        return await self._desk.act(request, site, look)

    async def bundle(self, request: Request, site: SiteName, bundle: Id) -> Response:
        """A diagnostics bundle, gzip."""
        path = bundles.path_of(self._parts.bundles_folder, site, bundle)
        await self._desk.act(request, site, lambda _c: None)
        return FileResponse(path, media_type="application/gzip")

    async def agents(self, request: Request, after: After = "", limit: Limit = 100) -> Response:
        """Every agent, with its last heartbeat."""
        return await self._desk.act(request, "", lambda c: agents.listed(c, after=after, limit=limit))

    async def transmissions(
        self,
        request: Request,
        state: Literal["receiving", "landed", "loading", "loaded", "refused"] | None = None,
        limit: Limit = 100,
    ) -> Response:
        return await self._desk.act(request, "", lambda c: _transmissions(c, limit, state=state))

    async def verdicts(
        self,
        request: Request,
        status: Literal["current", "corrected", "closed"] = "current",
        day: dt.date | None = None,
        limit: Limit = 100,
    ) -> Response:
        return await self._desk.act(request, "", lambda c: _verdicts(c, limit, status=status, day=day))

    async def remedies(self, request: Request, *, only_open: bool = True, limit: Limit = 100) -> Response:
        return await self._desk.act(request, "", lambda c: remedies.listed(c, only_open=only_open, limit=limit))

    async def rollouts(self, request: Request) -> Response:
        part = self._parts.rollouts
        return await self._desk.call(request, "", lambda: [] if part is None else list(part.listed()))

    async def holidays(self, request: Request, limit: Limit = 1000) -> Response:
        query = sa.select(HOLIDAYS).order_by(HOLIDAYS.c.day, HOLIDAYS.c.municipality).limit(limit)
        return await self._desk.act(request, "", lambda c: c.execute(query).all())

    async def documents(self, request: Request, limit: Limit = 100) -> Response:
        """Who published which version, without bodies."""
        c = DOCUMENTS.c
        query = (
            sa.select(c.kind, c.name, c.version, c.key, c.by_whom, c.created_at)
            .order_by(c.created_at.desc(), c.version.desc())
            .limit(limit)
        )
        return await self._desk.act(request, "", lambda connection: connection.execute(query).all())

    async def operators(self, request: Request) -> Response:
        return await self._desk.act(request, "", operators.listed)

    async def access(self, request: Request, before: Before = 0, limit: Limit = 100) -> Response:
        return await self._desk.act(request, "", lambda c: access.listed(c, before=before, limit=limit))

    async def audit(self, request: Request, before: Before = 0, limit: Limit = 100) -> Response:
        """A page of the audit log, its end unless `before` says which, and whether the chain holds over that page.

        The page's own `before` asks for the next older one; 0 is the last. A page holds fewer entries when they are large.
        """
        return await self._desk.act(request, "", lambda c: read_page(c, before=before, limit=limit))


def _transmissions(connection: sa.Connection, limit: int, *, site: str = "", state: str | None = None) -> object:
    query = sa.select(*_TRANSMISSION).order_by(TRANSMISSIONS.c.started_at.desc()).limit(limit)
    if site:
        query = query.where(TRANSMISSIONS.c.site == site)
    if state is not None:
        query = query.where(TRANSMISSIONS.c.state == state)
    return connection.execute(query).all()


def _verdicts(
    connection: sa.Connection, limit: int, *, site: str = "", status: str = "", day: dt.date | None = None
) -> object:
    query = sa.select(VERDICTS).order_by(VERDICTS.c.at.desc()).limit(limit)
    if site:
        query = query.where(VERDICTS.c.site == site)
    if status:
        query = query.where(VERDICTS.c.status == status)
    if day is not None:
        query = query.where(VERDICTS.c.day == day)
    return connection.execute(query).all()
