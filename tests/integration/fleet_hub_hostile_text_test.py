"""Texts and addresses that no database takes as they come: both doors refuse them, and none is a defect of the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from afluente_agent.protocol.messages import KeyRequest, SlotRequest, TransmissionStart, to_json
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.signing_agent import SigningAgent, heartbeat, machine

from afluente.core.clock import SystemClock
from afluente.fleet.admission import Admission
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.uploads import Uploads
from afluente.hub.settings import HubSettings
from afluente.state.database import Database

MARK = "MARK"
ODD_TEXTS = ("\ud800", "a\udfffb", "\0", "a\0b", "\U0010ffff", "\u202e", "á" * 4096, "x" * 4097, "")
ODD_VALUES = (
    *ODD_TEXTS, None, True, 1e400, -1, 2**63, 2**64, 1.5, [], {}, [MARK], {MARK: MARK}, "1", "-1", "0x1", "١",
)  # fmt: skip
ODD_SEGMENTS = (
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "%c0%af",
    "%2e%2e",
    "..",
    "%2e%2e%2f",
    "%5c",
    "a;b",
    "a%0d%0ab",
    "a" * 1500,
)
START = TransmissionStart(
    "01900000-0000-7000-8000-000000000001", "pessoas", "full", "", 3, 10, "0" * 64, 1, "ab", ("a", "b"), 1_800_000_000
)


@pytest.fixture
def world(any_database: Database, tmp_path: Path) -> Iterator[HubWorld]:
    clock = SystemClock()
    landing = LandingStore(tmp_path / "landing", LandingKeys(bytes(range(32))))
    uploads = Uploads(any_database, landing, clock)
    patient = HubSettings(enrolments_a_minute=1_000_000)
    admission = Admission(any_database, clock)
    with hub(any_database, tmp_path, settings=patient, uploads=uploads, admission=admission) as started:
        yield started


def changed(message: object, value: object) -> Iterator[bytes]:
    """The message with this value in the place of each of its own, one after the other."""
    whole = json.loads(to_json(message))

    def places(node: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, inner in items:
            yield (*path, key)
            yield from places(inner, (*path, key))

    for *folder, last in list(places(whole)):
        copy = json.loads(to_json(message))
        node = copy
        for key in folder:
            node = node[key]
        node[last] = value
        yield json.dumps(copy).encode()


def test_no_value_in_a_message_is_a_defect_of_the_hub(world: HubWorld) -> None:
    stranger, agent = SigningAgent(), world.enrol()
    messages = (
        ("/v1/heartbeat", heartbeat()),
        ("/v1/slot", SlotRequest(10, 1, 0)),
        ("/v1/transmissions", START),
        ("/v1/keys", KeyRequest(SigningAgent().public_key)),
    )
    seen = set()
    for value in ODD_VALUES:
        for body in changed(stranger.request(world.token("b"), machine("b")), value):
            address = f"{world.server.agents_address}/v1/enrol"
            seen.add(("/v1/enrol", value if isinstance(value, str) else "", world.client.post(address, content=body)))
        for target, message in messages:
            for body in changed(message, value):
                seen.add((target, value if isinstance(value, str) else "", world.call(agent, "POST", target, body)))
    assert {(target, repr(value), answer.text) for target, value, answer in seen if answer.status_code >= 500} == set()


def test_a_fact_with_a_broken_character_is_refused_and_none_of_ours_has_one(world: HubWorld) -> None:
    agent = world.enrol()
    for broken in ("\ud800", "caf\udce9"):
        body = to_json(heartbeat()).replace(b'"5.3.1"', json.dumps(broken).encode())
        answer = world.call(agent, "POST", "/v1/heartbeat", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_message")
    assert world.call(agent, "POST", "/v1/heartbeat", to_json(heartbeat(pec_version="caf\udce9"))).status_code == 200


def test_no_address_is_a_defect_of_the_hub(world: HubWorld) -> None:
    agent = world.enrol()
    failed = set()
    for segment in ODD_SEGMENTS:
        for method, target in (
            ("DELETE", f"/v1/slot/{segment}"),
            ("GET", f"/v1/transmissions/{segment}"),
            ("GET", f"/updates/{segment}"),
            ("GET", f"/updates/{segment}?{segment}"),
        ):
            answer = world.call(agent, method, target)
            if answer.status_code >= 500:
                failed.add((method, target, answer.text))
        for method, path in (
            ("GET", f"/v1/sites/{segment}"),
            ("GET", f"/v1/sites/{segment}/facts"),
            ("GET", f"/v1/access?site={segment}&before={segment}"),
            ("GET", f"/v1/audit?before={segment}"),
            ("POST", f"/v1/agents/{segment}/suspend"),
            ("POST", f"/v1/operators/{segment}/revoke"),
        ):
            answer = world.operate("administrator", method, path, {"reason": "teste"} if method == "POST" else None)
            if answer.status_code >= 500:
                failed.add((method, path, answer.text))
    assert failed == set()
