"""What the delivery `api` and a partner know each other by, and what is said to nobody else."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from afluente.core.errors import CheckFailed
from afluente.demo.loopback.certificate import make_certificate
from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Answered, Asked, Fault, Login, PartnerBehaviour
from afluente.products.deliveries.api.webhook_signature import sign
from afluente.products.deliveries.delivery import DeliveryError
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_api_world import (
    OUTPUTS,
    PASSWORD,
    RETRIED,
    SECRETS,
    TOKEN,
    Sender,
    package,
    partner,
    received_in,
    sender,
)
from tests.integration.products_delivery_package import env

__all__ = ["package", "partner", "sender"]


def test_a_wrong_token_is_final_and_not_tried_again(tmp_path, partner, package) -> None:
    sender = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}}, secrets={"TOKEN": "wrong-canary"})
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.credentials"
    assert not caught.value.retryable
    assert "wrong-canary" not in "".join(traceback.format_exception(caught.value))
    assert [seen.status for seen in partner.behaviour.seen] == [401]
    assert received_in(partner) == []


def test_a_token_may_go_in_a_header_of_its_own(tmp_path, package) -> None:
    with PartnerApi(tmp_path / "received", login=Login(token=TOKEN, header="x-api-key")) as partner:
        Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN"), "header": "X-Api-Key"}}).deliver(package)
        assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_user_and_password_sign_in(tmp_path, package) -> None:
    with PartnerApi(tmp_path / "received", login=Login(user="aiqfome", password=PASSWORD)) as partner:
        Sender(tmp_path, {"url": partner.url, "auth": {"user": "aiqfome", "password": env("SENHA")}}).deliver(package)
        assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


class TestOAuth2:
    """Client credentials."""

    @pytest.fixture
    def partner(self, tmp_path: Path) -> Iterator[PartnerApi]:
        login = Login(client_id="aflu ente", client_secret=PASSWORD, token_life_seconds=600)
        with PartnerApi(tmp_path / "received", login=login) as partner:
            yield partner

    @pytest.fixture
    def sender(self, tmp_path: Path, partner: PartnerApi) -> Sender:
        oauth2 = {
            "token_url": partner.token_url,
            "client_id": "aflu ente",
            "client_secret": env("SENHA"),
            "scope": "a b",
        }
        return Sender(tmp_path, {"url": partner.url, "auth": {"oauth2": oauth2}})

    def tokens_asked(self, partner: PartnerApi) -> int:
        return sum(seen.path == "/token" for seen in partner.behaviour.seen)

    def test_one_token_serves_a_whole_release(self, sender, partner, package) -> None:
        sender.deliver(package)
        assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))
        assert self.tokens_asked(partner) == 1

    def test_a_refused_token_is_renewed_once(self, sender, partner, package) -> None:
        partner.behaviour.inject(Fault("twice"), Fault("token_expired"))
        sender.deliver(package)
        assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))
        assert self.tokens_asked(partner) == 2
        assert sender.waits == []

    def test_a_token_refused_again_is_final(self, sender, partner, package) -> None:
        partner.behaviour.inject(Fault("token_expired"), Fault("token_expired"))
        with pytest.raises(DeliveryError) as caught:
            sender.deliver(package)
        assert (caught.value.code, caught.value.retryable) == ("delivery.credentials", False)
        assert self.tokens_asked(partner) == 2

    def test_a_token_is_renewed_when_it_expires(self, sender, partner, package) -> None:
        partner.behaviour.inject(
            *[Fault("busy", retry_after="110")] * 5, Fault("twice"), Fault("busy", retry_after="30")
        )
        sender.deliver(package)
        assert self.tokens_asked(partner) == 2
        assert 401 not in [seen.status for seen in partner.behaviour.seen]

    def test_a_wrong_client_secret_is_final_and_never_shown(self, tmp_path, partner, package) -> None:
        oauth2 = {"token_url": partner.token_url, "client_id": "aflu ente", "client_secret": env("TOKEN")}
        with pytest.raises(DeliveryError) as caught:
            Sender(tmp_path, {"url": partner.url, "auth": {"oauth2": oauth2}}).deliver(package)
        assert caught.value.code == "delivery.credentials"
        assert TOKEN not in "".join(traceback.format_exception(caught.value))

    def test_checking_signs_in_and_sends_nothing(self, sender, partner) -> None:
        assert sender.api.check().details == {"signed_in": True}
        assert [seen.method for seen in partner.behaviour.seen] == ["POST", "OPTIONS"]
        assert received_in(partner) == []


def test_requests_carry_the_signature_of_standard_webhooks(tmp_path, package) -> None:
    asked: list[Asked] = []

    class Listening(PartnerBehaviour):
        def answer(self, one: Asked):
            asked.append(one)
            return super().answer(one)

    with PartnerApi(tmp_path / "received", faults=[Fault("cut_after")]) as partner:
        partner._server.behaviour = Listening(tmp_path / "received", faults=[Fault("cut_after")])
        Sender(tmp_path, {"url": partner.url, "webhook_secret": env("CHAVE")}).deliver(package)
    assert asked[0].headers["webhook-id"] == asked[1].headers["webhook-id"] != asked[2].headers["webhook-id"]
    for one in asked:
        signature = sign(
            SECRETS["CHAVE"],
            message_id=one.headers["webhook-id"],
            timestamp=one.headers["webhook-timestamp"],
            body=one.body,
        )
        assert one.headers["webhook-signature"] == signature


def test_checking_needs_the_right_token(tmp_path, sender, partner) -> None:
    assert sender.api.check().details == {"signed_in": True}
    assert [seen.method for seen in partner.behaviour.seen] == ["OPTIONS"]
    wrong = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}}, secrets={"TOKEN": "outro"})
    with pytest.raises(DeliveryError) as caught:
        wrong.api.check()
    assert caught.value.code == "delivery.credentials"
    assert received_in(partner) == []


def test_an_address_to_check_is_asked_by_get(tmp_path, partner) -> None:
    url = partner.url.replace("/releases", "/me")
    sender = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}, "check_url": url})
    assert sender.api.check().details == {"signed_in": True}
    assert [(seen.method, seen.path) for seen in partner.behaviour.seen] == [("GET", "/me")]


def test_no_secret_is_in_progress_receipts_errors_or_what_the_partner_keeps(tmp_path, package) -> None:
    shown: list[str] = []
    with PartnerApi(tmp_path / "received", login=Login(token=TOKEN)) as partner:
        options = {
            "url": partner.url,
            "auth": {"token": env("TOKEN")},
            "webhook_secret": env("CHAVE"),
            "max_attempts": 1,
        }
        for fault in (*RETRIED, Fault("other_payload"), Fault("token_expired")):
            sender = Sender(tmp_path, options)
            partner.behaviour.inject(fault)
            try:
                shown.append(repr(sender.deliver(package)))
            except DeliveryError as error:
                shown += ["".join(traceback.format_exception(error)), error.hint, repr(error.__dict__)]
            shown += [json.dumps(sender.saves), repr(sender.api.__dict__)]
        shown += [repr(partner.behaviour.seen), repr(partner.behaviour.login)]
    shown += [path.read_text() for path in (tmp_path / "received").iterdir()]
    text = "\n".join(shown)
    assert not [secret for secret in SECRETS.values() if secret in text or secret.removeprefix("whsec_") in text]


@pytest.mark.parametrize("start", [b"HTTP/1.1 ", b"HTTP/1.1 201 Created\r\nContent-Length: 60000\r\n\r\n"])
def test_an_answer_a_byte_at_a_time_does_not_hold_the_sender(tmp_path, package, start) -> None:
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(start)
            for _ in range(900):
                if ended.wait(0.1):
                    return
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        options = {"url": f"http://127.0.0.1:{listening.getsockname()[1]}/x", "max_attempts": 1}
        sender = Sender(tmp_path, {**options, "timeout_seconds": 60, "max_request_seconds": 0.5})
        with pytest.raises(DeliveryError, match="took too long") as caught:
            sender.deliver(package)
        ended.set()
        thread.join()
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection", True)


def test_http_to_another_machine_is_refused(tmp_path) -> None:
    with pytest.raises(CheckFailed):
        Sender(tmp_path, {"url": "http://partner.example/releases"})


def test_a_certificate_is_always_verified(tmp_path, package) -> None:
    certificate = make_certificate(tmp_path / "tls")
    with PartnerApi(tmp_path / "received", tls=certificate.server_context()) as partner:
        assert partner.url.startswith("https://")
        with pytest.raises(DeliveryError) as caught:
            Sender(tmp_path, {"url": partner.url}).deliver(package)
        assert caught.value.code == "delivery.connection_certificate"
        assert not caught.value.retryable
        assert partner.behaviour.seen == []
        Sender(tmp_path, {"url": partner.url, "ca_file": "tls/authority.pem"}).deliver(package)
        assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_credentials_are_never_sent_on_to_another_address(tmp_path, package) -> None:
    class Redirecting(PartnerBehaviour):
        def answer(self, asked):
            super().answer(asked)
            return Answered(307, b"", {"Location": f"http://127.0.0.1:{other.port}/releases"})

    with PartnerApi(tmp_path / "other") as other, PartnerApi(tmp_path / "received") as partner:
        partner._server.behaviour = Redirecting(tmp_path / "received")
        with pytest.raises(DeliveryError) as caught:
            Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}}).deliver(package)
        assert (caught.value.code, caught.value.retryable) == ("delivery.refused", False)
        assert other.behaviour.seen == []


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path, package) -> None:
    class Talking(PartnerBehaviour):
        def answer(self, asked):
            accepted = super().answer(asked)
            return Answered(accepted.status, b" " * (8 * 1024**2))

    with PartnerApi(tmp_path / "received") as partner:
        partner._server.behaviour = Talking(tmp_path / "received")
        Sender(tmp_path, {"url": partner.url}).deliver(package)
    assert_exactly_once(tmp_path / "received", package, set(OUTPUTS))
