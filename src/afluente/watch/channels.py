"""A notice brought to people: by e-mail, or through a service that Apprise knows.

Invariant: an error names the channel and the kind of failure, never an address of a service, a password or a text
that the other side sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, assert_never

from afluente.core.errors import AfluenteError
from afluente.project.alert_settings import AppriseChannel, Channel, MailChannel
from afluente.project.secret_reference import SecretReference
from afluente.watch.mail import MailServer, check, send
from afluente.watch.wording import Wording

if TYPE_CHECKING:
    from apprise import Apprise

Secrets = Callable[[SecretReference], str]


class ChannelError(AfluenteError):
    """A notice could not be brought to its channel."""


def deliver(
    channel: Channel,
    wording: Wording,
    *,
    message_id: str,
    at: datetime,
    secret: Secrets,
    recipients: Sequence[str] = (),
) -> tuple[str, ...]:
    """Bring a notice to the channel; the recipients that a mail server wants to be tried again with.

    The same `message_id` marks the same notice tried again. `recipients` narrows a mail. Raises AfluenteError.
    """
    match channel.way:
        case MailChannel():
            message = compose(channel.way, wording, message_id=message_id, at=at)
            sent = send(message, _server(channel.way, secret), recipients=recipients or channel.way.to)
            return tuple(refusal.address for refusal in sent.refused if refusal.is_retryable)
        case AppriseChannel():
            _apprise(channel.name, channel.way, wording, secret)
            return ()
        case _:
            assert_never(channel.way)


def check_channel(channel: Channel, secret: Secrets) -> str:
    """Look whether the channel would take a notice, without sending one; what was seen. Raises AfluenteError.

    A mail server is signed in to. Of a service only the address is read.
    """
    match channel.way:
        case MailChannel():
            server = _server(channel.way, secret)
            check(server)
            return f"mail server {server}, {len(channel.way.to)} addresses"
        case AppriseChannel():
            _service(channel.name, channel.way, secret)
            return f"Apprise knows what {channel.way.url} names"
        case _:
            assert_never(channel.way)


def compose(way: MailChannel, wording: Wording, *, message_id: str, at: datetime) -> EmailMessage:
    """The message as it is sent."""
    message = EmailMessage()
    message["From"] = way.sender
    message["To"] = ", ".join(way.to)
    message["Subject"] = wording.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(wording.text)
    return message


def _server(way: MailChannel, secret: Secrets) -> MailServer:
    reference = way.password
    return MailServer(
        host=way.server,
        port=way.port,
        security=way.security,
        user=way.user,
        password=None if reference is None else lambda: secret(reference),
    )


def _apprise(name: str, way: AppriseChannel, wording: Wording, secret: Secrets) -> None:
    service = _service(name, way, secret)
    if not service.notify(title=wording.subject, body=wording.text):
        raise ChannelError(
            "watch.channel_refused",
            f"channel {name!r}: the service behind {way.url} did not take the notice",
            hint="it is tried again by itself; look at the address and the network",
            retryable=True,
        )


def _service(name: str, way: AppriseChannel, secret: Secrets) -> Apprise:
    try:
        import apprise
    except ImportError:
        raise ChannelError(
            "watch.extra_missing",
            f"channel {name!r}: apprise is not installed",
            hint="pip install 'afluente[products]'",
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    service = apprise.Apprise()
    if not service.add(secret(way.url)):
        raise ChannelError(
            "watch.channel_address",
            f"channel {name!r}: {way.url} is no address that Apprise knows",
            hint="such as slack://..., tgram://... or json://...",
        )
    return service
