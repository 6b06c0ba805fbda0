"""Every refusal as an ErrorAnswer in JSON, whatever refused.

Invariant: no answer holds what the caller sent, a stack trace or a driver's text; the hub's time stands in each.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from afluente.core.clock import Clock
from afluente.core.errors import AfluenteError
from afluente.fleet.refusal import FleetError, Refusal
from afluente_agent.protocol import refusal_codes
from afluente_agent.protocol.messages import ErrorAnswer, MessageError, to_json
from afluente_agent.protocol.signing import OFFSET_HEADER

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

_log = logging.getLogger(__name__)

_WORDS = {
    400: ("bad_request", "o pedido está errado", "the request is wrong"),
    404: ("not_found", "isto não existe neste hub", "there is no such thing at this hub"),
    405: ("method_not_allowed", "este endereço não aceita este método", "this address does not take this method"),
    416: ("range_not_satisfiable", "o arquivo não tem esse trecho", "the file has no such range"),
}


def refusal_response(refusal: Refusal, clock: Clock) -> Response:
    """The answer of a refusal. An upload's offset stands in `Upload-Offset`."""
    answer = ErrorAnswer(
        code=refusal.code,
        message_pt=refusal.message_pt,
        message_en=refusal.message_en,
        hub_time=int(clock.now().timestamp()),
        retry_after_seconds=refusal.retry_after_seconds,
    )
    headers = {}
    if refusal.retry_after_seconds:
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.offset is not None:
        headers[OFFSET_HEADER] = str(refusal.offset)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Afluente"
    if refusal.status == HTTPStatus.REQUEST_TIMEOUT or refusal.code == refusal_codes.TWO_LENGTHS:
        headers["Connection"] = "close"
    return Response(to_json(answer), refusal.status, headers, media_type="application/json")


def as_refusal(error: Exception) -> Refusal:
    """What to answer for an error that reached the door."""
    match error:
        case Refusal():
            return error
        case MessageError():
            return Refusal("bad_message", f"a mensagem está errada: {error}", f"the message is wrong: {error}")
        case FleetError():
            status = 404 if error.code.startswith("fleet.unknown") else 409
            return Refusal(error.code, error.message_pt, error.message, status=status)
        case AfluenteError() if error.retryable:
            _log.error("the hub cannot work now", extra={"code": error.code})
            return Refusal(
                "hub_busy",
                "o hub não consegue atender agora; tente de novo",
                "the hub cannot answer now; try again",
                status=503,
                retry_after_seconds=15,
            )
        case HTTPException():
            code, pt, en = _WORDS.get(error.status_code, _WORDS[400])
            return Refusal(code, pt, en, status=error.status_code)
        case RequestValidationError():
            places = ", ".join(sorted({".".join(str(part)[:40] for part in one["loc"]) for one in error.errors()})[:5])
            return Refusal(
                "bad_request", f"o pedido está errado em: {places}", f"the request is wrong at: {places}", status=422
            )
        case _:
            _log.error("a defect of the hub", exc_info=error)
            return Refusal(
                "hub_defect",
                "o hub falhou por um defeito dele; tente de novo mais tarde",
                "the hub failed by a defect of its own; try again later",
                status=500,
                retry_after_seconds=60,
            )


def answer_errors(app: FastAPI, clock: Clock) -> None:
    """Make the app answer every error as a refusal."""

    async def handle(_request: Request, error: Exception) -> Response:
        return refusal_response(as_refusal(error), clock)

    for kind in (AfluenteError, MessageError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, handle)
