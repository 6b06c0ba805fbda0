"""The sender's decisions, on both state databases: whose turn it is, what is paused, dead, or another sender's."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from products_sending_world import START, World, package_of, seen
from tests.until import PATIENCE_SECONDS, until

from afluente.core.clock import SystemClock
from afluente.core.errors import UsageError
from afluente.products.deliveries.delivery import Package
from afluente.products.deliveries.retry import Backoff
from afluente.products.delivery_checks import check_connections
from afluente.products.partner_access import pause_partner, resume_partner, revoke_partner
from afluente.products.redelivery import redeliver
from afluente.products.sending import SendOutcome, send_due
from afluente.runs.steps.workspace import Workspace
from afluente.state import deliveries


@pytest.fixture
def state(any_empty_url: str) -> str:
    return any_empty_url


@pytest.fixture
def world(tmp_path: Path, state: str) -> World:
    """Two deliveries of each release, to two folders."""
    made = World(tmp_path / "project")
    made.configure({"copia": {"folder": {"path": "saida"}}, "outra": {"folder": {"path": "outra"}}}, state=state)
    return made


def statuses(world: World) -> dict[str, str]:
    return {row.name: row.status for row in world.rows()}


def test_every_delivery_of_a_release_is_sent_and_audited(world: World) -> None:
    world.release()
    assert [(one.name, one.status) for one in world.send()] == [("copia", "delivered"), ("outra", "delivered")]
    assert seen(world.root / "saida") == seen(world.root / "outra") == world.expected()
    [first, _] = world.audit("delivery.delivered")
    assert first.subject == "delivery/vendas#1/copia"
    assert first.payload["release_id"] == "release-1"


def test_older_releases_go_first_and_no_more_than_asked(world: World) -> None:
    for number in (2, 1, 3):
        world.release(number)
    assert [(one.number, one.name) for one in world.send(limit=3)] == [(1, "copia"), (1, "outra"), (2, "copia")]
    assert world.send(names=["outro_produto"]) == []
    assert len(world.send(names=["vendas"])) == 3


def test_what_is_held_or_withdrawn_is_not_sent(world: World) -> None:
    world.release(1, status="held")
    world.release(2, status="withdrawn")
    assert world.send() == []


def test_nothing_is_sent_to_a_paused_partner_until_it_is_resumed(world: World) -> None:
    world.release()
    with world.workspace() as workspace:
        pause_partner(workspace, "marca", by="ana", reason="o contrato venceu")
    assert world.send() == []
    assert set(statuses(world).values()) == {"waiting"}
    with world.workspace() as workspace:
        resume_partner(workspace, "marca", by="bia", reason="renovado")
    assert [one.status for one in world.send()] == ["delivered", "delivered"]
    assert [(entry.action, entry.actor, entry.payload["reason"]) for entry in world.audit()[:2]] == [
        ("partner.paused", "ana", "o contrato venceu"),
        ("partner.resumed", "bia", "renovado"),
    ]
    assert [event.kind for event in world.events()][:2] == ["partner.paused", "partner.resumed"]


def test_a_revoked_partners_deliveries_are_cancelled_also_later_ones(world: World) -> None:
    world.release(1)
    with world.workspace() as workspace:
        revoke_partner(workspace, "marca", by="ana", reason="fim do contrato")
    assert set(statuses(world).values()) == {"cancelled"}
    world.release(2)
    assert world.send() == []
    assert [row.status for row in world.rows()] == ["cancelled"] * 4
    assert len(world.audit("delivery.cancelled")) == 4
    with world.workspace() as workspace, pytest.raises(UsageError) as raised:
        redeliver(workspace, "vendas", by="ana", reason="engano")
    assert raised.value.code == "partner.revoked"
    assert not (world.root / "saida").exists()


@pytest.mark.parametrize(
    ("partner", "reason", "code"),
    [("marca", " ", "partner.reason_missing"), ("outra", "x", "partner.unknown"), ("marca", "x", "partner.unchanged")],
)
def test_a_change_of_a_partner_needs_a_reason_a_partner_and_a_difference(
    world: World, partner: str, reason: str, code: str
) -> None:
    with world.workspace() as workspace, pytest.raises(UsageError) as raised:
        resume_partner(workspace, partner, by="ana", reason=reason)
    assert raised.value.code == code
    assert world.audit() == []


@pytest.fixture
def single(tmp_path: Path, state: str) -> World:
    """One delivery of each release."""
    made = World(tmp_path / "project")
    made.configure({"copia": {"folder": {"path": "saida"}}}, state=state)
    return made


def fail(_: Workspace, __: str) -> Package:
    raise ConnectionResetError("vendas-000001 of 12345678909")


def try_once(world: World, *, seconds_later: float, backoff: Backoff) -> SendOutcome:
    with world.workspace(seconds_later=seconds_later) as workspace:
        [outcome] = send_due(workspace, backoff=backoff, package_of=fail)
    return outcome


def test_a_failure_waits_longer_each_time_then_is_a_dead_letter_until_it_is_redelivered(single: World) -> None:
    single.release()
    backoff = Backoff(max_attempts=3, first_seconds=100, jitter=0)
    outcomes = [try_once(single, seconds_later=later, backoff=backoff) for later in (0, 100, 300)]
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "dead"]
    assert [outcome.next_try_at for outcome in outcomes] == [
        START + timedelta(seconds=100),
        START + timedelta(seconds=300),
        None,
    ]
    assert [event.payload["is_final"] for event in single.events("delivery.failed")] == [False, False, True]
    assert len(single.audit("delivery.dead")) == 1
    assert single.send(seconds_later=86_400) == []
    with single.workspace(seconds_later=1000) as workspace:
        [again] = redeliver(workspace, "vendas", by="ana", reason="o parceiro mendou")
    assert again.subject == "delivery/vendas#1/copia"
    outcome = try_once(single, seconds_later=1000, backoff=backoff)
    assert outcome.status == "failed", "its attempts are counted anew"
    assert [one.status for one in single.send(seconds_later=2000)] == ["delivered"]
    [entry] = single.audit("delivery.redelivered")
    assert (entry.actor, entry.payload["was"], entry.payload["reason"]) == ("ana", "dead", "o parceiro mendou")
    assert seen(single.root / "saida") == single.expected()


def test_an_unknown_failure_tells_its_kind_and_nothing_of_its_text(single: World) -> None:
    single.release()
    outcome = try_once(single, seconds_later=0, backoff=Backoff())
    assert outcome.error_code == "delivery.unknown_failure"
    assert "ConnectionResetError" in outcome.message
    assert "12345678909" not in repr((outcome, single.rows(), single.events(), single.audit()))


def test_a_sender_that_is_stopped_leaves_the_delivery_due_at_once(single: World) -> None:
    single.release()

    def stop(_: Workspace, __: str) -> Package:
        raise KeyboardInterrupt

    with single.workspace() as workspace, pytest.raises(KeyboardInterrupt):
        send_due(workspace, package_of=stop)
    assert single.events("delivery.failed") == []
    assert [one.status for one in single.send()] == ["delivered"]


@pytest.mark.parametrize(
    ("number", "names", "code"),
    [(7, (), "release.unknown"), (None, ("copai",), "delivery.unknown"), (None, (), "delivery.nothing_dead")],
)
def test_redeliver_says_what_cannot_be_sent_again(
    single: World, number: int | None, names: tuple[str, ...], code: str
) -> None:
    single.release()
    with single.workspace() as workspace, pytest.raises(UsageError) as raised:
        redeliver(workspace, "vendas", number=number, names=names, by="ana", reason="x")
    assert raised.value.code == code


def test_an_open_delivery_and_a_withdrawn_release_are_not_redelivered(single: World) -> None:
    single.release(1)
    single.release(2, status="withdrawn")
    with single.workspace() as workspace:
        with pytest.raises(UsageError) as is_open:
            redeliver(workspace, "vendas", number=1, names=["copia"], by="ana", reason="x")
        with pytest.raises(UsageError) as is_withdrawn:
            redeliver(workspace, "vendas", number=2, by="ana", reason="x")
    assert (is_open.value.code, is_withdrawn.value.code) == ("delivery.open", "release.not_released")


def test_a_delivery_that_left_the_products_file_is_final(single: World, state: str) -> None:
    single.release()
    single.configure({"nova": {"folder": {"path": "saida"}}}, state=state)
    [outcome] = single.send()
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.settings_missing")


class Held:
    """A package that is given only when it may: its sender stands in the middle of its work until then."""

    def __init__(self) -> None:
        self.reached, self.may_go_on = threading.Event(), threading.Event()

    def package_of(self, workspace: Workspace, release_id: str) -> Package:
        self.reached.set()
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        return package_of(workspace, release_id)


def in_thread(workspace: Workspace, held: Held, *, lease_seconds: float) -> tuple[threading.Thread, list[SendOutcome]]:
    outcomes: list[SendOutcome] = []

    def work() -> None:
        outcomes.extend(send_due(workspace, package_of=held.package_of, lease_seconds=lease_seconds))

    thread = threading.Thread(target=work)
    thread.start()
    assert held.reached.wait(PATIENCE_SECONDS)
    return thread, outcomes


def test_two_senders_at_once_send_once(single: World) -> None:
    single.release()
    held = Held()
    with single.workspace() as workspace:
        thread, outcomes = in_thread(workspace, held, lease_seconds=1000)
        assert single.send() == []
        held.may_go_on.set()
        thread.join()
    assert [outcome.status for outcome in outcomes] == ["delivered"]
    assert len(single.audit("delivery.delivered")) == 1


def test_many_senders_share_the_work_and_nothing_is_sent_twice(world: World) -> None:
    for number in range(1, 6):
        world.release(number, sizes=(1000,))
    outcomes: list[SendOutcome] = []
    threads = [threading.Thread(target=lambda: outcomes.extend(world.send())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = sorted((outcome.number, outcome.name) for outcome in outcomes if outcome.status == "delivered")
    assert sent == [(number, name) for number in range(1, 6) for name in ("copia", "outra")]
    assert len(world.audit("delivery.delivered")) == 10
    assert all(row.attempts == 1 for row in world.rows())


def test_the_lease_is_renewed_while_a_long_delivery_goes_on(single: World) -> None:
    single.release()
    held = Held()
    with single.workspace(clock=SystemClock()) as workspace:
        thread, outcomes = in_thread(workspace, held, lease_seconds=4.0)
        first = single.rows()[0].due_at
        try:
            until(lambda: single.rows()[0].due_at > first + timedelta(seconds=2), "a renewed lease")
        finally:
            held.may_go_on.set()
        thread.join()
    assert [outcome.status for outcome in outcomes] == ["delivered"]
    assert single.rows()[0].attempts == 1


def test_a_sender_that_lost_its_lease_writes_nothing_down(single: World) -> None:
    single.release()
    held = Held()
    with single.workspace() as workspace:
        thread, outcomes = in_thread(workspace, held, lease_seconds=100)
        assert [one.status for one in single.send(seconds_later=1000)] == ["delivered"]
        held.may_go_on.set()
        thread.join()
    assert [outcome.status for outcome in outcomes] == ["lost"]
    assert len(single.audit("delivery.delivered")) == 1
    assert single.rows()[0].attempts == 2
    assert seen(single.root / "saida") == single.expected()


def test_what_a_connector_saved_is_there_at_its_next_try(single: World) -> None:
    single.release()
    with single.workspace() as workspace, workspace.state.write() as connection:
        claimed = deliveries.claim(connection, at=START, lease_seconds=10)
        assert claimed is not None
        assert deliveries.save_progress(connection, claimed.row, {"chunk": 3})
        assert deliveries.claim(connection, at=START, lease_seconds=10) is None
        again = deliveries.claim(connection, at=START + timedelta(seconds=10), lease_seconds=10)
        assert again is not None
        assert again.row.receipt == {"chunk": 3}
        assert not deliveries.save_progress(connection, claimed.row, {"chunk": 4}), "it is another sender's"
        assert not deliveries.finish(connection, claimed.row, at=START, receipt={})
        assert deliveries.renew(connection, again.row, until=START + timedelta(seconds=60))


def test_a_folder_that_cannot_be_written_is_told_by_the_check(single: World) -> None:
    with single.workspace() as workspace:
        [found] = check_connections(workspace)
        assert found.error is None
        (single.root / "saida").write_text("a file stands where the folder has to be")
        [found] = check_connections(workspace)
    assert found.error is not None
    assert found.error.code == "delivery.refused"
