"""The delivery `api` against a partner's API on this machine, whatever goes wrong there."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from afluente.core.clock import SetClock
from afluente.core.errors import CheckFailed
from afluente.demo.loopback.certificate import make_certificate
from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Answered, Asked, Fault, Login, PartnerBehaviour
from afluente.products.deliveries.api.deliver import Api
from afluente.products.deliveries.api.webhook_signature import sign
from afluente.products.deliveries.delivery import DeliveryError, Package, Receipt
from tests.integration.products_api_received import assert_exactly_once, received
from tests.integration.products_delivery_package import (
    RELEASED_AT,
    env,
    make_context,
    make_file,
    make_package,
    make_settings,
)

TOKEN = "tok-canary-izI32-vwq5"
PASSWORD = "x9eYJI10tERhj9BerXdG80C7"
SECRETS = {
    "TOKEN": TOKEN,
    "SENHA": PASSWORD,
    "CHAVE": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
OUTPUTS = {"vendas_mes": 25, "vendas_dia": 7}


class Sender:
    """A delivery with a clock that only moves when it waits."""

    def __init__(
        self, root: Path, options: Mapping[str, object], *, secrets: Mapping[str, str] = SECRETS, **chosen
    ) -> None:
        self.clock = SetClock(RELEASED_AT)
        self.waits: list[float] = []
        self.progress: Mapping[str, object] = {}
        self.saves: list[Mapping[str, object]] = []
        self.api = Api(
            make_settings("api", {"backoff_seconds": 1, "chunk_rows": 10, **options}, **chosen),
            make_context(root, secrets, clock=self.clock),
            sleep=self._wait,
        )

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds=seconds)

    def _save(self, progress: Mapping[str, object]) -> None:
        self.progress = json.loads(json.dumps(progress))
        self.saves.append(self.progress)

    def deliver(self, package: Package) -> Receipt:
        return self.api.deliver(package, progress=self.progress, save=self._save)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return make_package(tmp_path / "release", OUTPUTS)


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[PartnerApi]:
    with PartnerApi(tmp_path / "received", login=Login(token=TOKEN)) as partner:
        yield partner


@pytest.fixture
def sender(tmp_path: Path, partner: PartnerApi) -> Sender:
    return Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}, "timeout_seconds": 60})


def received_in(partner: PartnerApi) -> list[dict]:
    return received(partner.behaviour.folder)


def test_a_release_arrives_in_chunks_and_is_completed_with_its_manifest(sender, partner, package) -> None:
    receipt = sender.deliver(package)
    assert receipt.details == {
        "chunk_rows": 10,
        "chunk_bytes": 4 * 1024**2,
        "outputs": {"vendas_mes": {"chunks": 3, "rows": 25}, "vendas_dia": {"chunks": 1, "rows": 7}},
    }
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))
    one = next(one for one in received_in(partner) if one.get("output") == "vendas_dia")
    assert one["release"] == package.release_id
    assert one["product"] == "vendas_ouchhungry"
    assert one["columns"] == ["dia", "municipio", "receita"]
    last = next(one for one in received_in(partner) if one.get("complete"))
    assert last["manifest"] == package.manifest.read_text()
    assert last["signature"] == package.signature.read_text()
    assert [seen.status for seen in partner.behaviour.seen] == [201] * 5


def test_keys_are_quoted_and_name_release_output_chunk_and_payload(sender, partner, package) -> None:
    sender.deliver(package)
    keys = [seen.key for seen in partner.behaviour.seen]
    assert len(set(keys)) == 5
    assert all(key.startswith(f'"{package.release_id}/') and key.endswith('"') for key in keys)
    assert keys[0].split("/")[1:3] == ["vendas_mes", "1"]
    assert len(keys[0].split("/")[3].strip('"')) == 64


RETRIED = [
    Fault("cut_before"),
    Fault("cut_after"),
    Fault("busy"),
    Fault("busy", retry_after="7"),
    Fault("error_before"),
    Fault("error_after"),
    Fault("error_before", retry_after="3"),
    Fault("in_flight"),
    Fault("twice"),
]


@pytest.mark.parametrize("fault", RETRIED, ids=lambda fault: fault.kind + fault.retry_after)
@pytest.mark.parametrize("position", [0, 2, 4], ids=["first", "middle", "complete"])
def test_each_fault_leaves_exactly_one_copy_of_each_chunk(sender, partner, package, fault, position) -> None:
    partner.behaviour.inject(*[Fault("twice")] * position, fault)
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_every_fault_in_a_row_leaves_exactly_one_copy_of_each_chunk(sender, partner, package) -> None:
    partner.behaviour.inject(*[fault for pair in zip(RETRIED, reversed(RETRIED), strict=True) for fault in pair][:10])
    for _ in range(4):
        try:
            sender.deliver(package)
            break
        except DeliveryError as error:
            assert error.retryable
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


@pytest.mark.parametrize("kind", ["slow_before", "slow_after"])
def test_a_request_that_times_out_is_sent_again_with_the_same_key(tmp_path, partner, package, kind) -> None:
    options = {"url": partner.url, "auth": {"token": env("TOKEN")}, "timeout_seconds": 0.3, "max_attempts": 50}
    sender = Sender(tmp_path, options)
    partner.behaviour.inject(Fault(kind, seconds=90))
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))
    assert partner.behaviour.seen[0].key == partner.behaviour.seen[1].key


def test_an_answer_sent_twice_is_not_taken_for_that_of_the_next_chunk(sender, partner, package) -> None:
    partner.behaviour.inject(Fault("twice"), Fault("error_before"), Fault("twice"), Fault("cut_before"))
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_retry_after_in_seconds_and_as_a_date_is_waited_for(sender, partner, package) -> None:
    later = format_datetime((RELEASED_AT + timedelta(seconds=17 + 42)).astimezone(UTC), usegmt=True)
    partner.behaviour.inject(
        Fault("busy", retry_after="17"), Fault("error_before", retry_after=later), Fault("error_before"), Fault("busy")
    )
    sender.deliver(package)
    assert sender.waits == [17, 42, 4, 8]


def test_a_retry_after_longer_than_a_try_may_wait_is_left_to_a_later_one(sender, partner, package) -> None:
    partner.behaviour.inject(Fault("twice"), Fault("busy", retry_after="3600"))
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.api_busy"
    assert (caught.value.retryable, caught.value.retry_after_seconds) == (True, 3600)
    assert sender.waits == []
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_a_server_that_stays_broken_is_given_up_as_retryable(sender, partner, package) -> None:
    partner.behaviour.inject(*[Fault("error_before")] * 6)
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.api_server_error"
    assert caught.value.retryable
    assert sender.waits == [1, 2, 4, 8, 16]


def test_the_time_of_one_try_is_bounded(tmp_path, partner, package) -> None:
    options = {"url": partner.url, "auth": {"token": env("TOKEN")}, "max_total_seconds": 20, "max_attempts": 50}
    sender = Sender(tmp_path, options)
    partner.behaviour.inject(*[Fault("error_before")] * 40)
    with pytest.raises(DeliveryError):
        sender.deliver(package)
    assert sum(sender.waits) <= 20


def test_another_payload_under_the_key_is_final(sender, partner, package) -> None:
    partner.behaviour.inject(Fault("other_payload"))
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.api_other_payload"
    assert not caught.value.retryable
    assert len(partner.behaviour.seen) == 1


def test_a_wrong_token_is_final_and_not_tried_again(tmp_path, partner, package) -> None:
    sender = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}}, secrets={"TOKEN": "wrong-canary"})
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.credentials"
    assert not caught.value.retryable
    assert "wrong-canary" not in "".join(traceback.format_exception(caught.value))
    assert [seen.status for seen in partner.behaviour.seen] == [401]
    assert received_in(partner) == []


def test_nobody_listening_is_a_connection_to_try_again(tmp_path, package) -> None:
    with PartnerApi(tmp_path / "received") as gone:
        url = gone.url
    sender = Sender(tmp_path, {"url": url})
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection", True)


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


def test_progress_is_saved_after_each_chunk_and_a_restart_goes_on(sender, partner, package) -> None:
    partner.behaviour.inject(Fault("twice"), Fault("twice"), Fault("other_payload"))
    with pytest.raises(DeliveryError):
        sender.deliver(package)
    assert sender.progress["accepted"] == {"vendas_mes": 2}
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))
    assert len(partner.behaviour.seen) == 6


def test_a_restart_keeps_the_chunks_it_began_with(tmp_path, sender, partner, package) -> None:
    partner.behaviour.inject(Fault("twice"), Fault("other_payload"))
    with pytest.raises(DeliveryError):
        sender.deliver(package)
    other = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}, "chunk_rows": 3})
    other.progress = sender.progress
    other.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_what_was_accepted_and_not_saved_is_not_doubled(sender, partner, package) -> None:
    sender.deliver(package)
    sender.progress = {}
    sender.deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_a_delivery_sent_again_by_hand_asks_the_partner_about_everything(tmp_path, sender, partner, package) -> None:
    receipt = sender.deliver(package)
    before = len(partner.behaviour.seen)
    again = Sender(tmp_path, {"url": partner.url, "auth": {"token": env("TOKEN")}, "chunk_rows": 3})
    again.progress = {**receipt.details, "again": True}
    again.deliver(package)
    assert len(partner.behaviour.seen) == 2 * before
    assert_exactly_once(partner.behaviour.folder, package, set(OUTPUTS))


def test_chosen_outputs_only(tmp_path, partner, package) -> None:
    options = {"url": partner.url, "auth": {"token": env("TOKEN")}}
    Sender(tmp_path, options, outputs=("vendas_mes",)).deliver(package)
    assert_exactly_once(partner.behaviour.folder, package, {"vendas_mes"})


def test_rows_are_read_from_parquet_when_there_are_no_json_lines(tmp_path, sender, partner, package) -> None:
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "dia": pa.array([datetime(2026, 6, 1).date(), None]),
            "receita": pa.array([Decimal("10.20"), None], pa.decimal128(12, 2)),
            "cidade": ["São Paulo", '"=1+1"'],
        }
    )
    pq.write_table(table, tmp_path / "made.parquet")
    file = make_file(tmp_path, "vendas_mes", "parquet", (tmp_path / "made.parquet").read_bytes(), rows=2)
    sender.deliver(replace(package, files=(file,)))
    chunk = next(one for one in received_in(partner) if "rows" in one)
    assert chunk["rows"] == [
        {"dia": "2026-06-01", "receita": 10.2, "cidade": "São Paulo"},
        {"dia": None, "receita": None, "cidade": '"=1+1"'},
    ]


def test_an_output_without_rows_is_one_empty_chunk(tmp_path, sender, partner) -> None:
    sender.deliver(make_package(tmp_path / "vazio", {"vendas_mes": 0}))
    assert [one["rows"] for one in received_in(partner) if "rows" in one] == [[]]


def test_a_file_that_changed_after_the_release_is_never_sent(sender, partner, package) -> None:
    package.files[-1].path.write_bytes(package.files[-1].path.read_bytes().replace(b"1.25", b"9.25"))
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.release_changed"
    assert partner.behaviour.seen == []


def test_an_output_without_rows_to_read_is_refused_before_anything_is_sent(sender, partner, package) -> None:
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(replace(package, files=tuple(file for file in package.files if file.format == "csv")))
    assert caught.value.code == "delivery.api_formats"
    assert partner.behaviour.seen == []


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


def test_a_chunk_with_a_row_that_is_too_large_is_refused_before_anything_is_sent(
    tmp_path, sender, partner, package
) -> None:
    content = b'{"a": "' + b"x" * (4 * 1024**2) + b'"}\n'
    huge = make_file(tmp_path, "vendas_mes", "jsonl", content, rows=1)
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(replace(package, files=(huge,)))
    assert caught.value.code == "delivery.api_row_too_large"
    assert partner.behaviour.seen == []


def test_a_last_request_that_is_larger_than_a_chunk_is_refused_before_anything_is_sent(
    sender, partner, package
) -> None:
    package.manifest.write_text(json.dumps({"note": "x" * 4 * 1024**2}), encoding="utf-8")
    with pytest.raises(DeliveryError, match="more than the 4194304 of a chunk") as caught:
        sender.deliver(package)
    assert caught.value.code == "delivery.api_complete_too_large"
    assert partner.behaviour.seen == []


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
