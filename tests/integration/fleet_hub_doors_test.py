"""The agents' door over HTTP on loopback."""

from __future__ import annotations

import gzip
import json
import socket
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from afluente_agent.protocol.limits import MAX_CHUNK_BYTES, MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import (
    ErrorAnswer,
    HeartbeatAnswer,
    KeyAnswer,
    KeyRequest,
    SlotAnswer,
    SlotRequest,
    TransmissionStart,
    TransmissionState,
    from_json,
    to_json,
)
from tests.fleet_world.hub_world import hub
from tests.fleet_world.signing_agent import SigningAgent, heartbeat, machine
from tests.until import PATIENCE_SECONDS, until

from afluente.fleet import facts
from afluente.hub.settings import HubSettings

TRANSMISSION = "01900000-0000-7000-8000-000000000001"
HASTY = HubSettings(patience_seconds=0.5, header_seconds=0.5, idle_seconds=1)


@pytest.fixture
def world(database, tmp_path):
    with hub(database, tmp_path) as started:
        yield started


def code(answer) -> str:
    refusal = from_json(ErrorAnswer, answer.content)
    assert refusal.message_pt and refusal.message_en
    assert abs(refusal.hub_time - time.time()) < 60
    assert "Date" in answer.headers
    return refusal.code


def start(size: int = 10) -> TransmissionStart:
    return TransmissionStart(
        TRANSMISSION, "hypertension", "full", "", 3, size, "0" * 64, 1, "s", ("a", "b"), 1_800_000_000
    )


def test_an_agent_enrols_beats_asks_for_a_slot_and_sends(world):
    agent = world.enrol()
    beaten = world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat()))
    answer = from_json(HeartbeatAnswer, beaten.content)
    assert (beaten.status_code, answer.next_in_seconds, answer.needs_key_rotation) == (200, 900, False)
    slot = world.call(agent, "POST", "/v1/slot", to_json(SlotRequest(10, 1, 0)))
    assert from_json(SlotAnswer, slot.content).slot == "slot-a"
    begun = world.call(agent, "POST", "/v1/transmissions", to_json(start()))
    assert from_json(TransmissionState, begun.content) == TransmissionState(TRANSMISSION, "receiving", 0)
    target = f"/v1/transmissions/{TRANSMISSION}"
    sent = world.call(agent, "PATCH", target, b"01234", covered=(("upload-offset", "0"),))
    assert (sent.status_code, sent.headers["Upload-Offset"]) == (204, "5")
    again = world.call(agent, "PATCH", target, b"01234", covered=(("upload-offset", "0"),))
    assert (again.status_code, again.headers["Upload-Offset"], code(again)) == (409, "5", "wrong_offset")
    head = world.call(agent, "HEAD", target)
    assert (head.status_code, head.headers["Upload-Offset"], head.content) == (200, "5", b"")
    world.call(agent, "PATCH", target, b"56789", covered=(("upload-offset", "5"),))
    assert from_json(TransmissionState, world.call(agent, "GET", target).content).state == "landed"


def test_an_offset_that_is_not_signed_is_refused(world):
    agent = world.enrol()
    world.call(agent, "POST", "/v1/transmissions", to_json(start()))
    target = f"/v1/transmissions/{TRANSMISSION}"
    headers = agent.headers("PATCH", target, b"x", at=world.hub_time) | {"Upload-Offset": "0"}
    assert code(world.call(agent, "PATCH", target, b"x", headers=headers)) == "bad_signature"
    assert world.parts.uploads.kept["a", TRANSMISSION][1] == b""


def test_a_request_that_is_sent_again_as_it_was_is_a_replay(world):
    agent = world.enrol()
    body = to_json(heartbeat())
    headers = agent.headers("POST", "/v1/heartbeat", body, at=world.hub_time)
    assert world.call(agent, "POST", "/v1/heartbeat", body, headers=headers).status_code == 200
    assert code(world.call(agent, "POST", "/v1/heartbeat", body, headers=headers)) == "replay"


