"""Requests to the hub: signed, in the hub's time, through the site's proxy, with bounded answers.

Invariant: every request is signed anew; a 401 changes the offset of the clock or nothing, never a key; an answer is
never larger than asked for; a request that had no answer leaves a failure that says why.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from afluente_agent import tls
from afluente_agent.clock_offset import HubClock, seconds_of_date
from afluente_agent.errors import NOT_ITS_ANSWER, NOT_OF_HUB, HubError, RefusedError, SettingsError
from afluente_agent.failure import CertificateTimeError, Failure, classify
from afluente_agent.identity import Identity
from afluente_agent.protocol.limits import MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import ErrorAnswer, MessageError, from_json, to_json
from afluente_agent.protocol.refusal_codes import SIGNED_AGAIN
from afluente_agent.settings import NO_PROXY, Settings
from afluente_agent.signer import signed_headers

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 20.0
ANSWER_SECONDS = 90.0
MOST_RETRY_AFTER_SECONDS = 86_400
UNAUTHORIZED = 401

Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with any status. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def refusal(self) -> ErrorAnswer | None:
        """What the hub said of a refusal; None when it was something else that answered."""
        try:
            return from_json(ErrorAnswer, self.body)
        except MessageError:
            return None

    def retry_after_seconds(self, now: int) -> int:
        """What the answer asks to wait, at most a day; 0 when nothing."""
        text = self.headers.get("retry-after", "").strip()
        seconds = int(text) if text.isdecimal() and len(text) < 10 else 0
        if not seconds and text:
            moment = seconds_of_date(text)
            seconds = moment - now if moment is not None else 0
        return min(max(seconds, 0), MOST_RETRY_AFTER_SECONDS)


class HubClient:
    """One connection's worth of talk with the hub. Not for several threads at once."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        *,
        now: Callable[[], float],
        answer_seconds: float = ANSWER_SECONDS,
        transport: httpx.BaseTransport | None = None,
        on_offset: Callable[[int, int], None] | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        on_answer: Callable[[], None] | None = None,
    ) -> None:
        """`on_offset` hears of the offset before and after; `on_failure` of every request without an answer."""
        self.hub = settings.hub.rstrip("/")
        parts = urlsplit(self.hub)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                "settings.hub",
                "o endereço do hub não está certo",
                "the hub's address is not one of http or https",
                "Use o endereço que veio com o código de instalação, com https:// no começo.",
            )
        self.host = parts.hostname
        self.identity = identity
        self.clock = HubClock(now, offset_seconds=settings.clock_offset_seconds)
        self._settings = settings
        self._answer_seconds = answer_seconds
        self._transport = transport
        self._on_offset = on_offset
        self._on_failure = on_failure
        self._on_answer = on_answer
        self._client: httpx.Client | None = None
        self._has_dates_by_hub = False

    @property
    def proxy_host(self) -> str:
        """The name of the proxy that requests go through; empty when direct."""
        address = self._settings.proxy
        if address == NO_PROXY:
            return ""
        if not address:
            is_direct = urllib.request.proxy_bypass(self.host)
            proxies = {} if is_direct else urllib.request.getproxies()
            address = proxies.get(urlsplit(self.hub).scheme) or proxies.get("all") or ""
        return urlsplit(address).hostname or ""

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        most_bytes: int = MAX_MESSAGE_BYTES,
        is_signed: bool = True,
    ) -> Answer:
        """The hub's answer, whatever its status. `path` begins with a slash and is sent as it is. UnreachableError.

        A 401 for the clock or for a repeated nonce is signed again and sent once more.
        """
        answer = self._send(method, path, body, headers or {}, most_bytes, is_signed=is_signed)
        if answer.status == UNAUTHORIZED and is_signed:
            refusal = answer.refusal()
            if refusal is not None and refusal.code in SIGNED_AGAIN:
                self.learn_time(refusal.hub_time or seconds_of_date(answer.headers.get("date", "")) or 0)
                answer = self._send(method, path, body, headers or {}, most_bytes, is_signed=is_signed)
        return answer

    def call(self, method: str, path: str, message: object, kind: type[Message], *, is_signed: bool = True) -> Message:
        """Send a message of the protocol and read the other. UnreachableError, RefusedError."""
        body = b"" if message is None else to_json(message)
        answer = self.request(method, path, body, {"Content-Type": "application/json"}, is_signed=is_signed)
        if not answer.is_success:
            raise self.refused(answer)
        try:
            return from_json(kind, answer.body)
        except MessageError as error:
            raise RefusedError(
                NOT_ITS_ANSWER,
                "a resposta não é do hub: algo no caminho (portal, proxy) respondeu no lugar dele",
                f"the answer is not the hub's: {error}",
                "Confira se a rede exige entrar em uma página antes de usar a internet.",
                status=answer.status,
            ) from None

    def refused(self, answer: Answer) -> RefusedError:
        """The error of an answer that is a refusal."""
        refusal = answer.refusal()
        wait = answer.retry_after_seconds(self.clock.time())
        if refusal is None:
            return RefusedError(
                NOT_OF_HUB,
                f"a resposta foi {answer.status} e não veio do hub",
                f"an answer with status {answer.status} that is not the hub's",
                "Confira se um proxy ou firewall bloqueia o endereço do hub.",
                status=answer.status,
                retry_after_seconds=wait,
            )
        seconds = min(max(wait, refusal.retry_after_seconds, 0), MOST_RETRY_AFTER_SECONDS)
        return RefusedError(
            refusal.code,
            refusal.message_pt,
            refusal.message_en,
            status=answer.status,
            retry_after_seconds=seconds,
        )

    @contextmanager
    def download(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """A signed GET whose body is read by the caller, piece by piece. UnreachableError at the start only."""
        import httpx

        signed = self._signed("GET", path, b"", headers or {})
        try:
            with self._http().stream("GET", self.hub + path, headers=signed, extensions=self._extensions()) as response:
                yield response
        except (httpx.HTTPError, CertificateTimeError) as error:
            raise self._failed(error).error() from None

    def plain_http(self) -> httpx.Client:
        """A client of its own with the same trust, proxy and bounds of time, for public files. The caller closes it."""
        return self._new_http()

    def learn_time(self, hub_time: int) -> None:
        """Take the time that the hub told in an answer."""
        before = self.clock.offset_seconds
        if self.clock.learn(hub_time) and self._on_offset is not None:
            self._on_offset(before, self.clock.offset_seconds)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], most_bytes: int, *, is_signed: bool
    ) -> Answer:
        import httpx

        for is_last in (False, True):
            sent = self._signed(method, path, body, headers) if is_signed else dict(headers)
            try:
                return self._exchange(method, path, body, sent, most_bytes)
            except (httpx.HTTPError, CertificateTimeError) as error:
                failure = self._failed(error)
                if is_last or not failure.is_of_time or self._has_dates_by_hub or not self._ask_time():
                    raise failure.error() from None
        raise AssertionError

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], most_bytes: int) -> Answer:
        import httpx

        address = self.hub + path
        with self._http().stream(
            method, address, content=body, headers=headers, extensions=self._extensions()
        ) as response:
            pieces = bytearray()
            for piece in response.iter_raw(64 * 1024):
                pieces += piece
                if len(pieces) > most_bytes:
                    raise HubError(
                        "hub.answer_too_large",
                        "a resposta recebida é grande demais e foi descartada",
                        f"an answer of more than {most_bytes} bytes",
                    )
            if response.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
                raise httpx.ProxyError("407 Proxy Authentication Required", request=response.request)
            if self._on_answer is not None:
                self._on_answer()
            named = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, named, bytes(pieces))

    def _signed(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        target = urlsplit(self.hub).path + path
        at = self.clock.time()
        signed = signed_headers(self.identity, method=method, target=target, body=body, headers=headers, at=at)
        return {**headers, **signed}

    def _failed(self, error: httpx.HTTPError | CertificateTimeError) -> Failure:
        failure = classify(error, host=self.host, proxy_host=self.proxy_host)
        self.close()
        if self._on_failure is not None:
            self._on_failure(failure)
        return failure

    def _ask_time(self) -> bool:
        """Learn the hub's time where the machine's clock makes every certificate look out of its dates."""
        import httpx

        self.close()
        self._has_dates_by_hub = True
        try:
            with self._http().stream("GET", self.hub + "/") as response:
                hub_time = seconds_of_date(response.headers.get("date", "")) or 0
                certificate = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert()
        except httpx.HTTPError:
            self._has_dates_by_hub = False
            self.close()
            return False
        if tls.is_within_dates(certificate, hub_time):
            self.learn_time(hub_time)
        self.close()
        return True

    def _extensions(self) -> dict[str, object]:
        return {"trace": tls.check_dates(self.clock.time)} if self._has_dates_by_hub else {}

    def _http(self) -> httpx.Client:
        if self._client is None:
            self._client = self._new_http()
        return self._client

    def _new_http(self) -> httpx.Client:
        import httpx

        proxy = self._settings.proxy
        trust = tls.trust_without_dates if self._has_dates_by_hub else tls.system_trust
        return httpx.Client(
            verify=trust(self._settings.ca_file) if self.hub.startswith("https:") else False,
            proxy=proxy if proxy not in ("", NO_PROXY) and self._transport is None else None,
            trust_env=not proxy,
            timeout=httpx.Timeout(self._answer_seconds, connect=min(CONNECT_SECONDS, self._answer_seconds)),
            transport=self._transport,
            follow_redirects=False,
            headers={"User-Agent": "afluente-agent", "Accept-Encoding": "identity"},
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
        )
