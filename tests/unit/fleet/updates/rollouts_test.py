"""Rollouts on both databases: rings, the gate, holding, taking back, and what is offered to whom."""

from __future__ import annotations


import pytest
from afluente_agent.protocol.messages import from_json
from afluente_agent.update.offer import Offer, read_offer
from tests.unit.fleet.hub.conftest import World
from tests.unit.fleet.updates.rollout_fleet import Fleet

from afluente.fleet import rollouts
from afluente.fleet.refusal import FleetError
from afluente.fleet.rollout_desk import RolloutDesk
from afluente.state import audit_chain, events


@pytest.fixture
def fleet(world: World) -> Fleet:
    made = Fleet(world)
    for site, ring in (("a", "canary"), ("b", "canary"), ("c", "early"), ("d", "general")):
        made.enrol(site, ring)
    return made


def test_only_agents_of_open_rings_are_offered_the_version(fleet: Fleet) -> None:
    fleet.start()
    assert fleet.order("a") == fleet.order("b") == ("update", "1.1.0")
    assert fleet.order("c") is None and fleet.order("d") is None


def test_a_ring_opens_when_enough_were_healthy_for_long_enough(fleet: Fleet) -> None:
    fleet.start()
    for site in "ab":
        fleet.offered(site)
        fleet.says(site, "trial 1.1.0", version="1.1.0")
    assert fleet.tend() == "wait"
    for site in "ab":
        fleet.says(site, "healthy 1.1.0", version="1.1.0")
    assert fleet.tend() == "wait"
    fleet.world.clock.advance(seconds=601)
    assert fleet.tend() == "advance"
    assert fleet.standing().ring == "early"
    assert fleet.order("c") == ("update", "1.1.0") and fleet.order("d") is None
    fleet.says("c", "healthy 1.1.0", version="1.1.0")
    fleet.world.clock.advance(seconds=601)
    assert fleet.tend() == "advance"
    assert fleet.order("d") == ("update", "1.1.0")
    fleet.says("d", "healthy 1.1.0", version="1.1.0")
    fleet.world.clock.advance(seconds=601)
    assert (fleet.tend(), fleet.standing().status) == ("advance", "done")
    assert fleet.tend() == ""
    with fleet.world.database.read() as connection:
        log = audit_chain.entries(connection)
        assert audit_chain.first_broken(log) is None
        told = [entry.action for entry in log if entry.action.startswith("rollout.")]
        kinds = [event.kind for event in events.after(connection, 0) if event.kind.startswith("update.")]
    assert told == ["rollout.started", "rollout.advanced", "rollout.advanced", "rollout.done"]
    assert kinds == [f"update.{word.replace('.', '_')}" for word in told]


@pytest.mark.parametrize("status", ["rolled_back 1.1.0 crash", "refused 1.1.0 update.disk"])
def test_a_failure_holds_the_ring_by_itself_and_the_agent_is_not_asked_again(fleet: Fleet, status: str) -> None:
    fleet.start()
    for site in "ab":
        fleet.offered(site)
    fleet.says("a", "healthy 1.1.0", version="1.1.0")
    fleet.says("b", status)
    assert fleet.tend() == "hold"
    assert fleet.standing().status == "held" and fleet.standing().ring == "canary"
    assert all(fleet.order(site) is None for site in "bcd")


def test_a_held_rollout_goes_on_when_resumed_without_counting_old_failures_again(fleet: Fleet) -> None:
    started = fleet.start()
    for site in "ab":
        fleet.offered(site)
    fleet.says("a", "healthy 1.1.0", version="1.1.0")
    fleet.says("b", "rolled_back 1.1.0 no_hub")
    assert fleet.tend() == "hold"
    fleet.world.clock.advance(seconds=700)
    desk = RolloutDesk(fleet.world.database, fleet.world.clock)
    assert desk.resume(started.id, by="ana", reason="its line was down")["status"] == "going"
    assert fleet.tend() == "advance"


def test_taking_back_orders_back_those_who_have_it_and_offers_it_to_nobody(fleet: Fleet) -> None:
    started = fleet.start()
    for site in "ab":
        fleet.offered(site)
    fleet.says("a", "healthy 1.1.0", version="1.1.0")
    desk = RolloutDesk(fleet.world.database, fleet.world.clock)
    shown = desk.roll_back(started.id, by="ana", reason="wrong lists")
    assert (shown["status"], shown["previous"]) == ("rolled_back", "1.0.0")
    document = fleet.offered("a")
    assert document is not None
    order = from_json(Offer, document.body.encode())
    assert (order.action, order.version, order.leaving) == ("roll_back", "1.0.0", "1.1.0")
    assert all(fleet.order(site) is None for site in "bcd")
    with pytest.raises(FleetError, match="was rolled back"):
        fleet.start("1.1.0")
    with pytest.raises(FleetError):
        desk.resume(started.id, by="ana", reason="again")


def test_an_offer_is_signed_for_its_agent_only(fleet: Fleet) -> None:
    fleet.start()
    document = fleet.offered("a")
    assert document is not None
    keys, at = fleet.world.signer.public_keys, fleet.world.hub_time
    agent = fleet.identities["a"].agent
    assert read_offer(document, agent=agent, hub_keys=keys, hub_time=at, newest_number=0).version == "1.1.0"
    from afluente_agent.errors import UpdateError

    with pytest.raises(UpdateError):
        read_offer(document, agent=fleet.identities["b"].agent, hub_keys=keys, hub_time=at, newest_number=0)


def test_health_is_believed_only_from_the_version_itself(fleet: Fleet) -> None:
    started = fleet.start()
    fleet.offered("a")
    fleet.says("a", "healthy 1.1.0", version="1.0.0")
    with fleet.world.database.read() as connection:
        assert rollouts.counts(connection, started.id) == {"canary": {"offered": 1}}


def test_one_rollout_at_a_time_and_only_forward(fleet: Fleet) -> None:
    with pytest.raises(FleetError, match="not newer"):
        fleet.start("0.9.0")
    fleet.start()
    with pytest.raises(FleetError, match="is being rolled out"):
        fleet.start("1.2.0")


def test_an_agent_that_comes_late_is_offered_what_is_done(fleet: Fleet) -> None:
    started = fleet.start(rings=("canary",))
    for site in "ab":
        fleet.offered(site)
        fleet.says(site, "healthy 1.1.0", version="1.1.0")
    fleet.world.clock.advance(seconds=601)
    fleet.enrol("e", "general")
    assert fleet.order("e") == ("update", "1.1.0")
    assert started.rings == ("canary",)
