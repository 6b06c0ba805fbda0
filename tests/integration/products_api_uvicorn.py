"""The partner's behaviour behind starlette on uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from afluente.demo.loopback.partner_behaviour import Asked, PartnerBehaviour


class Cut(Response):
    """An answer that breaks off after its head: uvicorn closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"100")]}
        await send(head)


def app(behaviour: PartnerBehaviour) -> Starlette:
    async def answer(request: Request) -> Response:
        asked = Asked(request.method, request.url.path, dict(request.headers), await request.body())
        answered = await run_in_threadpool(behaviour.answer, asked)
        await asyncio.sleep(answered.hang_seconds)
        if not answered.is_sent:
            return Cut()
        return Response(answered.body, answered.status, dict(answered.headers), "application/json")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "HEAD", "OPTIONS"])])


@contextmanager
def serve(behaviour: PartnerBehaviour) -> Iterator[str]:
    """The URL of a server on 127.0.0.1 that runs in a thread of this process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app(behaviour), log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