def test_a_clock_off_by_two_years_is_told_the_hubs_time_and_then_taken(world):
    agent = world.enrol()
    body = to_json(heartbeat())
    off = world.call(agent, "POST", "/v1/heartbeat", body, at=world.hub_time - 2 * 365 * 86400)
    assert (off.status_code, code(off)) == (401, "clock")
    hub_time = json.loads(off.content)["hub_time"]
    assert world.call(agent, "POST", "/v1/heartbeat", body, at=hub_time).status_code == 200


def test_a_body_changed_on_the_way_changes_nothing(world):
    agent = world.enrol()
    headers = agent.headers("POST", "/v1/heartbeat", to_json(heartbeat()), at=world.hub_time)
    answer = world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat(99)), headers=headers)
    assert code(answer) == "content_mismatch"


def test_one_site_does_not_see_the_transmissions_of_another(world):
    agent, other = world.enrol("a"), world.enrol("b", machine("b", install="b"))
    world.call(agent, "POST", "/v1/transmissions", to_json(start()))
    assert world.call(other, "GET", f"/v1/transmissions/{TRANSMISSION}").status_code == 404
    patched = world.call(
        other, "PATCH", f"/v1/transmissions/{TRANSMISSION}", b"evil", covered=(("upload-offset", "0"),)
    )
    assert patched.status_code == 404


def test_one_site_does_not_release_the_slot_of_another(world):
    other = world.enrol("b", machine("b", install="b"))
    assert world.call(other, "DELETE", "/v1/slot/slot-a").status_code == 204
    assert world.parts.admission.released == []


def test_a_key_is_replaced_and_the_new_one_signs(world):
    agent = world.enrol()
    new = SigningAgent(agent.agent)
    answer = world.call(agent, "POST", "/v1/keys", to_json(KeyRequest(new.public_key)))
    new.key = from_json(KeyAnswer, answer.content).key
    for signer in (agent, new):
        assert world.call(signer, "POST", "/v1/heartbeat", to_json(heartbeat())).status_code == 200


def test_a_bundle_is_kept_under_a_name_of_the_hubs(world, tmp_path):
    agent = world.enrol()
    assert world.call(agent, "POST", "/v1/bundle", gzip.compress(b"logs")).status_code == 204
    [kept] = (tmp_path / "bundles" / "a").iterdir()
    assert gzip.decompress(kept.read_bytes()) == b"logs"
    assert kept.stat().st_mode & 0o077 == 0
    assert code(world.call(agent, "POST", "/v1/bundle", b"no gzip")) == "bad_bundle"
    with world.database.read() as connection:
        assert "hub.bundle_received" in {fact.code for fact in facts.of_site(connection, "a")}


def test_of_a_sites_bundles_the_newest_ten_stay(world, tmp_path):
    agent = world.enrol()
    for number in range(12):
        assert world.call(agent, "POST", "/v1/bundle", gzip.compress(b"%d" % number)).status_code == 204
    kept = sorted((tmp_path / "bundles" / "a").iterdir())
    assert [gzip.decompress(path.read_bytes()) for path in kept] == [b"%d" % number for number in range(2, 12)]


def test_updates_are_served_whole_and_by_range(world, tmp_path):
    (tmp_path / "updates" / "targets").mkdir(parents=True)
    (tmp_path / "updates" / "targets" / "agent-1.0.zip").write_bytes(b"0123456789")
    address = f"{world.server.agents_address}/updates/targets/agent-1.0.zip"
    assert world.client.get(address).content == b"0123456789"
    part = world.client.get(address, headers={"Range": "bytes=4-"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"456789", "bytes 4-9/10")


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "..%2fsecret",
        "%2e%2e/secret",
        "targets/../../secret",
        "targets/link",
        "/etc/passwd",
        ".hidden",
        "a\\b",
    ],
)
def test_no_trick_in_a_name_leaves_the_folder_of_updates(world, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "updates" / "targets").mkdir(parents=True)
    (tmp_path / "updates" / ".hidden").write_text("secret")
    (tmp_path / "updates" / "targets" / "link").symlink_to(tmp_path / "secret")
    status, content = raw(world, f"GET /updates/{name} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".encode())
    assert status == 404
    assert b"secret" not in content


