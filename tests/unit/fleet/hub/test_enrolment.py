"""Tokens are good once, for a time; an installation is new, the same, a migration or a clone."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from tests.fleet_world.signing_agent import SigningAgent, machine

from afluente.fleet import agents, enrolment, facts, heartbeats, sites
from afluente.fleet.authentication import authenticate, is_signed_by
from afluente.fleet.documents import signed_content
from afluente.fleet.refusal import FleetError, Refusal
from afluente.state import audit_chain
from afluente.state.fleet_schema import ENROLMENT_TOKENS
from tests.fleet_world.signing_agent import heartbeat


def refused(world, **how) -> str:
    with pytest.raises(Refusal) as caught:
        world.enrol(**how)
    assert caught.value.status == 403
    return caught.value.code


def codes(world, site="a") -> set[str]:
    with world.database.read() as connection:
        return {fact.code for fact in facts.of_site(connection, site)}


def beat(world, agent, **how) -> object:
    with world.database.write() as connection:
        return heartbeats.register_heartbeat(
            connection, world.identity(agent), heartbeat(**how), at=world.clock.now(), signer=world.signer
        )


def test_a_token_makes_an_agent_whose_requests_are_taken(world):
    agent, answer = world.enrol()
    assert (answer.decision, answer.site, answer.site_name) == ("new", "a", "Site a")
    assert answer.hub_keys == world.signer.public_keys
    document = answer.configuration
    assert is_signed_by(document.key, document.signature, signed_content("configuration", document.body))
    with world.database.write() as connection:
        identity = authenticate(connection, *agent.signed(at=world.hub_time), at=world.clock.now())
        assert sites.require(connection, "a").status == "active"
    assert identity == world.identity(agent)


def test_a_stolen_token_that_was_used_is_worth_nothing(world):
    token = world.token()
    world.enrol(token=token)
    assert refused(world, token=token, of=machine("thief", install="other")) == "enrolment.used"


def test_a_token_expires(world):
    token = world.token(days=1)
    world.clock.advance(seconds=86_401)
    assert refused(world, token=token) == "enrolment.expired"


def test_a_token_that_was_revoked_or_never_made_is_refused(world):
    token = world.token()
    with world.database.write() as connection:
        assert enrolment.revoke_tokens(connection, "a", by="ana", at=world.clock.now()) == 1
    assert refused(world, token=token) == "enrolment.unknown"
    assert refused(world, token="afl_" + "x" * 32) == "enrolment.unknown"


def test_a_new_token_of_a_site_takes_the_place_of_the_unused_one(world):
    first = world.token()
    second = world.token()
    assert refused(world, token=first) == "enrolment.unknown"
    assert world.enrol(token=second)[1].decision == "new"


def test_no_token_stands_in_the_database(world):
    token = world.token()
    with world.database.read() as connection:
        kept = connection.execute(sa.select(ENROLMENT_TOKENS)).all()
        log = audit_chain.entries(connection)
    assert token not in repr(kept)
    assert token not in repr(log)
    assert audit_chain.first_broken(log) is None


def test_an_enrolment_whose_answer_was_lost_is_answered_again_to_its_key_only(world):
    token = world.token()
    agent, first = world.enrol(token=token)
    _, again = world.enrol(token=token, agent=agent)
    assert (again.agent, again.key, again.decision) == (first.agent, first.key, first.decision)
    assert refused(world, token=token, agent=SigningAgent()) == "enrolment.used"


def test_a_token_is_used_once_by_two_that_race(world):
    token = world.token()
    won, lost = [], []
    gate = threading.Barrier(2)

    def race(name: str) -> None:
        gate.wait()
        try:
            won.append(world.enrol(token=token, of=machine(name, install=name))[1])
        except Refusal as refusal:
            lost.append(refusal.code)

    threads = [threading.Thread(target=race, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), lost) == (1, ["enrolment.used"])


def test_the_same_machine_is_a_reinstallation_and_the_old_one_is_replaced(world):
    old, _ = world.enrol()
    _, answer = world.enrol(of=machine(install="install-b"))
    assert answer.decision == "reinstalled"
    with world.database.read() as connection:
        found = agents.find(connection, old.agent)
    assert found is not None
    assert (found.status, found.replaced_by) == ("replaced", answer.agent)


def test_another_machine_is_a_migration_that_keeps_the_site(world):
    old, _ = world.enrol()
    _, answer = world.enrol(of=machine("b", install="install-b", disk="disk-b"))
    assert (answer.decision, answer.site) == ("migration", "a")
    assert "Migração" in answer.message_pt
    assert "site.migration" in codes(world)
    with world.database.write() as connection, pytest.raises(Refusal) as caught:
        authenticate(connection, *old.signed(at=world.hub_time), at=world.clock.now())
    assert caught.value.code == "suspended"


@pytest.mark.parametrize("other", [machine("b"), machine(disk="disk-b")], ids=["machine", "disk"])
def test_a_copy_of_an_installation_that_is_alive_is_a_clone_and_suspended(world, other):
    alive, _ = world.enrol()
    beat(world, alive)
    clone, answer = world.enrol(of=other)
    assert answer.decision == "clone"
    assert "site.clone" in codes(world)
    with world.database.write() as connection:
        assert authenticate(connection, *alive.signed(at=world.hub_time), at=world.clock.now()).agent == alive.agent
    with world.database.write() as connection, pytest.raises(Refusal) as caught:
        authenticate(connection, *clone.signed(at=world.hub_time), at=world.clock.now())
    assert caught.value.code == "suspended"


def test_a_copy_of_an_installation_that_has_been_silent_is_a_migration(world):
    old, _ = world.enrol()
    beat(world, old)
    world.clock.advance(seconds=7200)
    assert world.enrol(of=machine("b", disk="disk-b"))[1].decision == "migration"


def test_a_disk_that_cannot_be_read_makes_no_clone(world):
    world.enrol()
    assert world.enrol(of=machine(disk=""))[1].decision == "reinstalled"


def test_a_copied_key_is_refused(world):
    agent, _ = world.enrol()
    with pytest.raises(Refusal) as caught:
        world.enrol(of=machine("b", install="other"), agent=agent)
    assert caught.value.code == "key_in_use"


@pytest.mark.parametrize("key", ["", "x", "AAAA", "A" * 44, "é" * 44])
def test_what_is_no_key_is_refused_and_leaves_the_token_good(world, key):
    token = world.token()
    request = SigningAgent().request(token)
    request = type(request)(token=token, public_key=key, machine=request.machine)
    with pytest.raises(Refusal, match="Ed25519"), world.database.write() as connection:
        enrolment.enrol(connection, request, at=world.clock.now(), hub_signer=world.signer)
    assert world.enrol(token=token)[1].decision == "new"


def test_a_retired_site_is_not_enrolled(world):
    token = world.token()
    with world.database.write() as connection:
        sites.set_status(connection, "a", "retired", by="ana", reason="left", at=world.clock.now())
    assert refused(world, token=token) == "enrolment.site_retired"


def test_tokens_in_bulk_are_all_made_or_none(world):
    world.token("a")
    world.token("b")
    with world.database.write() as connection:
        made = enrolment.create_tokens(connection, ["a", "b"], by="ana", at=world.clock.now(), days=7)
    assert [site for site, _ in made] == ["a", "b"]
    assert len({token for _, token in made}) == 2
    with pytest.raises(FleetError, match="no site 'x'"), world.database.write() as connection:
        enrolment.create_tokens(connection, ["a", "x"], by="ana", at=world.clock.now(), days=7)
    assert world.enrol(token=made[0][1])[1].site == "a"
