"""The delivery `api` against a partner's API on this machine, whatever goes wrong there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from afluente.demo.loopback.partner_api import PartnerApi
from afluente.demo.loopback.partner_behaviour import Fault
from afluente.products.deliveries.delivery import DeliveryError
from tests.integration.products_api_received import assert_exactly_once
from tests.integration.products_api_world import OUTPUTS, RETRIED, Sender, package, partner, received_in, sender
from tests.integration.products_delivery_package import RELEASED_AT, env, make_file, make_package

__all__ = ["package", "partner", "sender"]


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


def test_nobody_listening_is_a_connection_to_try_again(tmp_path, package) -> None:
    with PartnerApi(tmp_path / "received") as gone:
        url = gone.url
    sender = Sender(tmp_path, {"url": url})
    with pytest.raises(DeliveryError) as caught:
        sender.deliver(package)
    assert (caught.value.code, caught.value.retryable) == ("delivery.connection", True)


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