def raw(world, request: bytes) -> tuple[int, bytes]:
    """The status and the rest of the answer to bytes sent as they are; 0 when the hub just closes."""
    host, port = world.server.agents_address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        content = b""
        while part := connection.recv(65536):
            content += part
    return (int(content.split(b" ", 2)[1]) if content else 0), content


def first_answer(world, request: bytes) -> bytes:
    """The answer to a request whose body is not sent to its end."""
    host, port = world.server.agents_address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        content = b""
        while not content.endswith(b"}"):
            part = connection.recv(65536)
            assert part, content
            content += part
    return content


def test_a_message_above_its_bound_is_refused_by_its_length_header(world):
    request = f"POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nContent-Length: {MAX_MESSAGE_BYTES + 1}\r\n\r\n"
    content = first_answer(world, request.encode())
    assert content.startswith(b"HTTP/1.1 413")
    assert b"too_large" in content


def test_an_endless_message_without_a_length_is_cut_off(world):
    host, port = world.server.agents_address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 100 * MAX_CHUNK_BYTES:
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
    assert sent < 100 * MAX_CHUNK_BYTES


def test_a_chunk_of_nobody_is_refused_before_it_is_read(world):
    request = (
        f"PATCH /v1/transmissions/{TRANSMISSION} HTTP/1.1\r\nHost: hub\r\n"
        f"Content-Length: {MAX_CHUNK_BYTES}\r\n\r\nonly the beginning"
    )
    content = first_answer(world, request.encode())
    assert content.startswith(b"HTTP/1.1 401")
    assert b"bad_signature" in content


def test_the_answer_to_a_chunk_signed_at_a_wrong_time_arrives_although_the_chunk_was_not_read(world):
    agent = world.enrol()
    world.call(agent, "POST", "/v1/transmissions", to_json(start()))
    target, covered = f"/v1/transmissions/{TRANSMISSION}", (("upload-offset", "0"),)
    for _ in range(5):
        late = world.call(agent, "PATCH", target, b"x" * 2**20, covered=covered, at=world.hub_time - 3 * 3600)
        assert (late.status_code, code(late)) == (401, "clock")
    assert world.call(agent, "PATCH", target, b"x" * 2**20, covered=covered).headers["Upload-Offset"] == str(2**20)


def test_the_rest_of_a_refused_body_that_never_comes_holds_no_connection(database, tmp_path):
    request = f"PATCH /v1/transmissions/{TRANSMISSION} HTTP/1.1\r\nHost: hub\r\nContent-Length: 1000\r\n\r\nx"
    with hub(database, tmp_path, settings=HubSettings(patience_seconds=0.5)) as world:
        assert raw(world, request.encode())[0] == 401


def test_a_chunk_above_its_bound_is_refused(world):
    agent = world.enrol()
    world.call(agent, "POST", "/v1/transmissions", to_json(start()))
    target = f"/v1/transmissions/{TRANSMISSION}"
    answer = world.call(agent, "PATCH", target, b"x" * (MAX_CHUNK_BYTES + 1), covered=(("upload-offset", "0"),))
    assert (answer.status_code, code(answer)) == (413, "too_large")


def test_a_compressed_body_is_refused_and_not_unpacked(world):
    agent = world.enrol()
    body = gzip.compress(b" " * 10**7)
    headers = agent.headers("POST", "/v1/heartbeat", body, at=world.hub_time) | {"Content-Encoding": "gzip"}
    assert code(world.call(agent, "POST", "/v1/heartbeat", body, headers=headers)) == "content_encoding"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"POST /v1/hea",
        b"POST /v1/enrol HTTP/1.1\r\nHost: hub\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["says nothing", "stops in the headers", "stops in the body"],
)
def test_a_slow_client_is_let_go_and_others_are_answered(database, tmp_path, request_bytes):
    with hub(database, tmp_path, settings=HASTY) as world:
        status, content = raw(world, request_bytes)
        assert (status, b"too_slow" in content) in ((0, False), (408, True))
        until(lambda: is_answered(world), "an answer to somebody else")


def is_answered(world) -> bool:
    """Whether a client was quick enough for a hasty hub."""
    try:
        return world.client.get(f"{world.server.agents_address}/health").status_code == 200
    except httpx.TransportError:
        return False


