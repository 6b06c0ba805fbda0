"""A mail server on 127.0.0.1 that keeps each message it takes as one .eml file. Needs aiosmtpd.

Invariant: nothing is sent on; a message's file is named by its Message-ID and a counter, so that a repeat shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from afluente.core.errors import AfluenteError

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

MailFault = Literal["down", "busy", "refused", "drop_before", "drop_after", "recipient_busy", "recipient_refused"]
"""`down` cuts the connection at its greeting; `drop_after` has taken the message and cuts before it says so."""

_TAKEN = "250 OK"
_RECIPIENT = {"recipient_busy": "450 mailbox busy", "recipient_refused": "550 no such mailbox"}


@dataclass(frozen=True, slots=True)
class MailLogin:
    """What the server lets in."""

    user: str
    password: str = field(repr=False)


class MailInbox:
    """Listens from the moment it is made, on a free port. Close it, or use it in a `with`.

    With `tls` it offers STARTTLS and takes nothing without it; when `is_implicit`, it speaks TLS from the first byte.
    With `login` nobody else is let in.
    """

    def __init__(
        self,
        received: Path,
        *,
        login: MailLogin | None = None,
        tls: ssl.SSLContext | None = None,
        is_implicit: bool = False,
        faults: Sequence[MailFault] = (),
        port: int = 0,
    ) -> None:
        received.mkdir(parents=True, exist_ok=True)
        self._faults, self._lock = list(faults), threading.Lock()
        make_protocol = _protocols(
            _Keeper(received, self._take, needs_login=login is not None),
            login,
            None if is_implicit else tls,
            self._take,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail-inbox")
        self._thread.start()
        try:
            self._server = self._listen(port, make_protocol, tls if is_implicit else None)
        except OSError:
            self._stop()
            raise
        self.port = int(self._server.sockets[0].getsockname()[1])

    def inject(self, *faults: MailFault) -> None:
        """Each is met once, at the first moment it fits, in this order."""
        with self._lock:
            self._faults.extend(faults)

    def close(self) -> None:
        async def close() -> None:
            self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self, port: int, make_protocol: Callable[[], SMTP], tls: ssl.SSLContext | None) -> asyncio.Server:
        listening = self._loop.create_server(make_protocol, "127.0.0.1", port, ssl=tls)
        return asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _take(self, *kinds: MailFault) -> MailFault | None:
        with self._lock:
            if self._faults and self._faults[0] in kinds:
                return self._faults.pop(0)
            return None


class _Keeper:
    """The hooks that aiosmtpd calls."""

    def __init__(self, folder: Path, take: Callable[..., MailFault | None], *, needs_login: bool) -> None:
        self._folder, self._take, self._needs_login = folder, take, needs_login

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._needs_login and not session.authenticated:
            return "530 sign in first"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return _TAKEN

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self._take("recipient_busy", "recipient_refused")
        if fault is not None:
            return _RECIPIENT[fault]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return _TAKEN

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._take("busy", "refused", "drop_before", "drop_after")
        match fault:
            case "busy":
                return "451 come back later"
            case "refused":
                return "554 not wanted"
            case "drop_before" | "drop_after":
                if fault == "drop_after":
                    self._keep(envelope)
                if server.transport is not None:
                    server.transport.close()
                raise asyncio.CancelledError
            case _:
                self._keep(envelope)
                return _TAKEN

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        message_id = str(message_from_bytes(raw, policy=policy.default)["Message-ID"] or "").strip()
        name = hashlib.sha256(message_id.encode()).hexdigest()[:16]
        number = len(list(self._folder.glob(f"{name}-*.eml"))) + 1
        place = self._folder / f".{name}.part"
        place.write_bytes(raw)
        place.rename(self._folder / f"{name}-{number:03d}.eml")


def _protocols(
    keeper: _Keeper, login: MailLogin | None, tls: ssl.SSLContext | None, take: Callable[..., MailFault | None]
) -> Callable[[], SMTP]:
    try:
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
    except ImportError:
        raise AfluenteError(
            "demo.mail_server_missing", "aiosmtpd is not installed", hint="pip install 'afluente[demo]'"
        ) from None

    logging.getLogger("mail.log").addHandler(logging.NullHandler())

    class Listening(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            if take("down") is not None:
                transport.close()
            super().connection_made(transport)

    def authenticate(*asked: object) -> AuthResult:
        given = asked[-1]
        is_known = (
            login is not None
            and isinstance(given, LoginPassword)
            and hmac.compare_digest(given.login, login.user.encode())
            and hmac.compare_digest(given.password, login.password.encode())
        )
        return AuthResult(success=is_known, handled=False)

    def make() -> SMTP:
        return Listening(
            keeper,
            hostname="localhost",
            ident="afluente",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=authenticate if login is not None else None,
            auth_require_tls=tls is not None,
        )

    return make
