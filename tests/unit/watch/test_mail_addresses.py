"""Addresses are read strictly, and what stands in a header is one line."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from afluente.watch.mail import MailError, MailServer, addresses, masked, one_line, send, settings_mistake


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("a@example.com", ("a@example.com",)),
        ("a@example.com, b@example.com;c@example.com\n", ("a@example.com", "b@example.com", "c@example.com")),
        (["a@example.com, b@example.com", "a@example.com"], ("a@example.com", "b@example.com")),
        ("Ana <ana.b+c@mail.example.com.br>", ("ana.b+c@mail.example.com.br",)),
        (" , ", ()),
        ([], ()),
    ],
)
def test_addresses_are_a_list_or_one_text(written, found) -> None:
    assert addresses(written) == found


@pytest.mark.parametrize(
    "written", ["nobody", "@x.com", "a@", "a b@x.com", "a@x..com", "ação@x.com", "a@x.com\r\nBcc: b@y.com", "<a@x.com"]
)
def test_what_is_no_address_is_refused_without_being_shown_whole(written) -> None:
    with pytest.raises(MailError) as caught:
        addresses(written)
    assert caught.value.code == "mail.address"
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
@example("a@x.com\nb@y.com")
@example("a" * 70 + "@x.com")
def test_an_address_that_is_taken_never_holds_a_line_break_or_blank(text) -> None:
    try:
        found = addresses(text)
    except MailError:
        return
    assert all(one.isascii() and one.isprintable() and " " not in one and one.count("@") == 1 for one in found)


@given(st.text(max_size=60))
def test_one_line_is_one_line(text) -> None:
    found = one_line(text)
    assert len(found.splitlines()) <= 1
    assert "=?" not in found


def test_addresses_are_masked() -> None:
    assert masked("ana.silva@example.com") == "a***@example.com"


@pytest.mark.parametrize("security", ["none"])
def test_nothing_is_said_without_tls_to_another_machine(security) -> None:
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"] = "a@example.com", "b@example.com"
    with pytest.raises(MailError) as caught:
        send(message, MailServer("smtp.example.com", 25, security))
    assert caught.value.code == "mail.settings"
    assert settings_mistake(host="localhost", security="none", has_user=False, has_password=False) == ""


def test_a_password_is_not_in_the_servers_representation() -> None:
    assert "x9eYJI10" not in repr(MailServer("h", 25, user="u", password=lambda: "x9eYJI10"))
