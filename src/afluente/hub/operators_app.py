"""The operators' door.

Invariant: every address but the health and the description needs a token and names the role it takes; nothing shows a
token, a key or a row of a list, but for a token just made.
"""

from __future__ import annotations

import time

from fastapi import FastAPI

from afluente import __version__
from afluente.hub import operator_actions, operator_views
from afluente.hub.desk import Desk
from afluente.hub.errors import answer_errors
from afluente.hub.limits import Bounds
from afluente.hub.parts import HubParts
from afluente.hub.rate import FailureRate
from afluente.hub.threads import Threads

_PRIVATE = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_ERROR_SCHEMA = {
    "title": "Error",
    "type": "object",
    "required": ["code", "message_pt", "message_en", "hub_time", "retry_after_seconds"],
    "properties": {
        "code": {"type": "string"},
        "message_pt": {"type": "string"},
        "message_en": {"type": "string"},
        "hub_time": {"type": "integer"},
        "retry_after_seconds": {"type": "integer"},
    },
}


def operators_app(parts: HubParts, threads: Threads) -> FastAPI:
    """The app; its description stands at `/openapi.json`."""
    app = FastAPI(
        title="Afluente: operators", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    answer_errors(app, parts.clock)
    app.add_middleware(Bounds, settings=parts.settings, clock=parts.clock, is_buffering=True, headers=_PRIVATE)
    desk = Desk(parts, threads, wrong_tokens=FailureRate(parts.settings.wrong_tokens_a_minute, now=time.monotonic))
    operator_views.add(desk)
    operator_actions.add(desk)
    app.include_router(desk.router)
    app.add_api_route("/health", _health, methods=["GET"])
    describe = app.openapi

    def openapi() -> dict[str, object]:
        described: dict[str, object] = describe()
        components = described.setdefault("components", {})
        assert isinstance(components, dict)
        components.setdefault("schemas", {})["Error"] = _ERROR_SCHEMA
        return described

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _health() -> dict[str, str]:
    return {"status": "ok"}
