"""What operators may do.

Invariant: every change is in the audit log in the transaction that makes it, with the operator's name; whoever gives a
reason, gives it there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated

import sqlalchemy as sa
from fastapi import Path, Request
from starlette.responses import Response

from afluente.fleet import agents, documents, enrolment, operators, remedies, sites
from afluente.fleet.refusal import Refusal
from afluente.fleet.rings import ring_of
from afluente.hub.desk import Desk, Endpoint, name_of
from afluente.hub.operator_requests import (
    DocumentIn,
    HolidayIn,
    OperatorIn,
    ReasonIn,
    RemedyIn,
    RingIn,
    RolloutIn,
    SitesIn,
    SiteStatusIn,
    TokensIn,
)
from afluente.hub.operator_views import Id, SiteName
from afluente.hub.parts import RolloutsPart
from afluente.state import audit_chain
from afluente.state.fleet_schema import HOLIDAYS
from afluente.state.json_value import Json
from afluente.state.upsert import upsert

OperatorName = Annotated[str, Path(max_length=63, pattern=r"^[a-z0-9][a-z0-9._@-]*$")]


def add(desk: Desk) -> None:
    """Add the routes."""
    actions = Actions(desk)
    by_operators: tuple[tuple[str, Endpoint], ...] = (
        ("/sites", actions.register),
        ("/sites/{site}/status", actions.set_status),
        ("/sites/{site}/tokens/revoke", actions.revoke_tokens),
        ("/sites/{site}/remedies", actions.ask_remedy),
        ("/tokens", actions.create_tokens),
        ("/remedies/{remedy}/cancel", actions.cancel_remedy),
        ("/holidays", actions.set_holiday),
        ("/holidays/remove", actions.remove_holiday),
        ("/diagnosis", actions.diagnose),
    )
    by_administrators: tuple[tuple[str, Endpoint], ...] = (
        ("/sites/{site}/ring", actions.set_ring),
        ("/agents/{agent}/suspend", actions.suspend),
        ("/agents/{agent}/reinstate", actions.reinstate),
        ("/agents/{agent}/revoke-keys", actions.revoke_keys),
        ("/rollouts", actions.start_rollout),
        ("/rollouts/{rollout}/hold", actions.hold),
        ("/rollouts/{rollout}/resume", actions.resume),
        ("/rollouts/{rollout}/roll-back", actions.roll_back),
        ("/documents", actions.publish),
        ("/operators", actions.create_operator),
        ("/operators/{name}/revoke", actions.revoke_operator),
    )
    for path, answer in by_operators:
        desk.route("POST", path, "operator", answer)
    for path, answer in by_administrators:
        desk.route("POST", path, "administrator", answer)


class Actions:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._parts = desk.parts
        self._now = desk.parts.clock.now

    async def register(self, request: Request, given: SitesIn) -> Response:
        """Make the sites that are not there yet; the ids of those made."""
        rings = self._parts.rings
        wanted = [sites.NewSite(**{**one.model_dump(), "ring": ring_of(one.ring, rings)}) for one in given.sites]
        by = name_of(request)
        return await self._desk.act(request, "", lambda c: sites.register(c, wanted, by=by, at=self._now()))

    async def set_status(self, request: Request, site: SiteName, given: SiteStatusIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request,
            site,
            lambda c: sites.set_status(c, site, given.status, by=by, reason=given.reason, at=self._now()),
        )

    async def set_ring(self, request: Request, site: SiteName, given: RingIn) -> Response:
        by, ring = name_of(request), ring_of(given.ring, self._parts.rings)
        return await self._desk.act(request, site, lambda c: sites.set_ring(c, site, ring, by=by, at=self._now()))

    async def create_tokens(self, request: Request, given: TokensIn) -> Response:
        """One-off enrolment tokens, shown here and never again."""
        by = name_of(request)

        def make(connection: sa.Connection) -> object:
            made = enrolment.create_tokens(connection, given.sites, by=by, at=self._now(), days=given.days)
            return [{"site": site, "token": token} for site, token in made]

        return await self._desk.act(request, "", make)

    async def revoke_tokens(self, request: Request, site: SiteName) -> Response:
        by = name_of(request)

        def revoke(connection: sa.Connection) -> object:
            sites.require(connection, site)
            return {"revoked": enrolment.revoke_tokens(connection, site, by=by, at=self._now())}

        return await self._desk.act(request, site, revoke)

    async def ask_remedy(self, request: Request, site: SiteName, given: RemedyIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request,
            site,
            lambda c: remedies.create(
                c, site, given.kind, given.parameters, by=by, reason=given.reason, at=self._now()
            ),
        )

    async def cancel_remedy(self, request: Request, remedy: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request, "", lambda c: remedies.cancel(c, remedy, by=by, reason=given.reason, at=self._now())
        )

    async def suspend(self, request: Request, agent: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request, agent, lambda c: agents.suspend(c, agent, by=by, reason=given.reason, at=self._now())
        )

    async def reinstate(self, request: Request, agent: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request, agent, lambda c: agents.reinstate(c, agent, by=by, reason=given.reason, at=self._now())
        )

    async def revoke_keys(self, request: Request, agent: Id, given: ReasonIn) -> Response:
        """Make every key of the agent worth nothing: for a stolen one."""
        by = name_of(request)
        return await self._desk.act(
            request, agent, lambda c: agents.revoke_keys(c, agent, by=by, reason=given.reason, at=self._now())
        )

    async def set_holiday(self, request: Request, given: HolidayIn) -> Response:
        """What the calendar does not know: a holiday, an optional day, or a day of work after all."""
        by = name_of(request)

        def put(connection: sa.Connection) -> object:
            row = {
                "municipality": given.municipality,
                "day": given.day,
                "name": given.name,
                "kind": given.kind,
                "by_whom": by,
            }
            upsert(connection, HOLIDAYS, [row])
            self._audit_holiday(connection, "holiday.set", given, by)
            return row

        return await self._desk.act(request, "", put)

    async def remove_holiday(self, request: Request, given: HolidayIn) -> Response:
        by = name_of(request)

        def remove(connection: sa.Connection) -> object:
            there = sa.and_(HOLIDAYS.c.municipality == given.municipality, HOLIDAYS.c.day == given.day)
            removed = connection.execute(sa.delete(HOLIDAYS).where(there)).rowcount
            if removed:
                self._audit_holiday(connection, "holiday.removed", given, by)
            return {"removed": removed}

        return await self._desk.act(request, "", remove)

    async def diagnose(self, request: Request) -> Response:
        """Draw the verdicts anew; those that changed."""
        diagnose = self._parts.diagnose
        if diagnose is None:
            raise _missing()
        return await self._desk.call(request, "", lambda: list(diagnose()))

    async def start_rollout(self, request: Request, given: RolloutIn) -> Response:
        by = name_of(request)
        return await self._rollout(request, lambda part: part.start(given.version, by=by, reason=given.reason))

    async def hold(self, request: Request, rollout: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._rollout(request, lambda part: part.hold(rollout, by=by, reason=given.reason))

    async def resume(self, request: Request, rollout: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._rollout(request, lambda part: part.resume(rollout, by=by, reason=given.reason))

    async def roll_back(self, request: Request, rollout: Id, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._rollout(request, lambda part: part.roll_back(rollout, by=by, reason=given.reason))

    async def publish(self, request: Request, given: DocumentIn) -> Response:
        """Sign the next version of a configuration or a catalogue."""
        by = name_of(request)
        content = _object(given.body)

        def sign(connection: sa.Connection) -> object:
            signed = documents.publish(
                connection,
                kind=given.kind,
                name=given.name,
                content=content,
                by=by,
                at=self._now(),
                signer=self._parts.signer,
            )
            return {"kind": signed.kind, "name": given.name, "version": signed.version, "key": signed.key}

        return await self._desk.act(request, "", sign)

    async def create_operator(self, request: Request, given: OperatorIn) -> Response:
        """An operator's token, shown here and never again."""
        by = name_of(request)

        def make(connection: sa.Connection) -> object:
            token = operators.create(connection, given.name, given.role, by=by, at=self._now(), days=given.days)
            return {"name": given.name, "role": given.role, "token": token}

        return await self._desk.act(request, "", make)

    async def revoke_operator(self, request: Request, name: OperatorName, given: ReasonIn) -> Response:
        by = name_of(request)
        return await self._desk.act(
            request, "", lambda c: operators.revoke(c, name, by=by, reason=given.reason, at=self._now())
        )

    async def _rollout(self, request: Request, work: Callable[[RolloutsPart], Mapping[str, Json]]) -> Response:
        part = self._parts.rollouts
        if part is None:
            raise _missing()
        return await self._desk.call(request, "", lambda: work(part))

    def _audit_holiday(self, connection: sa.Connection, action: str, given: HolidayIn, by: str) -> None:
        audit_chain.record(
            connection,
            at=self._now(),
            actor=by,
            action=action,
            subject=f"holiday/{given.municipality or 'BR'}",
            payload={"day": given.day.isoformat(), "name": given.name, "kind": given.kind},
        )


def _object(text: str) -> dict[str, Json]:
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or "\\u0000" in text or "\0" in text:
        raise Refusal("bad_document", "o documento não é um objeto JSON", "the document is not a JSON object")
    return value


def _refuse(_text: str) -> float:
    raise ValueError("not a JSON number")


def _missing() -> Refusal:
    return Refusal(
        "hub_part_missing",
        "este hub ainda não faz isto",
        "this hub does not do that yet",
        status=503,
        retry_after_seconds=300,
    )
