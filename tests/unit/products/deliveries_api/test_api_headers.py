"""What stands in the headers: keys, signatures, and how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.deliveries.api.idempotency import chunk_key, completion_key, quoted
from afluente.products.deliveries.api.retry_after import MAX_SECONDS, retry_after_seconds
from afluente.products.deliveries.api.webhook_signature import sign, signature_headers

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_that_of_the_standards_example() -> None:
    found = signature_headers(
        SECRET,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_that_is_not_base64_is_not_shown() -> None:
    with pytest.raises(ValueError) as caught:
        sign("whsec_não é base64", message_id="m", timestamp="1", body=b"")
    assert "base64" in str(caught.value)
    assert "não é" not in str(caught.value)


def test_keys_differ_by_release_output_chunk_and_payload() -> None:
    keys = {
        chunk_key(release, output, chunk, payload)
        for release in ("r1", "r2")
        for output in ("a", "complete")
        for chunk in (1, 2)
        for payload in (b"x", b"y")
    }
    assert len(keys | {completion_key("r1", b"x"), completion_key("r2", b"x")}) == 18


def test_a_key_is_quoted_as_a_structured_field_string() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    with pytest.raises(ValueError):
        quoted("a\r\nX-Other: 1")
    with pytest.raises(ValueError):
        quoted("ação")


@given(st.one_of(st.text(), st.integers().map(str), st.datetimes().map(lambda moment: format_datetime(moment))))
@settings(max_examples=300)
def test_retry_after_is_never_an_error_and_always_bounded(written) -> None:
    seconds = retry_after_seconds(written, now=NOW)
    assert seconds is None or 0 <= seconds <= MAX_SECONDS


@given(st.integers(0, 600_000))
def test_retry_after_says_the_same_in_seconds_and_as_a_date(seconds) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(str(seconds), now=NOW) == retry_after_seconds(date, now=NOW) == seconds


@pytest.mark.parametrize("written", ["", "soon", "-5", "1.5", "٣", "Mon, 99 Foo 2026 00:00:00 GMT", "9" * 400])
def test_retry_after_that_cannot_be_read_is_none_or_bounded(written) -> None:
    assert retry_after_seconds(written, now=NOW) in (None, MAX_SECONDS)


def test_a_date_that_is_past_is_no_wait() -> None:
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT", now=NOW) == 0
