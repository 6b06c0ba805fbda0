"""Deliveries to an API and by e-mail, carried by the sender with its state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from afluente.demo.loopback.mail_server import MailInbox
from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Fault, Login
from afluente.products.deliveries.delivery import Package
from afluente.products.redelivery import redeliver
from afluente.products.sending import SendOutcome, send_due
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_delivery_package import make_package
from tests.integration.products_sending_world import CANARY, PRODUCT, START, World

TOKEN = "secret:env:SENHA"


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[PartnerApi]:
    with PartnerApi(tmp_path / "received", login=Login(token=CANARY)) as partner:
        yield partner


@pytest.fixture
def world(tmp_path: Path, partner: PartnerApi) -> World:
    world = World(tmp_path / "project")
    configure(world, partner, chunk_rows=10)
    world.release()
    return world


def configure(world: World, partner: PartnerApi, *, token: str = TOKEN, **options: object) -> None:
    world.configure({"api": {"api": {"url": partner.url, "auth": {"token": token}, "backoff_seconds": 0, **options}}})


def package(world: World) -> Package:
    return make_package(world.root / "package", {"mes": 95})


def send(world: World, *, seconds_later: float = 0) -> list[SendOutcome]:
    with world.workspace(seconds_later=seconds_later) as workspace:
        return send_due(workspace, package_of=lambda *_: package(world))


def send_again(world: World, *names: str) -> None:
    with world.workspace() as workspace:
        redeliver(workspace, PRODUCT, names=names, by="ana", reason="the partner asked")


def test_a_dead_letter_sent_again_with_other_chunks_doubles_nothing(world: World, partner: PartnerApi) -> None:
    partner.behaviour.inject(*[Fault("twice")] * 3, Fault("other_payload"))
    assert [outcome.status for outcome in send(world)] == ["dead"]
    configure(world, partner, chunk_rows=7)
    send_again(world)
    assert [outcome.status for outcome in send(world)] == ["delivered"]
    assert_exactly_once(partner.behaviour.folder, package(world), {"mes"})


def test_a_release_that_arrived_and_is_sent_again_doubles_nothing(world: World, partner: PartnerApi) -> None:
    assert [outcome.status for outcome in send(world)] == ["delivered"]
    configure(world, partner, chunk_rows=7)
    send_again(world, "api")
    assert [outcome.status for outcome in send(world)] == ["delivered"]
    assert len(partner.behaviour.seen) == 22
    assert_exactly_once(partner.behaviour.folder, package(world), {"mes"})


def test_the_sender_comes_back_when_the_partner_asked_it_to(world: World, partner: PartnerApi) -> None:
    partner.behaviour.inject(Fault("twice"), Fault("busy", retry_after="7200"))
    (outcome,) = send(world)
    assert outcome.status == "failed"
    assert outcome.next_try_at is not None
    assert outcome.next_try_at >= START + timedelta(seconds=7200)
    assert send(world, seconds_later=7000) == []
    assert [later.status for later in send(world, seconds_later=20_000)] == ["delivered"]
    assert_exactly_once(partner.behaviour.folder, package(world), {"mes"})


def test_refused_credentials_are_told_as_such_and_never_shown(world: World, partner: PartnerApi) -> None:
    partner.behaviour.login = Login(token="another")
    (outcome,) = send(world)
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.credentials")
    (happened,) = world.events("delivery.failed")
    assert happened.payload["is_credentials"] is True
    assert happened.payload["is_final"] is True
    assert CANARY not in repr((outcome, world.rows(), world.events(), world.audit()))
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in world.root.rglob("*") if path.is_file())


def test_mail_waits_for_its_server_and_the_state_keeps_no_address(tmp_path: Path) -> None:
    world = World(tmp_path / "project")
    with MailInbox(tmp_path / "mail") as gone:
        port = gone.port
    email = {"server": "127.0.0.1", "port": port, "security": "none", "from": "d@example.com", "to": "ana@example.org"}
    world.configure({"aviso": {"email": email}})
    world.release()
    (outcome,) = send(world)
    assert (outcome.status, outcome.error_code) == ("failed", "delivery.connection")
    assert world.events("delivery.failed")[0].payload["is_connection"] is True
    with MailInbox(tmp_path / "mail", port=port):
        assert [later.status for later in send(world, seconds_later=3600)] == ["delivered"]
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
    assert "example.org" not in repr((world.rows(), world.events(), world.audit()))
