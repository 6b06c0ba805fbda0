"""The delivery `email`, and the mail that alerts are sent with, against a mail server on this machine."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from afluente.demo.loopback.certificate import Certificate, make_certificate
from afluente.demo.loopback.mail_server import MailInbox, MailLogin
from afluente.products.deliveries.delivery import DeliveryError, Package
from afluente.products.deliveries.email.deliver import Email
from afluente.watch import mail
from afluente.watch.mail import MailError, MailServer
from tests.integration.products_delivery_package import env, make_context, make_package, make_settings

PASSWORD = "x9eYJI10tERhj9BerXdG80C7"
PEOPLE = "ana@example.com, bia@example.com"
SECRETS = {"SENHA": PASSWORD, "DESTINOS": PEOPLE}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return make_package(tmp_path / "release", {"vendas_mes": 25})


@pytest.fixture
def inbox(tmp_path: Path, certificate: Certificate) -> Iterator[MailInbox]:
    login = MailLogin("aiqfome", PASSWORD)
    with MailInbox(tmp_path / "mail", login=login, tls=certificate.server_context()) as inbox:
        yield inbox


class Sender:
    """A delivery that keeps its progress."""

    def __init__(
        self, root: Path, port: int, certificate: Certificate, *, language="pt", secrets=SECRETS, **options
    ) -> None:
        given = {
            "server": "127.0.0.1",
            "port": port,
            "user": "aiqfome",
            "password": env("SENHA"),
            "from": "Dados <dados@example.com>",
            "to": env("DESTINOS"),
            "ca_file": str(certificate.authority),
            "timeout_seconds": 60,
            **options,
        }
        self.email = Email(make_settings("email", given), make_context(root, secrets, language=language))
        self.progress: Mapping[str, object] = {}

    def save(self, progress: Mapping[str, object]) -> None:
        self.progress = json.loads(json.dumps(progress))

    def deliver(self, package: Package):
        return self.email.deliver(package, progress=self.progress, save=self.save)


@pytest.fixture
def sender(tmp_path: Path, inbox: MailInbox, certificate: Certificate) -> Sender:
    return Sender(tmp_path, inbox.port, certificate)


def messages(root: Path) -> list[EmailMessage]:
    found = [
        message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted((root / "mail").glob("*.eml"))
    ]
    return [one for one in found if isinstance(one, EmailMessage)]


@pytest.mark.parametrize(("language", "word"), [("pt", "Período"), ("en", "Period")])
def test_one_message_over_starttls_in_the_projects_language(
    tmp_path, inbox, certificate, package, language, word
) -> None:
    receipt = Sender(tmp_path, inbox.port, certificate, language=language).deliver(package)
    (message,) = messages(tmp_path)
    assert f"{word}: " in message.get_body(("plain",)).get_content()
    assert [address.addr_spec for address in message["To"].addresses] == ["ana@example.com", "bia@example.com"]
    assert receipt.details["message_id"] == message["Message-ID"]
    assert "example.com" not in json.dumps({**receipt.details, "message_id": ""})


def test_a_message_sent_again_has_the_same_id_and_the_same_bytes(tmp_path, sender, inbox, package) -> None:
    inbox.inject("drop_after")
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection", True)
    sender.deliver(package)
    files = sorted((tmp_path / "mail").glob("*.eml"))
    assert [file.name[-8:] for file in files] == ["-001.eml", "-002.eml"]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len({file.name[:16] for file in files}) == 1


@pytest.mark.parametrize("fault", ["down", "busy", "drop_before", "recipient_busy"])
def test_a_fault_before_the_message_is_taken_leaves_one_message_after_the_next_try(
    tmp_path, sender, inbox, package, fault
) -> None:
    inbox.inject(*[fault] * (2 if fault == "recipient_busy" else 1))
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.retryable
    assert messages(tmp_path) == []
    sender.deliver(package)
    assert len(messages(tmp_path)) == 1


def test_a_server_that_refuses_for_good_is_final(tmp_path, sender, inbox, package) -> None:
    inbox.inject("refused")
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.refused", False)


def test_only_the_recipient_who_was_busy_is_sent_it_again(tmp_path, sender, inbox, package) -> None:
    inbox.inject("recipient_busy")
    with pytest.raises(DeliveryError, match="1 of 2 recipients") as caught:
        sender.deliver(package)
    assert caught.value.retryable
    assert "ana@example.com" not in str(caught.value)
    inbox.inject("recipient_refused")
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert not caught.value.retryable
    sender.deliver(package)
    assert len(messages(tmp_path)) == 2
    sender.deliver(package)
    assert len(messages(tmp_path)) == 2


def test_a_message_sent_again_by_hand_goes_to_everybody(tmp_path, sender, inbox, package) -> None:
    receipt = sender.deliver(package)
    sender.progress = {**receipt.details, "again": True}
    sender.deliver(package)
    assert len(messages(tmp_path)) == 2
    sender.progress = {"again": True}
    sender.deliver(package)
    assert len(messages(tmp_path)) == 3
    assert len({message["Message-ID"] for message in messages(tmp_path)}) == 1


def test_a_wrong_password_is_final_and_never_shown(tmp_path, inbox, certificate, package) -> None:
    wrong = Sender(tmp_path, inbox.port, certificate, secrets={**SECRETS, "SENHA": "canary-J81M-1d9e"})
    for call in (lambda: wrong.deliver(package), wrong.email.check):
        with pytest.raises(DeliveryError) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == ("delivery.credentials", False)
        shown = (
            "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__) + repr(wrong.email.__dict__)
        )
        assert "canary-J81M-1d9e" not in shown
    assert messages(tmp_path) == []


def test_a_certificate_that_cannot_be_verified_is_refused(tmp_path, inbox, certificate, package) -> None:
    with pytest.raises(DeliveryError) as caught:
        Sender(tmp_path, inbox.port, certificate, ca_file="").deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection_certificate", False)
    assert messages(tmp_path) == []


def test_a_server_without_starttls_is_refused(tmp_path, certificate, package) -> None:
    with MailInbox(tmp_path / "mail") as plain:
        with pytest.raises(DeliveryError) as caught:
            Sender(tmp_path, plain.port, certificate).deliver(package)
    assert caught.value.code == "delivery.connection_certificate"
    assert messages(tmp_path) == []


def test_nobody_listening_is_a_connection_to_try_again(tmp_path, certificate, package) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeliveryError) as caught:
        Sender(tmp_path, port, certificate).deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection", True)


def test_checking_signs_in_and_sends_nothing(tmp_path, sender) -> None:
    assert sender.email.check().details == {"signed_in": True, "recipients": 2}
    assert messages(tmp_path) == []


def test_a_title_with_a_line_break_adds_no_header_on_the_way(tmp_path, inbox, certificate) -> None:
    title = "Vendas\r\nBcc: intruso@example.com\r\n\r\ncorpo"
    package = make_package(tmp_path / "release", {"vendas_mes": 1}, title=title)
    Sender(tmp_path, inbox.port, certificate).deliver(package)
    (message,) = messages(tmp_path)
    assert message["Bcc"] is None
    assert "intruso@example.com" in message["Subject"]
    assert message.get_content_type() == "multipart/alternative"


def test_recipients_with_a_line_break_in_the_environment_are_refused(tmp_path, inbox, certificate, package) -> None:
    bad = Sender(tmp_path, inbox.port, certificate, secrets={**SECRETS, "DESTINOS": "a@example.com\r\nDATA"})
    with pytest.raises(DeliveryError) as caught:
        bad.deliver(package)
    assert not caught.value.retryable
    assert messages(tmp_path) == []


def test_no_secret_and_no_row_is_in_the_message_or_the_progress(tmp_path, sender, package) -> None:
    receipt = sender.deliver(package)
    text = "".join(path.read_text() for path in (tmp_path / "mail").iterdir()) + json.dumps(
        [sender.progress, receipt.details]
    )
    assert PASSWORD not in text
    assert "vendas_mes 3" not in text


def test_a_mail_server_that_comes_back_on_its_port_takes_what_waits(tmp_path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "a@example.com", "b@example.com", "<1@example.com>"
    message.set_content("olá\n.\n..fim\n")
    with MailInbox(tmp_path / "mail") as inbox:
        server = MailServer("127.0.0.1", inbox.port, "none", timeout_seconds=60)
    with pytest.raises(MailError) as caught:
        mail.send(message, server)
    assert (caught.value.code, caught.value.retryable) == ("mail.connection", True)
    with MailInbox(tmp_path / "mail", port=server.port):
        sent = mail.send(message, server)
    assert (sent.accepted, sent.refused) == (("b@example.com",), ())
    assert messages(tmp_path)[0].get_content().splitlines() == ["olá", ".", "..fim"]


def test_a_login_over_plain_text_works_on_this_machine_only(tmp_path) -> None:
    with MailInbox(tmp_path / "mail", login=MailLogin("u", "p")) as inbox:
        mail.check(MailServer("127.0.0.1", inbox.port, "none", "u", lambda: "p"))
        with pytest.raises(MailError) as caught:
            mail.check(MailServer("127.0.0.1", inbox.port, "none", "u", lambda: "q"))
        assert caught.value.code == "mail.credentials"
    with pytest.raises(MailError) as caught:
        mail.check(MailServer("mail.example.com", 25, "none", "u", lambda: "p"))
    assert caught.value.code == "mail.settings"


def test_implicit_tls_is_spoken_from_the_first_byte(tmp_path, certificate, package) -> None:
    login = MailLogin("aiqfome", PASSWORD)
    tls = certificate.server_context()
    with MailInbox(tmp_path / "mail", login=login, tls=tls, is_implicit=True) as inbox:
        Sender(tmp_path, inbox.port, certificate, security="tls").deliver(package)
    assert len(messages(tmp_path)) == 1


def test_implicit_tls_to_a_server_that_speaks_plainly_is_told_as_such(tmp_path, certificate) -> None:
    with MailInbox(tmp_path / "mail") as plain, pytest.raises(MailError) as caught:
        mail.check(MailServer("127.0.0.1", plain.port, "tls", ca_file=certificate.authority, timeout_seconds=5))
    assert caught.value.code == "mail.tls"