def test_drops_in_the_headers_do_not_hold_a_connection(database, tmp_path):
    with hub(database, tmp_path, settings=HASTY) as world:
        host, port = world.server.agents_address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\n")
            is_closed = False
            for _ in range(100):
                try:
                    connection.sendall(b"X-Drop: 1\r\n")
                    connection.settimeout(0.1)
                    is_closed = connection.recv(1000) == b""
                except TimeoutError:
                    continue
                except OSError:
                    is_closed = True
                if is_closed:
                    break
            assert is_closed


def test_guessing_tokens_is_slowed_down(database, tmp_path):
    with hub(database, tmp_path, settings=HubSettings(enrolments_a_minute=3)) as world:
        answers = [
            world.client.post(
                f"{world.server.agents_address}/v1/enrol", content=to_json(SigningAgent().request(f"afl_{number}"))
            )
            for number in range(4)
        ]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
    assert int(answers[3].headers["Retry-After"]) > 0
    assert code(answers[3]) == "enrolment.too_often"


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/heartbeat", 405, "method_not_allowed"),
        ("POST", "/v1/heartbeat", 401, "bad_signature"),
        ("POST", "/v1/enrol", 400, "bad_message"),
        ("GET", "/" + "x" * 4000, 414, "target_too_long"),
        ("GET", "/openapi.json", 404, "not_found"),
        ("GET", "/v1/sites", 404, "not_found"),
    ],
)
def test_every_refusal_is_an_error_answer(world, method, path, status, said):
    answer = world.client.request(method, world.server.agents_address + path)
    assert (answer.status_code, code(answer)) == (status, said)


def test_a_clone_is_suspended_for_good_by_the_heartbeat_that_shows_it(world):
    agent = world.enrol()
    beats = [(1, "a"), (2, "b"), (2, "a")]
    answers = [
        world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat(sequence, of=machine(name))))
        for sequence, name in beats
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert code(answers[2]) == "suspended"
    assert code(world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat(3)))) == "suspended"


def test_a_part_that_is_missing_asks_to_come_later(database, tmp_path):
    with hub(database, tmp_path, admission=None) as world:
        agent = world.enrol()
        answer = world.call(agent, "POST", "/v1/slot", to_json(SlotRequest(1, 1, 0)))
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (503, "hub_part_missing", "300")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000,
        b"POST /v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/enrol HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["tls", "nul", "no host", "endless header", "two lengths", "negative length"],
)
def test_what_is_no_http_is_refused_in_the_shape_of_every_refusal(world, request_bytes):
    status, content = raw(world, request_bytes)
    assert status == 400
    answer = from_json(ErrorAnswer, content.partition(b"\r\n\r\n")[2])
    assert answer.code == "bad_http"


def test_no_message_whatever_its_bytes_is_a_defect_of_the_hub(world):
    agent = world.enrol()
    targets = ("/v1/heartbeat", "/v1/slot", "/v1/transmissions", "/v1/keys", "/v1/bundle")

    @settings(max_examples=60, deadline=None, database=None)
    @given(
        target=st.sampled_from(targets),
        body=st.one_of(
            st.binary(max_size=300),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=20),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
                max_leaves=10,
            ).map(lambda value: json.dumps(value).encode()),
        ),
    )
    def run(target: str, body: bytes) -> None:
        answer = world.call(agent, "POST", target, body)
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert code(answer)

    run()


def test_a_newer_agent_says_more_and_is_understood_but_for_the_announcement_of_rows(world):
    agent = world.enrol()
    told = {**json.loads(to_json(heartbeat())), "new": {"a": [1]}}
    told["machine"]["battery"] = "good"
    beaten = world.call(agent, "POST", "/v1/heartbeat", json.dumps(told).encode())
    assert (beaten.status_code, from_json(HeartbeatAnswer, beaten.content).next_in_seconds) == (200, 900)
    asked = {**json.loads(to_json(SlotRequest(10, 1, 0))), "urgency": 3}
    assert world.call(agent, "POST", "/v1/slot", json.dumps(asked).encode()).status_code == 200
    begun = {**json.loads(to_json(start())), "packing": "of another kind"}
    assert world.call(agent, "POST", "/v1/transmissions", json.dumps(begun).encode()).status_code == 400
