"""What a server of resumable uploads owes, one requirement a test, asked of the agents' door over HTTP on loopback.

The requirements are those of the tus protocol 1.0 (core, creation, checksum, expiration) and of the IETF draft on
resumable uploads, as far as our door claims them; what it does otherwise is in docs/fleet-agent.md.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from afluente_agent.protocol.limits import MAX_TRANSMISSION_BYTES
from afluente_agent.protocol.messages import ErrorAnswer, TransmissionStart, TransmissionState, from_json, to_json
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.signing_agent import SigningAgent
from tests.fleet_world.spool_world import packed_list
from tests.fleet_world.upload_world import START, landed_bytes, new_uploads, random_id

from afluente.core.clock import SetClock
from afluente.fleet.uploads import LEAST_CHUNK_BYTES, UploadLimits
from afluente.state.database import Database, open_state

ROWS = 900
CONTENT = packed_list(ROWS)
CHUNK = 3 * LEAST_CHUNK_BYTES


@dataclass
class Door:
    """A hub with its real receiving side, and an agent of a site."""

    world: HubWorld
    agent: SigningAgent

    def announced(self, **changed: object) -> TransmissionStart:
        start = TransmissionStart(
            id=random_id(),
            list_name="hipertensos",
            kind="full",
            base="",
            rows=ROWS,
            size_bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            catalogue_version=1,
            schema="ab12",
            columns=("valor",),
            extracted_at=int(START.timestamp()),
        )
        return replace(start, **changed)  # type: ignore[arg-type]

    def create(self, start: TransmissionStart) -> httpx.Response:
        return self.world.call(self.agent, "POST", "/v1/transmissions", to_json(start))

    def created(self, **changed: object) -> TransmissionStart:
        start = self.announced(**changed)
        assert self.create(start).status_code == 200
        return start

    def head(self, transmission: str) -> httpx.Response:
        return self.world.call(self.agent, "HEAD", f"/v1/transmissions/{transmission}")

    def state(self, transmission: str) -> TransmissionState:
        return from_json(
            TransmissionState, self.world.call(self.agent, "GET", f"/v1/transmissions/{transmission}").content
        )

    def offset(self, transmission: str) -> int:
        answer = self.head(transmission)
        assert (answer.status_code, answer.content) == (200, b"")
        return int(answer.headers["Upload-Offset"])

    def patch(self, transmission: str, chunk: bytes, offset: object) -> httpx.Response:
        covered = (("upload-offset", str(offset)),)
        return self.world.call(self.agent, "PATCH", f"/v1/transmissions/{transmission}", chunk, covered=covered)

    def send(self, transmission: str, *, until: int = len(CONTENT)) -> None:
        at = self.offset(transmission)
        while at < until:
            answer = self.patch(transmission, CONTENT[at : min(at + CHUNK, until)], at)
            assert answer.status_code == 204
            at = int(answer.headers["Upload-Offset"])


@dataclass
class Place:
    """Where the hub keeps what it has."""

    database: Database
    folder: Path

    def landed(self, transmission: str) -> bytes:
        return dict(landed_bytes(self.database, self.folder / "landing"))[transmission]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hub")
    with open_state("sqlite:///.afluente/state.db", folder) as opened:
        yield Place(opened, folder)


@contextmanager
def hub_at(place: Place, *, limits: UploadLimits | None = None) -> Iterator[HubWorld]:
    clock = SetClock(datetime.now(START.tzinfo))
    uploads = new_uploads(place.database, place.folder / "landing", clock, limits)
    with hub(place.database, place.folder, clock=clock, uploads=uploads) as world:
        yield world


@pytest.fixture(scope="module")
def world(place: Place) -> Iterator[HubWorld]:
    with hub_at(place) as made:
        yield made


@pytest.fixture
def door(world: HubWorld) -> Door:
    """A site of its own for each test."""
    return Door(world, world.enrol(secrets.token_hex(8)))


def code(answer: httpx.Response) -> str:
    return from_json(ErrorAnswer, answer.content).code


def test_the_offset_is_told_from_the_first_moment_and_is_zero(door: Door) -> None:
    assert door.offset(door.created().id) == 0


def test_the_creation_tells_the_offset_too(door: Door) -> None:
    assert door.create(door.announced()).headers["Upload-Offset"] == "0"


def test_the_offset_is_told_without_a_body_and_as_often_as_asked(door: Door) -> None:
    start = door.created()
    door.patch(start.id, CONTENT[:CHUNK], 0)
    assert [door.offset(start.id) for _ in range(3)] == [CHUNK] * 3


def test_no_cache_may_keep_an_offset(door: Door) -> None:
    start = door.created()
    answers = [door.head(start.id), door.patch(start.id, CONTENT[:CHUNK], 0), door.head(random_id())]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * 3


def test_the_offset_of_what_does_not_exist_is_not_told(door: Door) -> None:
    answer = door.head(random_id())
    assert answer.status_code == 404
    assert "Upload-Offset" not in answer.headers
    assert door.patch(random_id(), CONTENT[:CHUNK], 0).status_code == 404


def test_a_chunk_at_the_offset_is_taken_and_the_new_offset_told(door: Door) -> None:
    start = door.created()
    answer = door.patch(start.id, CONTENT[:CHUNK], 0)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Upload-Offset"] == str(CHUNK)


@pytest.mark.parametrize("offset", [0, 1, CHUNK - 1, CHUNK + 1, len(CONTENT), 10**14])
def test_a_chunk_elsewhere_is_a_conflict_that_tells_the_offset_and_changes_nothing(door: Door, offset: int) -> None:
    start = door.created()
    door.patch(start.id, CONTENT[:CHUNK], 0)
    answer = door.patch(start.id, CONTENT[:CHUNK], offset)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, str(CHUNK))
    assert door.offset(start.id) == CHUNK


@pytest.mark.parametrize("offset", ["-1", "+1", "0x10", "1.0", "", "ten", "9" * 16])
def test_an_offset_that_is_no_number_is_refused(door: Door, offset: str) -> None:
    start = door.created()
    assert door.patch(start.id, CONTENT[:CHUNK], offset).status_code in (400, 401)
    assert door.offset(start.id) == 0


def test_a_chunk_without_an_offset_is_refused(door: Door) -> None:
    start = door.created()
    answer = door.world.call(door.agent, "PATCH", f"/v1/transmissions/{start.id}", CONTENT[:CHUNK])
    assert answer.status_code in (400, 401)
    assert door.offset(start.id) == 0


def test_a_chunk_whose_line_breaks_counts_for_nothing_and_the_upload_goes_on(door: Door) -> None:
    start = door.created()
    door.patch(start.id, CONTENT[:CHUNK], 0)
    target, chunk = f"/v1/transmissions/{start.id}", CONTENT[CHUNK : 2 * CHUNK]
    signed = door.agent.headers(
        "PATCH", target, chunk, at=door.world.hub_time, covered=(("upload-offset", str(CHUNK)),)
    )
    lines = [f"PATCH {target} HTTP/1.1", "Host: hub", f"Content-Length: {len(chunk)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in signed.items())]) + "\r\n\r\n"
    host, port = door.world.server.agents_address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(head.encode() + chunk[: len(chunk) // 2])
    assert door.offset(start.id) == CHUNK
    door.send(start.id)
    assert door.state(start.id).state == "landed"


def test_a_chunk_whose_answer_was_lost_is_not_taken_twice(door: Door, place: Place) -> None:
    start = door.created()
    door.patch(start.id, CONTENT[:CHUNK], 0)
    again = door.patch(start.id, CONTENT[:CHUNK], 0)
    assert (again.status_code, again.headers["Upload-Offset"]) == (409, str(CHUNK))
    door.send(start.id)
    assert place.landed(start.id) == CONTENT


def test_of_chunks_sent_to_one_offset_at_once_one_is_taken(door: Door, place: Place) -> None:
    start = door.created()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: door.patch(start.id, CONTENT[:CHUNK], 0), range(6)))
    assert sorted(answer.status_code for answer in answers) == [204, *[409] * 5]
    assert {answer.headers["Upload-Offset"] for answer in answers} == {str(CHUNK)}
    door.send(start.id)
    assert place.landed(start.id) == CONTENT


def test_the_offset_outlives_the_hub(door: Door, place: Place) -> None:
    start = door.created()
    door.send(start.id, until=2 * CHUNK)
    with hub_at(place) as again:
        other = Door(again, door.agent)
        assert other.offset(start.id) == 2 * CHUNK
        other.send(start.id)
    assert place.landed(start.id) == CONTENT


def test_what_is_whole_takes_no_more(door: Door) -> None:
    start = door.created()
    door.send(start.id)
    assert door.offset(start.id) == len(CONTENT)
    answer = door.patch(start.id, CONTENT[:CHUNK], len(CONTENT))
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, str(len(CONTENT)))


def test_more_than_was_announced_is_refused_whole(door: Door) -> None:
    start = door.created()
    door.send(start.id, until=CHUNK)
    answer = door.patch(start.id, CONTENT[CHUNK:] + b"x", CHUNK)
    assert (answer.status_code, code(answer)) == (413, "transmission.oversized")
    assert door.offset(start.id) == CHUNK


def test_a_chunk_that_is_not_what_its_digest_says_is_thrown_away(door: Door) -> None:
    start = door.created()
    target = f"/v1/transmissions/{start.id}"
    covered = (("upload-offset", "0"),)
    headers = door.agent.headers("PATCH", target, CONTENT[:CHUNK], at=door.world.hub_time, covered=covered)
    changed = bytes([CONTENT[0] ^ 1]) + CONTENT[1:CHUNK]
    answer = door.world.call(door.agent, "PATCH", target, changed, headers=headers)
    assert (answer.status_code, code(answer)) == (400, "content_mismatch")
    assert door.offset(start.id) == 0
    door.send(start.id)


def test_a_whole_that_is_not_what_its_digest_says_begins_again(door: Door) -> None:
    start = door.created(sha256="0" * 64)
    door.send(start.id)
    state = door.state(start.id)
    assert (state.state, state.offset) == ("receiving", 0)


def test_the_same_creation_again_is_the_same_upload(door: Door) -> None:
    start = door.created()
    door.send(start.id, until=CHUNK)
    again = door.create(start)
    assert (again.status_code, again.headers["Upload-Offset"]) == (200, str(CHUNK))


def test_another_creation_under_the_same_name_is_refused(door: Door) -> None:
    start = door.created()
    answer = door.create(replace(start, rows=ROWS + 1))
    assert (answer.status_code, code(answer)) == (422, "transmission.changed")


@pytest.mark.parametrize(("size", "status"), [(-1, 422), (0, 422), (MAX_TRANSMISSION_BYTES + 1, 413)])
def test_a_length_beyond_its_bounds_is_refused_at_the_creation(door: Door, size: int, status: int) -> None:
    assert door.create(door.announced(size_bytes=size)).status_code == status


def test_a_chunk_too_small_to_be_worth_a_request_is_refused_but_for_the_last(door: Door) -> None:
    start = door.created()
    assert door.patch(start.id, CONTENT[: LEAST_CHUNK_BYTES - 1], 0).status_code == 413
    door.send(start.id, until=len(CONTENT) - 1)
    assert door.patch(start.id, CONTENT[-1:], len(CONTENT) - 1).status_code == 204


def test_an_upload_that_nobody_goes_on_with_ends(door: Door, place: Place) -> None:
    start = door.created()
    door.send(start.id, until=CHUNK)
    later = SetClock(door.world.parts.clock.now() + timedelta(days=15))
    new_uploads(place.database, place.folder / "landing", later).settle()
    assert door.head(start.id).status_code == 404


def test_another_site_neither_sees_nor_continues_an_upload(door: Door) -> None:
    start = door.created()
    other = Door(door.world, door.world.enrol(secrets.token_hex(8)))
    assert other.head(start.id).status_code == 404
    assert other.patch(start.id, CONTENT[:CHUNK], 0).status_code == 404


@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST"])
def test_no_other_method_touches_an_upload_whatever_a_header_says(door: Door, method: str) -> None:
    start = door.created()
    target = f"/v1/transmissions/{start.id}"
    headers = door.agent.headers(method, target, CONTENT[:CHUNK], at=door.world.hub_time)
    headers |= {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert door.world.call(door.agent, method, target, CONTENT[:CHUNK], headers=headers).status_code == 405
    assert door.offset(start.id) == 0
