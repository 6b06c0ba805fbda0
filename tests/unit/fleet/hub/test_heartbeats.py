"""Heartbeats keep what was said once, answer with what is newer, and find clones."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from tests.fleet_world.signing_agent import heartbeat, machine

from afluente.fleet import agents, documents, facts, remedies
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.heartbeats import MOST_FACTS_A_DAY, Cloned, register_heartbeat
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.fleet_schema import DOCUMENTS, FACTS
from afluente_agent.protocol.messages import Fact, HeartbeatAnswer, RemedyDone


def beat(world, agent, *, signer=None, learned=None, **how):
    with world.database.write() as connection:
        return register_heartbeat(
            connection,
            world.identity(agent),
            heartbeat(**how),
            at=world.clock.now(),
            signer=signer or world.signer,
            learn_activity=learned,
        )


def publish(world, content, *, kind="configuration", name="default", signer=None):
    with world.database.write() as connection:
        return documents.publish(
            connection,
            kind=kind,
            name=name,
            content=content,
            by="ana",
            at=world.clock.now(),
            signer=signer or world.signer,
        )


def told(world, site="a") -> list[tuple[str, str]]:
    with world.database.read() as connection:
        return sorted((fact.code, fact.origin) for fact in facts.of_site(connection, site))


@pytest.fixture
def agent(world):
    return world.enrol()[0]


def test_what_an_agent_says_of_itself_is_kept(world, agent):
    answer = beat(world, agent, sequence=1, pec_version="5.3.1")
    assert isinstance(answer, HeartbeatAnswer)
    with world.database.read() as connection:
        known = agents.find(connection, agent.agent)
    assert known is not None
    assert (known.sequence, known.pec_version, known.last_seen_at) == (1, "5.3.1", world.clock.now())
    assert known.heartbeat["spool"]["free_disk_bytes"] == 10**9


def test_facts_told_again_because_an_answer_was_lost_stand_once(world, agent):
    seen = (
        Fact("net.dns", world.hub_time - 60, {"host": "hub"}),
        Fact("net.dns", world.hub_time - 30, {"host": "hub"}),
    )
    beat(world, agent, sequence=1, facts=seen)
    beat(world, agent, sequence=1, facts=seen)
    beat(world, agent, sequence=2, facts=(*seen, Fact("net.proxy", world.hub_time, {})))
    assert told(world) == [("net.dns", "agent"), ("net.dns", "agent"), ("net.proxy", "agent"), ("site.enrolled", "hub")]


@pytest.mark.parametrize("at", [0, -(2**62), 2**62, 32503680000])
def test_a_fact_of_an_impossible_time_is_kept_at_the_moment_it_came(world, agent, at):
    beat(world, agent, facts=(Fact("net.dns", at, {}),))
    with world.database.read() as connection:
        [fact] = [one for one in facts.of_site(connection, "a") if one.code == "net.dns"]
    assert fact.at == world.clock.now()


def test_an_agent_that_tells_facts_without_end_fills_no_database(world, agent):
    moment = world.hub_time
    for number in range(MOST_FACTS_A_DAY // 200 + 3):
        told = tuple(Fact("net.dns", moment - number, {"n": str(one)}) for one in range(200))
        beat(world, agent, sequence=number + 1, facts=told)
    with world.database.read() as connection:
        count = sa.select(sa.func.count()).select_from(FACTS).where(FACTS.c.code == "net.dns")
        assert connection.execute(count).scalar_one() == MOST_FACTS_A_DAY
    world.clock.advance(seconds=86_400)
    beat(world, agent, sequence=900, facts=(Fact("net.dns", moment, {"n": "of another day"}),))
    with world.database.read() as connection:
        assert connection.execute(count).scalar_one() == MOST_FACTS_A_DAY + 1


def test_changes_that_the_hub_sees_become_facts(world, agent):
    beat(world, agent, sequence=1)
    beat(world, agent, sequence=2, pec_version="5.4.0", of=machine(version="1.1.0"))
    beat(world, agent, sequence=1, started_at=1_900_000_000, of=machine("b", version="1.1.0"))
    codes = {code for code, origin in told(world) if origin == "hub"}
    assert codes == {"site.enrolled", "site.pec_upgraded", "site.agent_updated", "site.machine_changed"}


def test_a_clone_is_suspended_and_audited(world, agent):
    beat(world, agent, sequence=1)
    beat(world, agent, sequence=2, of=machine("b"))
    found = beat(world, agent, sequence=2)
    assert isinstance(found, Cloned)
    assert ("site.clone", "hub") in told(world)
    with world.database.read() as connection:
        known = agents.find(connection, agent.agent)
        log = audit_chain.entries(connection, subject=f"agent/{agent.agent}")
    assert known is not None
    assert known.status == "suspended"
    assert [entry.action for entry in log] == ["agent.suspended"]


def test_a_newer_configuration_is_given_until_the_agent_has_it(world, agent):
    assert beat(world, agent, configuration_version=1).configuration is None
    version = publish(world, {"send_at": "05:00"}).version
    given = beat(world, agent, sequence=2, configuration_version=1).configuration
    assert given is not None
    content = json.loads(given.body)
    assert (content["version"], content["name"], content["send_at"]) == (version, "default", "05:00")
    assert content["hub_keys"] == list(world.signer.public_keys)
    assert beat(world, agent, sequence=3, configuration_version=version).configuration is None


def test_a_sites_own_configuration_is_before_that_of_all(world, agent):
    publish(world, {"send_at": "05:00"}, name="a")
    publish(world, {"send_at": "06:00"})
    given = beat(world, agent, configuration_version=1).configuration
    assert json.loads(given.body)["send_at"] == "05:00"


def test_an_older_document_than_the_agents_is_never_given(world, agent):
    publish(world, {"send_at": "05:00"})
    assert beat(world, agent, configuration_version=99, catalogue_version=99).configuration is None


def test_versions_only_grow_whoever_publishes_what(world):
    versions = [publish(world, {}, name=name).version for name in ("default", "a", "default", "b")]
    assert versions == sorted(set(versions))


def test_a_document_changed_in_the_database_is_never_given(world, agent):
    publish(world, {"send_at": "05:00"})
    with world.database.write() as connection:
        connection.execute(DOCUMENTS.update().values(body='{"hub_keys":["evil"],"version":2}'))
    assert beat(world, agent, configuration_version=1).configuration is None
    with world.database.read() as connection, pytest.raises(FleetError, match="not signed by a key of this hub"):
        place, _ = documents.newest_places(connection, "a")
        documents.document_at(connection, "configuration", place, signer=world.signer)


def test_a_document_of_an_older_key_of_the_hub_is_signed_anew(world, agent):
    old, new = new_signing_key(), new_signing_key()
    publish(world, {"send_at": "05:00"}, signer=HubSigner.from_texts([old]))
    both = HubSigner.from_texts([new, old])
    given = beat(world, agent, configuration_version=1, signer=both).configuration
    assert given is not None
    assert given.key == both.public_keys[0]
    assert documents.is_signed_by(given.key, given.signature, documents.signed_content("configuration", given.body))


def test_sql_that_is_no_plain_catalogue_is_not_signed(world):
    with pytest.raises(FleetError) as caught:
        publish(world, {"lists": [{"name": "x", "sql": "COPY pg_authid TO PROGRAM 'sh'"}]}, kind="catalogue")
    assert caught.value.code == "fleet.catalogue"


def test_a_remedy_is_given_until_it_is_done_and_by_its_own_site_only(world, agent):
    other, _ = world.enrol("b", machine("b", install="b"))
    with world.database.write() as connection:
        remedy = remedies.create(connection, "a", "diagnose", {}, by="ana", reason="silent", at=world.clock.now())
    for sequence in (1, 2):
        assert [one.id for one in beat(world, agent, sequence=sequence).remedies] == [remedy.id]
    with world.database.write() as connection:
        identity = AgentIdentity(other.agent, "b", other.key)
        remedies.end(connection, identity, [RemedyDone(remedy.id, "done")], at=world.clock.now())
    assert len(beat(world, agent, sequence=3).remedies) == 1
    assert beat(world, agent, sequence=4, remedies=(RemedyDone(remedy.id, "failed", "x" * 9000),)).remedies == ()
    with world.database.read() as connection:
        [ended] = remedies.listed(connection, "a")
        actions = [entry.action for entry in audit_chain.entries(connection, subject="site/a")]
    assert (ended.status, len(ended.detail)) == ("failed", 500)
    assert actions[-2:] == ["remedy.asked", "remedy.failed"]


def test_a_cancelled_remedy_is_given_no_more(world, agent):
    with world.database.write() as connection:
        at = world.clock.now()
        remedy = remedies.create(connection, "a", "resend", {}, by="ana", reason="a list is missing", at=at)
        remedies.cancel(connection, remedy.id, by="ana", reason="it came", at=at)
    assert beat(world, agent).remedies == ()
    with pytest.raises(FleetError, match="is open"), world.database.write() as connection:
        remedies.cancel(connection, remedy.id, by="ana", reason="again", at=world.clock.now())


def test_a_key_of_half_a_year_is_asked_to_be_replaced(world, agent):
    assert not beat(world, agent).needs_key_rotation
    world.clock.moment += agents.KEY_AGE * 1.01
    assert beat(world, agent, sequence=2).needs_key_rotation


def test_the_hours_of_a_site_are_learned_from_the_first_heartbeat_of_each(world, agent):
    learned: list[tuple[str, str, int]] = []

    def learn(_connection, site, zone, at):
        learned.append((site, zone, at.hour))

    for sequence in range(1, 7):
        beat(world, agent, sequence=sequence, learned=learn)
        world.clock.advance(seconds=900)
    assert learned == [("a", "America/Sao_Paulo", 11), ("a", "America/Sao_Paulo", 12)]
