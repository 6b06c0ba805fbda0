"""Sending mail by SMTP, for alerts and for e-mails about releases.

Invariant: nothing is said without TLS but to this machine itself, certificates are always verified, no header holds a
line break, and neither a password nor a whole address stands in an error.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from afluente.core.errors import AfluenteError
from afluente.core.loopback import is_loopback

Security = Literal["starttls", "tls", "none"]
SECURITIES: tuple[Security, ...] = ("starttls", "tls", "none")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_AUTHENTICATION_NEEDED = frozenset({530, 534, 535, 538})


class MailError(AfluenteError):
    """A message was not taken. Codes: mail.connection, mail.tls, mail.credentials, mail.recipients, mail.refused,
    mail.address, mail.settings.
    """


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `password` is called when the server asks for it and not before."""

    host: str
    port: int = 587
    security: Security = "starttls"
    user: str = ""
    password: Callable[[], str] | None = field(default=None, repr=False)
    timeout_seconds: float = 30.0
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient that the server did not take while it took others. Kept for a later try when `is_retryable`."""

    address: str = field(repr=False)
    status: int

    @property
    def is_retryable(self) -> bool:
        return 400 <= self.status < 500


@dataclass(frozen=True, slots=True)
class Sent:
    """The server answers for the message now, for `accepted`; `refused` is empty nearly always."""

    accepted: tuple[str, ...]
    refused: tuple[Refusal, ...]


def addresses(written: str | Iterable[str]) -> tuple[str, ...]:
    """Addresses from a list, or from one text with commas; each once, in order. MailError `mail.address`."""
    texts = [written] if isinstance(written, str) else list(written)
    found: dict[str, None] = {}
    for text in texts:
        for part in re.split(r"[,;]", text):
            address = part.strip()
            if address:
                found[_checked(address)] = None
    return tuple(found)


def masked(address: str) -> str:
    """An address as errors show it: `a***@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}" if name else "***"


def one_line(text: str) -> str:
    """A text that may stand in a header: each run of line breaks and control characters is one blank.

    What looks like an encoded word (RFC 2047), which readers would decode into anything, no longer does.
    """
    return _CONTROLS.sub(" ", text).replace("=?", "= ?").strip()


def send(
    message: EmailMessage, server: MailServer, *, sender: str = "", recipients: Sequence[str] | None = None
) -> Sent:
    """Hand one message in. Without `recipients`, to those of its To and Cc; without `sender`, from its From.

    MailError when the server took it for nobody. A message cut off after it was handed in may arrive twice: the same
    Message-ID tells.
    """
    from_whom = _checked(sender or _only(message, "From"))
    to_whom = addresses(recipients if recipients is not None else _of(message, "To", "Cc"))
    if not to_whom:
        raise MailError("mail.settings", "the message has no recipient", hint="list the addresses it goes to")
    with _signed_in(server, domain=from_whom.rpartition("@")[2]) as smtp:
        refused = smtp.send_message(message, from_addr=from_whom, to_addrs=list(to_whom))
        refusals = tuple(Refusal(address, status) for address, (status, _) in refused.items())
        return Sent(tuple(address for address in to_whom if address not in refused), refusals)


def check(server: MailServer) -> None:
    """Connect, secure, sign in and say goodbye; nothing is sent. MailError."""
    with _signed_in(server, domain="localhost") as smtp:
        code, _ = smtp.noop()
        if code != 250:
            raise _refused(server, code)


def settings_mistake(*, host: str, security: str, has_user: bool, has_password: bool) -> str:
    """What is wrong with a server's settings, or nothing."""
    if security == "none" and not is_loopback(host):
        return f"mail goes to {host} without TLS, which is for this machine only"
    if has_user != has_password:
        return "a user needs a password, and a password a user"
    return ""


@contextmanager
def _signed_in(server: MailServer, *, domain: str) -> Iterator[smtplib.SMTP]:
    mistake = settings_mistake(
        host=server.host,
        security=server.security,
        has_user=bool(server.user),
        has_password=server.password is not None,
    )
    if mistake:
        raise MailError("mail.settings", mistake, hint="security: starttls or tls")
    with _translated(server):
        smtp = _connected(server, domain)
    try:
        with _translated(server):
            smtp.ehlo_or_helo_if_needed()
            if server.security == "starttls":
                smtp.starttls(context=_certificates(server))
                smtp.ehlo()
        if server.password is not None:
            _sign_in(smtp, server, server.password())
        with _translated(server):
            yield smtp
        _leave(smtp)
    finally:
        smtp.close()


def _connected(server: MailServer, domain: str) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            local_hostname=domain,
            timeout=server.timeout_seconds,
            context=_certificates(server),
        )
    return smtplib.SMTP(server.host, server.port, local_hostname=domain, timeout=server.timeout_seconds)


def _sign_in(smtp: smtplib.SMTP, server: MailServer, password: str) -> None:
    with _translated(server):
        try:
            smtp.login(server.user, password)
        except smtplib.SMTPAuthenticationError as error:
            raise _not_let_in(server, error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise MailError(
                "mail.credentials",
                f"mail server {server} offers no sign-in",
                hint="leave user and password out, or check port and security",
            ) from None
        except UnicodeEncodeError:
            raise MailError(
                "mail.credentials",
                f"mail server {server}: user or password is not plain ASCII, which SMTP needs",
                hint="use an app password",
            ) from None
        except smtplib.SMTPException as error:
            if type(error) is not smtplib.SMTPException:
                raise
            raise MailError(
                "mail.credentials",
                f"mail server {server} offers no way to sign in that is known here",
                hint="CRAM-MD5, PLAIN and LOGIN are",
            ) from None


def _leave(smtp: smtplib.SMTP) -> None:
    """The message was taken already: a goodbye that fails changes nothing."""
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        return


def _certificates(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MailError(
            "mail.tls",
            f"mail server {server}: ca_file cannot be used ({type(error).__name__})",
            hint="a file of certificates in PEM",
        ) from None


@contextmanager
def _translated(server: MailServer) -> Iterator[None]:
    """The library's errors as ours, without the texts of the server, which may repeat addresses."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise _nobody(server, {address: status for address, (status, _) in error.recipients.items()}) from None
    except smtplib.SMTPNotSupportedError:
        raise MailError(
            "mail.tls",
            f"mail server {server} lacks what the message needs: STARTTLS, or SMTPUTF8",
            hint="check port and security: 587 is starttls, 465 is tls",
        ) from None
    except smtplib.SMTPServerDisconnected:
        raise _lost(server, "the connection was closed") from None
    except smtplib.SMTPConnectError as error:
        raise _lost(server, f"it answered {error.smtp_code}") from None
    except smtplib.SMTPResponseException as error:
        raise _refused(server, error.smtp_code) from None
    except smtplib.SMTPException as error:
        raise _lost(server, type(error).__name__) from None
    except ssl.SSLCertVerificationError:
        raise MailError(
            "mail.tls",
            f"mail server {server} shows a certificate that cannot be verified",
            hint="check the host's name, or set ca_file to the authority's certificates",
        ) from None
    except ssl.SSLError as error:
        raise MailError(
            "mail.tls",
            f"mail server {server}: TLS failed ({error.reason or type(error).__name__})",
            hint="check port and security: 587 is starttls, 465 is tls",
            retryable=True,
        ) from None
    except OSError as error:
        raise _lost(server, (error.strerror or type(error).__name__).lower()) from None


def _lost(server: MailServer, reason: str) -> MailError:
    return MailError(
        "mail.connection",
        f"mail server {server} did not take the message: {reason}",
        hint="it is tried again by itself; check host, port and network",
        retryable=True,
    )


def _not_let_in(server: MailServer, status: int) -> MailError:
    return MailError(
        "mail.credentials",
        f"mail server {server} refused the sign-in ({status})",
        hint="check user and the secret behind password",
        retryable=400 <= status < 500,
    )


def _refused(server: MailServer, status: int) -> MailError:
    if status in _AUTHENTICATION_NEEDED:
        return _not_let_in(server, status)
    is_retryable = not 500 <= status < 600
    return MailError(
        "mail.refused",
        f"mail server {server} refused the message ({status})",
        hint="it is tried again by itself" if is_retryable else "check the sender's address and the message's size",
        retryable=is_retryable,
    )


def _nobody(server: MailServer, statuses: dict[str, int]) -> MailError:
    is_retryable = any(400 <= status < 500 for status in statuses.values())
    if all(status in _AUTHENTICATION_NEEDED for status in statuses.values()):
        return _not_let_in(server, next(iter(statuses.values())))
    told = ", ".join(f"{masked(address)} ({status})" for address, status in statuses.items())
    return MailError(
        "mail.recipients",
        f"mail server {server} takes mail for none of the recipients: {told}",
        hint="it is tried again by itself" if is_retryable else "correct the addresses",
        retryable=is_retryable,
    )


def _checked(address: str) -> str:
    bare = address
    if address.endswith(">") and "<" in address:
        bare = address[address.rindex("<") + 1 : -1].strip()
    if len(bare) > 254 or not _ADDRESS.fullmatch(bare):
        raise MailError(
            "mail.address",
            f"{masked(one_line(bare))!r} is not a mail address",
            hint="name@domain, in plain ASCII; several are separated by commas",
        )
    return bare


def _only(message: EmailMessage, name: str) -> str:
    found = _of(message, name)
    if len(found) != 1:
        raise MailError("mail.settings", f"the message has {len(found)} senders", hint="one address in From")
    return found[0]


def _of(message: EmailMessage, *names: str) -> list[str]:
    headers = [header for name in names for header in message.get_all(name, [])]
    return [address.addr_spec for header in headers for address in header.addresses]
