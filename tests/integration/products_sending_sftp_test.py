"""Releases sent to a real SFTP server on loopback: asyncssh's always, OpenSSH's where it is installed."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from products_sending_openssh import OpenSshServer, missing_openssh
from products_sending_world import CANARY, World, package_of, seen

from afluente.demo.loopback.sftp_server import Account, Faults, SftpServer
from afluente.products.release.sshsig import make_key
from afluente.products.deliveries.delivery import DeliveryError
from afluente.products.delivery_checks import check_connections, verify_delivery
from afluente.products.deliveries.retry import Backoff
from afluente.products.redelivery import redeliver
from afluente.products.sending import SendOutcome

USER = "aiqfome"
NAME = "vendas-000001-mes1.csv"
MANIFEST = "vendas-000001.manifest.json"


@dataclass
class Partner:
    """A server that runs, what it received, and the options that sign in there."""

    inbox: Path
    options: dict[str, object]


@pytest.fixture(params=["asyncssh", "openssh"])
def partner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Partner]:
    key = make_key()
    private, public = key.private, key.public
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "key").write_text(private)
    (tmp_path / "project" / "key").chmod(0o600)
    options: dict[str, object] = {"host": "127.0.0.1", "private_key": "secret:file:key"}
    if request.param == "asyncssh":
        with SftpServer(inbox, Account(USER, public)) as server:
            yield Partner(inbox, {**options, "port": server.port, "user": USER, "host_key": server.public_host_key})
        return
    if missing := missing_openssh():
        pytest.skip(missing)
    with OpenSshServer(tmp_path / "sshd", public) as real:
        where = {"port": real.port, "user": getpass.getuser(), "folder": str(inbox)}
        yield Partner(inbox, {**options, **where, "host_key": real.public_host_key})


@pytest.fixture
def world(partner: Partner, tmp_path: Path) -> World:
    made = World(tmp_path / "project")
    made.configure({"arquivos": {"sftp": partner.options}})
    return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    """A server whose faults a test sets; key and password sign in."""
    key = make_key()
    private, public = key.private, key.public
    (tmp_path / "inbox").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "key").write_text(private)
    (tmp_path / "project" / "key").chmod(0o600)
    with SftpServer(tmp_path / "inbox", Account(USER, public, CANARY)) as started:
        yield started


def world_of(server: SftpServer, tmp_path: Path, **options: object) -> World:
    given = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": USER,
        "private_key": "secret:file:key",
        "host_key": server.public_host_key,
        **options,
    }
    world = World(tmp_path / "project")
    world.configure({"arquivos": {"sftp": {name: value for name, value in given.items() if value is not None}}})
    return world


def only(outcomes: list[SendOutcome]) -> SendOutcome:
    [outcome] = outcomes
    return outcome


def test_a_release_arrives_whole_with_its_ok_and_is_written_down_once(world: World, partner: Partner) -> None:
    world.release(sizes=(0, 17, 3_000_000))
    assert only(world.send()).status == "delivered"
    assert seen(partner.inbox) == world.expected()
    [row] = world.rows()
    assert (row.status, row.attempts, row.error_code) == ("delivered", 1, None)
    assert row.receipt["outcome"] == "placed"
    assert row.receipt["sent_bytes"] == 3_000_017 + len(world.expected()[MANIFEST]) + len("signature of 1\n")
    assert [event.subject for event in world.events("delivery.delivered")] == ["delivery/vendas#1/arquivos"]
    assert len(world.audit("delivery.delivered")) == 1
    assert world.send() == []


def test_a_connection_is_checked_without_writing(world: World, partner: Partner) -> None:
    with world.workspace() as workspace:
        [found] = check_connections(workspace)
    assert found.error is None
    assert found.receipt is not None
    assert found.receipt.details["cipher"] == "aes128-gcm@openssh.com"
    assert seen(partner.inbox) == {}


def test_a_folder_that_is_not_there_is_told_by_the_check_and_final_for_a_delivery(
    world: World, partner: Partner
) -> None:
    world.configure({"arquivos": {"sftp": {**partner.options, "folder": f"{partner.options.get('folder', '')}/outra"}}})
    with world.workspace() as workspace:
        [found] = check_connections(workspace)
    assert found.error is not None
    assert found.error.code == "delivery.refused"
    world.release()
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.refused")


def test_a_wrong_host_key_is_final_and_nothing_is_sent(world: World, partner: Partner) -> None:
    another = make_key().public
    world.configure({"arquivos": {"sftp": {**partner.options, "host_key": another}}})
    world.release()
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.host_key")
    assert "pinned host key" in outcome.message
    assert seen(partner.inbox) == {}
    [event] = world.events("delivery.failed")
    assert (event.payload["is_final"], event.payload["is_credentials"]) == (True, True)


def test_a_key_the_partner_does_not_know_is_final(world: World, partner: Partner) -> None:
    private = make_key().private
    (world.root / "key").write_text(private)
    world.release()
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.credentials")
    [event] = world.events("delivery.failed")
    assert event.payload["is_credentials"] is True


def test_a_fingerprint_pins_as_well_as_the_key(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path, host_key=server.fingerprint)
    world.release()
    assert only(world.send()).status == "delivered"
    other = "SHA256:" + "A" * 43
    world_of(server, tmp_path, host_key=other)
    world.release(2)
    assert only(world.send()).error_code == "delivery.host_key"


def test_a_password_signs_in_and_stands_nowhere(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path, private_key=None, password="secret:env:SENHA")
    world.release()
    assert only(world.send()).status == "delivered"
    server.account = Account(USER, "", "another")
    world.release(2)
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.credentials")
    written = [path.read_bytes() for path in (tmp_path / "project").rglob("*") if path.is_file()]
    assert not any(CANARY.encode() in content for content in written)
    assert CANARY not in repr((outcome, world.rows(), world.events(), world.audit()))


def test_a_user_that_is_a_secret_is_not_logged(
    server: SftpServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.account = Account(CANARY, server.account.public_key)
    world = world_of(server, tmp_path, user="secret:env:SENHA")
    world.release()
    with caplog.at_level(logging.DEBUG):
        assert only(world.send()).status == "delivered"
        server.faults = Faults(refuses_logins=True)
        world.release(2)
        assert only(world.send()).error_code == "delivery.credentials"
    assert CANARY not in caplog.text
    assert CANARY not in repr((world.rows(), world.events(), world.audit()))


def test_a_dropped_connection_is_resumed_where_it_ended(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release(sizes=(3_000_000,))
    server.faults = Faults(drop_after_bytes=1_500_000)
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("failed", "delivery.connection")
    assert not (tmp_path / "inbox" / "vendas-000001-mes0.csv").exists()
    server.faults = Faults()
    assert world.send() == [], "it waits for its backoff"
    outcome = only(world.send(seconds_later=60))
    assert outcome.status == "delivered"
    assert int(str(outcome.receipt["resumed_bytes"])) >= 1_000_000
    assert seen(tmp_path / "inbox") == world.expected()


def test_a_half_that_is_not_ours_is_written_over(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release(sizes=(10, 2_000_000))
    ours = world.expected()[NAME]
    for half in (b"x" * 900_000, ours[:700_000] + b"y" * 100_000, ours + b"more"):
        (tmp_path / "inbox" / f"{NAME}.tmp").write_bytes(half)
        (tmp_path / "inbox" / NAME).unlink(missing_ok=True)
        (tmp_path / "inbox" / "vendas-000001.ok").unlink(missing_ok=True)
        with world.workspace() as workspace:
            if world.rows()[0].status == "delivered":
                redeliver(workspace, "vendas", names=["arquivos"], by="ana", reason="perdido")
        assert only(world.send()).status == "delivered"
        assert seen(tmp_path / "inbox") == world.expected()


def test_a_truncated_upload_is_detected_and_repaired(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release(sizes=(1_000_000,))
    server.faults = Faults(lost_bytes=1000)
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("failed", "delivery.truncated")
    assert not list((tmp_path / "inbox").glob("*.ok"))
    server.faults = Faults()
    assert only(world.send(seconds_later=60)).status == "delivered"
    assert seen(tmp_path / "inbox") == world.expected()


def test_a_full_disk_at_the_partner_is_a_quota_and_tried_again(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release(sizes=(1_000_000,))
    server.faults = Faults(full_after_bytes=100_000)
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("failed", "delivery.quota")
    server.faults = Faults()
    assert only(world.send(seconds_later=60)).status == "delivered"
    assert seen(tmp_path / "inbox") == world.expected()


def test_refused_logins_are_credentials(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release()
    server.faults = Faults(refuses_logins=True)
    assert only(world.send()).error_code == "delivery.credentials"


def test_a_server_that_is_not_there_is_a_connection_and_dies_after_the_last_attempt(tmp_path: Path) -> None:
    key = make_key()
    private, public = key.private, key.public
    (tmp_path / "inbox").mkdir()
    with SftpServer(tmp_path / "inbox", Account(USER, public)) as server:
        world = world_of(server, tmp_path)
    (world.root / "key").write_text(private)
    world.release()
    backoff = Backoff(max_attempts=3)
    outcomes = [only(world.send(seconds_later=day * 86_400, backoff=backoff)) for day in range(3)]
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "dead"]
    assert {outcome.error_code for outcome in outcomes} == {"delivery.connection"}
    assert all(event.payload["is_connection"] for event in world.events("delivery.failed"))


def test_a_silent_server_is_a_timeout(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path, timeout_seconds=1)
    world.release()
    server.faults = Faults(seconds_a_write=3)
    assert only(world.send()).error_code == "delivery.timeout"


def test_without_posix_rename_a_file_is_replaced_all_the_same(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path)
    world.release()
    server.faults = Faults(without_posix_rename=True)
    (tmp_path / "inbox" / NAME).write_bytes(b"what an operator put there")
    assert only(world.send()).status == "delivered"
    assert seen(tmp_path / "inbox") == world.expected()


def test_every_byte_is_read_back_when_that_is_asked(server: SftpServer, tmp_path: Path) -> None:
    world = world_of(server, tmp_path, verify="hash")
    world.release(sizes=(600_000,))

    def spoil(operation: str, name: str) -> None:
        if operation == "fsync" and name.endswith("mes0.csv.tmp"):
            with (tmp_path / "inbox" / name).open("r+b") as file:
                file.seek(300_000)
                file.write(b"!!")

    server.on_operation = spoil
    assert only(world.send()).error_code == "delivery.truncated"
    server.on_operation = None
    assert only(world.send(seconds_later=60)).status == "delivered"
    assert seen(tmp_path / "inbox") == world.expected()


def test_a_changed_manifest_at_the_partner_is_detected(world: World, partner: Partner) -> None:
    release_id = world.release()
    world.send()
    with world.workspace() as workspace:
        settings = workspace.project.products[0].deliveries[0]
        package = package_of(workspace, release_id)
        found = verify_delivery(workspace, settings, package).details["files"]
        assert isinstance(found, dict)
        assert set(found.values()) == {"same"}
        manifest = partner.inbox / MANIFEST
        manifest.write_bytes(manifest.read_bytes().replace(b"1", b"2", 1))
        with pytest.raises(DeliveryError) as raised:
            verify_delivery(workspace, settings, package)
    assert raised.value.code == "delivery.changed"
    assert MANIFEST in raised.value.message


def test_an_ok_of_something_else_is_never_taken_for_this_release(world: World, partner: Partner) -> None:
    world.release()
    (partner.inbox / "vendas-000001.ok").write_text("0" * 64 + f"  {MANIFEST}\n")
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.changed")


def test_what_the_partner_took_away_is_not_sent_again(world: World, partner: Partner) -> None:
    world.release()
    world.send()
    for path in partner.inbox.iterdir():
        path.unlink()
    assert world.send(seconds_later=86_400) == []
    with world.workspace() as workspace:
        redeliver(workspace, "vendas", names=["arquivos"], by="ana", reason="o parceiro perdeu os arquivos")
    assert only(world.send(seconds_later=86_400)).status == "delivered"
    assert seen(partner.inbox) == world.expected()
    assert [entry.actor for entry in world.audit("delivery.redelivered")] == ["ana"]


def test_a_release_edited_after_it_was_signed_is_not_sent(world: World, partner: Partner) -> None:
    world.release()
    ours = world.root / "releases" / "vendas-000001" / "files" / NAME
    ours.write_bytes(ours.read_bytes()[:-1] + b"?")
    outcome = only(world.send())
    assert (outcome.status, outcome.error_code) == ("dead", "delivery.release_changed")
    assert NAME not in seen(partner.inbox)
