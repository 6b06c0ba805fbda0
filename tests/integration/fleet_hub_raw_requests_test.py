"""Requests as no HTTP library would write them: where one ends and the next begins is never a matter of opinion."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from afluente_agent.protocol.messages import SlotRequest, to_json
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.signing_agent import heartbeat
from tests.until import PATIENCE_SECONDS

from afluente.state.database import Database

SMUGGLED = b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: hub\r\n\r\n"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[HubWorld]:
    with hub(database, tmp_path) as started:
        yield started


def sent(address: str, request: bytes) -> bytes:
    """All that is answered until the hub closes."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE_SECONDS) as line:
        line.sendall(request)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize("order", [0, 1])
def test_a_request_with_a_length_and_in_chunks_is_refused_and_nothing_is_read_behind_it(
    world: HubWorld, order: int
) -> None:
    for address, path in ((world.server.agents_address, "/v1/enrol"), (world.server.operators_address, "/v1/sites")):
        lengths = [f"Content-Length: {len(SMUGGLED)}", "Transfer-Encoding: chunked"]
        head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: hub", *(lengths if order else lengths[::-1])])
        answer = sent(address, head.encode() + b"\r\n\r\n" + SMUGGLED)
        assert answer.count(b"HTTP/1.1") == 1
        top, _, body = answer.partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 400")
        assert b"connection: close" in top.lower()
        assert json.loads(body)["code"] == "two_lengths"


@pytest.mark.parametrize(
    "request_line_and_headers",
    [
        "POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nContent-Length: 3\r\nContent-Length: 4",
        "POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nContent-Length: +3",
        "POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nContent-Length: -1",
        "POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked, identity",
        "POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: xchunked",
        "GET /health HTTP/1.1\r\nHost: one\r\nHost: two",
        "GET /health HTTP/1.1",
    ],
)
def test_a_request_that_may_be_read_in_two_ways_is_refused_and_its_connection_ends(
    world: HubWorld, request_line_and_headers: str
) -> None:
    answer = sent(world.server.agents_address, request_line_and_headers.encode() + b"\r\n\r\n{}" + SMUGGLED)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_request_that_was_signed_is_good_for_its_own_address_only(world: HubWorld) -> None:
    agent, body = world.enrol(), to_json(heartbeat())
    headers = agent.headers("POST", "/v1/heartbeat", body, at=world.hub_time)
    for method, target in (
        ("POST", "/v1/heartbeat/"),
        ("POST", "/v1//heartbeat"),
        ("POST", "/v1/%68eartbeat"),
        ("POST", "/v1/./heartbeat"),
        ("POST", "/v1/heartbeat?a=1"),
        ("PUT", "/v1/heartbeat"),
        ("POST", "/v1/keys"),
        ("POST", "/v1/slot"),
    ):
        raw = f"{method} {target} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
        raw += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = sent(world.server.agents_address, f"{raw}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status = int(answer.split()[1])
        assert 400 <= status < 500, (method, target, answer)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] != "replay"
    assert world.call(agent, "POST", "/v1/heartbeat", body, headers=headers).status_code == 200
    slot = to_json(SlotRequest(1, 1, 0))
    assert world.call(agent, "POST", "/v1/slot", slot).status_code == 200
