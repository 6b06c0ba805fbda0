"""A site's own configuration: the plan learned of its hours, told when it moves, within what operators published."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from afluente_agent.protocol.messages import RemedyDone, SignedDocument
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.signing_agent import heartbeat, machine

from afluente.fleet import activity, documents, remedies
from afluente.fleet.activity import ActiveHours
from afluente.fleet.heartbeats import register_heartbeat
from afluente.fleet.send_plan import MOVE_MINUTES, SendPlan, learned_plan, settled_plan
from afluente.state.fleet_schema import ACTIVITY, DOCUMENTS, SITE_CONFIGURATIONS

MONDAY = datetime(2026, 8, 31, 3, tzinfo=UTC)
AFTERNOONS = [day * 24 + hour for day in range(5) for hour in range(13, 17)]


def seen(world, hours: list[int], *, weeks: int, site: str = "a") -> None:
    """The site was seen on at these hours of the week, in the weeks before the clock's."""
    with world.database.write() as connection:
        for week in range(weeks, 0, -1):
            for hour in hours:
                at = MONDAY - timedelta(weeks=week) + timedelta(hours=hour, minutes=20)
                activity.learn(connection, site, "America/Sao_Paulo", at)


def beat(world, agent, *, version: int, sequence: int = 1, site: str = "a") -> SignedDocument | None:
    with world.database.write() as connection:
        answer = register_heartbeat(
            connection,
            world.identity(agent, site),
            heartbeat(sequence=sequence, configuration_version=version),
            at=world.clock.now(),
            signer=world.signer,
            learn_activity=activity.learn,
        )
    return answer.configuration


def publish(world, content, *, name: str = "default") -> int:
    with world.database.write() as connection:
        return documents.publish(
            connection, kind="configuration", name=name, content=content, by="ana", at=world.clock.now(),
            signer=world.signer,
        ).version  # fmt: skip


@pytest.fixture
def agent(world):
    return world.enrol()[0]


def told(document: SignedDocument | None) -> dict[str, object]:
    assert document is not None
    return json.loads(document.body)


def test_a_site_on_only_on_afternoons_of_weekdays_is_told_moments_in_them(world, agent) -> None:
    seen(world, AFTERNOONS, weeks=3)
    given = beat(world, agent, version=1)
    content = told(given)
    plan = content["send_plan"]
    assert plan["zone_minutes"] == -180
    assert plan["times"][5:] == ["", ""]
    assert all("13:00" <= text < "17:00" for text in plan["times"][:5])
    assert (content["name"], content["version"], content["based_on"]) == ("a", given.version, 1)
    signed = documents.signed_content("configuration", given.body)
    assert documents.is_signed_by(given.key, given.signature, signed)


@pytest.mark.parametrize("weeks", [0, 1])
def test_a_site_of_which_little_is_known_keeps_the_spread_of_all(world, agent, weeks: int) -> None:
    seen(world, AFTERNOONS, weeks=weeks)
    assert beat(world, agent, version=1) is None


def test_no_version_is_made_while_the_plan_stands(world, agent) -> None:
    seen(world, AFTERNOONS, weeks=3)
    version = told(beat(world, agent, version=1))["version"]
    for day in range(1, 4):
        world.clock.advance(seconds=86400)
        assert beat(world, agent, version=version, sequence=1 + day) is None
    with world.database.write() as connection:
        connection.execute(ACTIVITY.delete())
    seen(world, [hour - 6 for hour in AFTERNOONS], weeks=3)
    world.clock.advance(seconds=86400)
    moved = told(beat(world, agent, version=version, sequence=9))
    assert moved["version"] > version
    assert all("07:00" <= text < "11:00" for text in moved["send_plan"]["times"][:5])


def test_what_operators_publish_reaches_a_site_with_a_plan_and_keeps_its_version(world, agent) -> None:
    seen(world, AFTERNOONS, weeks=3)
    first = told(beat(world, agent, version=1))
    published = publish(world, {"heartbeat_seconds": 600})
    assert published > first["version"]
    second = told(beat(world, agent, version=first["version"], sequence=2))
    assert (second["based_on"], second["heartbeat_seconds"]) == (published, 600)
    assert second["send_plan"] == first["send_plan"]
    assert second["version"] > published
    own = publish(world, {"heartbeat_seconds": 700}, name="a")
    third = told(beat(world, agent, version=second["version"], sequence=3))
    assert (third["based_on"], third["heartbeat_seconds"]) == (own, 700)


