"""A request is taken once, signed whole, by a good key, near the hub's time."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from afluente_agent.protocol.messages import KeyRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fleet_world.signing_agent import SigningAgent

from afluente.fleet import agents, nonces, sites
from afluente.fleet.authentication import authenticate
from afluente.fleet.refusal import Refusal


def attempt(world, signed, signature) -> str:
    """The code of the refusal; empty when the request was taken."""
    try:
        with world.database.write() as connection:
            authenticate(connection, signed, signature, at=world.clock.now())
    except Refusal as refusal:
        assert refusal.status == 401
        return refusal.code
    return ""


@pytest.fixture
def agent(world) -> SigningAgent:
    return world.enrol()[0]


def test_a_request_is_taken_once(world, agent):
    request = agent.signed(at=world.hub_time)
    assert attempt(world, *request) == ""
    assert attempt(world, *request) == "replay"
    assert attempt(world, *agent.signed(at=world.hub_time)) == ""


def test_of_two_that_race_with_one_nonce_one_is_taken(world, agent):
    request = agent.signed(at=world.hub_time)
    answers: list[str] = []
    gate = threading.Barrier(4)

    def race() -> None:
        gate.wait()
        answers.append(attempt(world, *request))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["", "replay", "replay", "replay"]


@pytest.mark.parametrize("seconds", [-3 * 3600, 3 * 3600, -2 * 365 * 86400, 2 * 365 * 86400, 301, -301])
def test_a_time_far_from_the_hubs_is_told_as_clock_and_costs_no_nonce(world, agent, seconds):
    late, signature = agent.signed(at=world.hub_time + seconds, nonce="n" * 20)
    assert attempt(world, late, signature) == "clock"
    assert attempt(world, *agent.signed(at=world.hub_time, nonce="n" * 20)) == ""


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_small_difference_of_clocks_is_taken(world, agent, seconds):
    assert attempt(world, *agent.signed(at=world.hub_time + seconds)) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"target": "/v1/heartbeat?x=1"},
        {"content_sha256": "0" * 64},
        {"nonce": "m" * 20},
        {"at": 1},
        {"headers": (("upload-offset", "5"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_request_changed_on_the_way_is_refused(world, agent, change):
    signed, signature = agent.signed(at=world.hub_time)
    assert attempt(world, replace(signed, **change), signature) == "bad_signature"


def test_a_request_of_one_agent_is_worth_nothing_as_anothers(world, agent):
    other, _ = world.enrol("b")
    signed, signature = agent.signed(at=world.hub_time)
    assert attempt(world, replace(signed, agent=other.agent), signature) == "unknown_key"
    assert attempt(world, replace(signed, agent=other.agent, key=other.key), signature) == "bad_signature"


def test_a_stolen_key_that_was_revoked_signs_nothing(world, agent):
    with world.database.write() as connection:
        assert agents.revoke_keys(connection, agent.agent, by="ana", reason="stolen", at=world.clock.now()) == 1
    assert attempt(world, *agent.signed(at=world.hub_time)) == "unknown_key"


def test_a_suspended_agent_is_refused_until_it_is_reinstated(world, agent):
    with world.database.write() as connection:
        agents.suspend(connection, agent.agent, by="ana", reason="looks odd", at=world.clock.now())
    assert attempt(world, *agent.signed(at=world.hub_time)) == "suspended"
    with world.database.write() as connection:
        agents.reinstate(connection, agent.agent, by="ana", reason="was right", at=world.clock.now())
    assert attempt(world, *agent.signed(at=world.hub_time)) == ""


def test_a_retired_site_sends_nothing_more(world, agent):
    with world.database.write() as connection:
        sites.set_status(connection, "a", "retired", by="ana", reason="left", at=world.clock.now())
    assert attempt(world, *agent.signed(at=world.hub_time)) == "suspended"


def test_the_old_key_is_good_for_the_overlap_after_a_new_one_came(world, agent):
    new = SigningAgent(agent.agent)
    with world.database.write() as connection:
        answer = agents.rotate_key(connection, world.identity(agent), KeyRequest(new.public_key), at=world.clock.now())
    with world.database.write() as connection:
        again = agents.rotate_key(connection, world.identity(agent), KeyRequest(new.public_key), at=world.clock.now())
    assert again.key == answer.key
    new.key = answer.key
    assert attempt(world, *agent.signed(at=world.hub_time)) == ""
    assert attempt(world, *new.signed(at=world.hub_time)) == ""
    world.clock.moment += agents.KEY_OVERLAP + timedelta(seconds=1)
    assert attempt(world, *agent.signed(at=world.hub_time)) == "unknown_key"
    assert attempt(world, *new.signed(at=world.hub_time)) == ""


def test_a_nonce_is_forgotten_only_when_its_request_would_be_too_late(world, agent):
    request = agent.signed(at=world.hub_time + 299)
    assert attempt(world, *request) == ""
    world.clock.advance(seconds=595)
    with world.database.write() as connection:
        assert nonces.forget(connection, at=world.clock.now()) == 0
    assert attempt(world, *request) == "replay"
    world.clock.advance(seconds=400)
    with world.database.write() as connection:
        assert nonces.forget(connection, at=world.clock.now()) == 1
    assert attempt(world, *request) == "clock"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signature=st.text(max_size=100), nonce=st.text(max_size=70))
def test_no_made_up_signature_or_nonce_is_taken(world, signature, nonce):
    agent, _ = world.enrol("fuzz")
    signed, right = agent.signed(at=world.hub_time)
    assert attempt(world, signed, signature) == "bad_signature"
    assert attempt(world, replace(signed, nonce=nonce), right) == "bad_signature"
