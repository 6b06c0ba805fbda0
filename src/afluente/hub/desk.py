"""What every address of the operators' door goes through: who asks, whether they may, and the access log.

Invariant: a route is added with the role it needs and in no other way; each answer and each refusal to a known operator
stands in the access log before it is given.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from afluente.fleet import access, operators
from afluente.fleet.operators import Operator, Role
from afluente.fleet.refusal import Refusal
from afluente.hub.errors import as_refusal
from afluente.hub.parts import HubParts
from afluente.hub.rate import FailureRate
from afluente.hub.threads import Threads

Method = Literal["GET", "POST", "PUT"]
Endpoint = Callable[..., Awaitable[Response]]
Work = Callable[[sa.Connection], object]
_BEARER = HTTPBearer(auto_error=False, description="The token that `afluente hub operator` showed once.")
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    for status, words in (
        (400, "The request is wrong"),
        (401, "No good token"),
        (403, "Another role is needed"),
        (404, "There is no such thing"),
        (409, "It cannot be done as things stand"),
        (413, "Too large"),
        (422, "The request is wrong"),
        (429, "Too many wrong tokens"),
        (503, "The hub cannot do it now"),
    )
}


class Desk:
    """Adds routes to the operators' door and does their work, in a transaction and in the name of an operator."""

    def __init__(self, parts: HubParts, threads: Threads, *, wrong_tokens: FailureRate) -> None:
        self.parts = parts
        self.router = APIRouter(prefix="/v1", responses=REFUSED)
        self._threads = threads
        self._wrong_tokens = wrong_tokens

    def route(self, method: Method, path: str, role: Role, answer: Endpoint) -> None:
        """Answer this address to the role and those above it. The role stands in the description as `x-role`."""

        async def check(
            request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
        ) -> None:
            request.state.operator = await self._identify(request, given, role)

        self.router.add_api_route(
            path,
            answer,
            methods=[method],
            response_model=None,
            dependencies=[Depends(check)],
            openapi_extra={"x-role": role},
        )

    async def act(self, request: Request, subject: str, work: Work) -> Response:
        """Do the work and log it, in one transaction; what fails is logged in one of its own."""
        database = self.parts.database
        operator: Operator = request.state.operator

        def carry_out() -> object:
            try:
                with database.write() as connection:
                    answer = work(connection)
                    self._log(connection, operator, request, subject, "done")
                    return answer
            except Exception as error:
                with database.write() as connection:
                    self._log(connection, operator, request, subject, as_refusal(error).code)
                raise

        return shown(await self._threads.state(carry_out))

    async def call(self, request: Request, subject: str, work: Callable[[], object]) -> Response:
        """Do work that has transactions of its own, and log it after."""
        database = self.parts.database
        operator: Operator = request.state.operator

        def carry_out() -> object:
            outcome = "done"
            try:
                return work()
            except Exception as error:
                outcome = as_refusal(error).code
                raise
            finally:
                with database.write() as connection:
                    self._log(connection, operator, request, subject, outcome)

        return shown(await self._threads.uploads(carry_out))

    async def _identify(self, request: Request, given: HTTPAuthorizationCredentials | None, needed: Role) -> Operator:
        address = request.client.host if request.client else ""
        if wait := self._wrong_tokens.wait_seconds(address):
            raise Refusal(
                "operator.too_often",
                "muitos códigos de acesso errados; espere um minuto",
                "too many wrong tokens; wait a minute",
                status=429,
                retry_after_seconds=wait,
            )
        token = "" if given is None else given.credentials
        database, clock = self.parts.database, self.parts.clock

        def look() -> Operator:
            with database.read() as connection:
                return operators.identify(connection, token, at=clock.now())

        try:
            operator = await self._threads.state(look)
        except Refusal:
            self._wrong_tokens.failed(address)
            raise
        if not operator.may(needed):

            def note() -> None:
                with database.write() as connection:
                    self._log(connection, operator, request, "", "operator.forbidden")

            await self._threads.state(note)
            operators.require(operator, needed)
        return operator

    def _log(self, connection: sa.Connection, operator: Operator, request: Request, subject: str, outcome: str) -> None:
        access.record(
            connection,
            at=self.parts.clock.now(),
            actor=operator.name,
            action=f"{request.method} {request.scope['route'].path}",
            subject=subject,
            outcome=outcome,
        )


def name_of(request: Request) -> str:
    """The operator who asks."""
    operator: Operator = request.state.operator
    return operator.name


def shown(value: object) -> Response:
    """Dataclasses, rows and plain values as JSON; moments in ISO 8601."""
    content = json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))
    return Response(content.encode(), media_type="application/json")


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, sa.Row):
        return dict(value._mapping)  # noqa: SLF001
    raise TypeError(type(value).__name__)