def test_a_new_agent_of_a_known_site_is_told_the_plan_at_its_enrolment(world, agent) -> None:
    seen(world, AFTERNOONS, weeks=3)
    first = told(beat(world, agent, version=1))
    _, answer = world.enrol()
    assert told(answer.configuration) == first


def test_a_plan_changed_in_the_database_is_never_given(world, agent) -> None:
    seen(world, AFTERNOONS, weeks=3)
    first = beat(world, agent, version=1)
    with world.database.write() as connection:
        connection.execute(SITE_CONFIGURATIONS.update().values(body=first.body.replace("based_on", "based_0n")))
    again = beat(world, agent, version=1, sequence=2)
    assert told(again)["based_on"] == 1
    assert again.version > first.version
    publish(world, {})
    with world.database.write() as connection:
        connection.execute(DOCUMENTS.update().values(body="{}"))
    assert beat(world, agent, version=again.version, sequence=3) is None


@given(before=st.integers(0, 1439), moved=st.integers(-200, 200))
def test_a_plan_is_told_anew_when_it_moves_by_more_than_the_bound(before: int, moved: int) -> None:
    def plan(minutes: int) -> SendPlan:
        return SendPlan(-180, (f"{minutes // 60:02}:{minutes % 60:02}", *[""] * 6))

    after = min(max(before + moved, 0), 1439)
    settled = settled_plan(plan(before), plan(after))
    assert settled == plan(after if abs(after - before) > MOVE_MINUTES else before)
    assert settled_plan(plan(before), None) == plan(before)


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 20), count=st.integers(1, 10), prefix=st.text(max_size=8), sites=st.integers(200, 600))
def test_the_moments_of_many_sites_spread_over_their_hours(first: int, count: int, prefix: str, sites: int) -> None:
    day = ActiveHours("America/Sao_Paulo", {hour: 3.0 for hour in range(first, min(first + count, 24))})
    held: dict[str, int] = {}
    for number in range(sites):
        plan = learned_plan(day, f"{prefix}{number}", at=MONDAY)
        assert plan is not None
        assert plan.times[1:] == ("",) * 6
        held[plan.times[0]] = held.get(plan.times[0], 0) + 1
    mean = sites / (len(day.weights) * 60 - 5)
    assert max(held.values()) <= mean * 12 / 11 + 6 * mean**0.5 + 6
    assert {int(moment[:2]) for moment in held} == set(day.weights)


def test_configurations_made_while_operators_publish_have_each_a_version_of_its_own(world) -> None:
    names = [f"s{number}" for number in range(6)]
    agents = {name: world.enrol(name, machine(name, install=f"i-{name}", disk=f"d-{name}"))[0] for name in names}
    for name in names:
        seen(world, AFTERNOONS, weeks=3, site=name)
    asked: dict[str, str] = {}
    with world.database.write() as connection:
        for name in names:
            remedies.create(connection, name, "diagnose", {}, by="ana", reason="teste", at=world.clock.now())
            [one] = remedies.listed(connection, name)
            asked[name] = one.id

    def beats(name: str) -> list[int]:
        done = (RemedyDone(asked[name], "done"),)
        versions = [1]
        for sequence in range(1, 7):
            with world.database.write() as connection:
                answer = register_heartbeat(
                    connection,
                    world.identity(agents[name], name),
                    heartbeat(sequence=sequence, configuration_version=versions[-1], remedies=done),
                    at=world.clock.now(),
                    signer=world.signer,
                )
            if answer.configuration is not None:
                versions.append(answer.configuration.version)
        return versions[1:]

    def publishes(_name: str) -> list[int]:
        return [publish(world, {"heartbeat_seconds": 600 + number}) for number in range(6)]

    with ThreadPoolExecutor(len(names) + 1) as pool:
        told_versions = list(pool.map(lambda name: (publishes if name == "" else beats)(name), ["", *names]))
    assert all(versions == sorted(set(versions)) and versions for versions in told_versions)
    every = [version for versions in told_versions for version in versions]
    assert len(every) == len(set(every))


def test_a_secret_that_was_once_published_in_clear_is_given_to_nobody(world, agent) -> None:
    version = publish(world, {"heartbeat_seconds": 600})
    body = documents.configuration_body({"pseudonym_key": "AAAA"}, name="default", version=version)
    document = world.signer.sign("configuration", version, body)
    with world.database.write() as connection:
        connection.execute(DOCUMENTS.update().values(body=body, signature=document.signature))
    assert beat(world, agent, version=1) is None
