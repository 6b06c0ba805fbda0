"""Requests to a partner's API, tried again while that can help.

Invariant: a request keeps its body and key at every try; each has a connection of its own, so that an answer sent twice
is never taken for that of the next request; certificates are always verified and redirects never followed.

Tried again: 429, 5xx, 409 (the first try is still under way there), timeouts and cut connections, after as long as
Retry-After asks, else twice as long each time. No other 4xx; 401 once with a new OAuth2 token.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx

from afluente.core.clock import Clock
from afluente.core.loopback import is_loopback
from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.api.auth import Credentials
from afluente.products.deliveries.api.config import ApiConfig, OAuth2
from afluente.products.deliveries.api.idempotency import HEADER, quoted
from afluente.products.deliveries.api.request_limit import RequestLimit
from afluente.products.deliveries.api.retry_after import retry_after_seconds
from afluente.products.deliveries.api.webhook_signature import message_id_of, signature_headers
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError

MAX_ANSWER_BYTES = 64 * 1024
_MAX_BACKOFF_SECONDS = 60.0

Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """No answer came: what happened to the request is not known."""

    reason: str


class ApiSession:
    """Sends to one API within one budget of time. Close it."""

    def __init__(self, config: ApiConfig, context: DeliveryContext, *, sleep: Sleep = time.sleep) -> None:
        self._config, self._context, self._sleep = config, context, sleep
        self._clock: Clock = context.clock
        self._deadline = self._clock.now() + timedelta(seconds=config.max_total_seconds)
        self._client = httpx.Client(
            timeout=config.timeout_seconds,
            follow_redirects=False,
            verify=_certificates(config, context.project_root),
            trust_env=not is_loopback(urlsplit(config.url).hostname or ""),
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"User-Agent": "afluente"},
        )
        self._credentials = Credentials(
            config.auth, name=config.name, secret=context.secret, clock=context.clock, ask=self._ask_token
        )

    def close(self) -> None:
        self._client.close()

    def post(self, body: bytes, key: str) -> None:
        """Bring one body there, once. DeliveryError when it was refused, or is not known to have arrived."""
        headers = {"Content-Type": "application/json; charset=utf-8", HEADER: quoted(key)}

        def send() -> _Answer | _Cut:
            signed = headers | self._signature(key, body) | self._credentials.headers()
            return self._send("POST", self._config.url, signed, body)

        self._until_done(send, self._config.url, renews=self._credentials.can_renew)

    def look(self) -> Literal["signed_in", "reached"]:
        """Sign in without sending anything; how sure the partner's answer makes us: `signed_in` or `reached`."""
        url = self._config.check_url or self._config.url
        answer = self._ask(url)
        if answer.status == 401 and self._credentials.can_renew:
            self._credentials.forget()
            answer = self._ask(url)
        if 200 <= answer.status < 300:
            return "signed_in"
        if answer.status in (404, 405, 501) and not self._config.check_url:
            return "reached"
        raise self._refused(url, answer)

    def _ask(self, url: str) -> _Answer:
        answer = self._send("GET" if self._config.check_url else "OPTIONS", url, self._credentials.headers(), b"")
        if isinstance(answer, _Cut):
            raise self._unreachable(url, answer.reason, attempts=1)
        return answer

    def _until_done(self, send: Callable[[], _Answer | _Cut], url: str, *, renews: bool) -> _Answer:
        attempt = 0
        while True:
            attempt += 1
            answer = send()
            if isinstance(answer, _Answer):
                if 200 <= answer.status < 300:
                    return answer
                if answer.status == 401 and renews:
                    renews, attempt = False, attempt - 1
                    self._credentials.forget()
                    continue
                if answer.status not in (409, 429) and answer.status < 500:
                    raise self._refused(url, answer)
            self._wait(url, answer, attempt)

    def _wait(self, url: str, answer: _Answer | _Cut, attempt: int) -> None:
        seconds = min(self._config.backoff_seconds * 2 ** min(attempt - 1, 16), _MAX_BACKOFF_SECONDS)
        if isinstance(answer, _Answer):
            asked = retry_after_seconds(answer.retry_after, now=self._clock.now())
            seconds = seconds if asked is None else asked
            if asked is not None and (asked > self._config.max_wait_seconds or not self._has(seconds)):
                raise DeliveryError(
                    _CODES.get(answer.status, "delivery.api_server_error"),
                    f"{self._at(url)} answered {answer.status} and asks to come back in {asked:g} s",
                    hint="it is tried again by itself",
                    retryable=True,
                    retry_after_seconds=asked,
                )
        if attempt >= self._config.max_attempts or not self._has(seconds):
            if isinstance(answer, _Cut):
                raise self._unreachable(url, answer.reason, attempts=attempt)
            raise self._refused(url, answer, attempts=attempt)
        self._sleep(seconds)

    def _has(self, seconds: float) -> bool:
        return self._clock.now() + timedelta(seconds=seconds) <= self._deadline

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _Answer | _Cut:
        limit = RequestLimit()
        try:
            with (
                limit.of(self._config.max_request_seconds),
                self._client.stream(
                    method, url, headers=dict(headers), content=body, extensions={"trace": limit.trace}
                ) as response,
            ):
                found = bytearray()
                for piece in response.iter_raw(8192):
                    found += piece
                    if len(found) > MAX_ANSWER_BYTES:
                        break
                return _Answer(response.status_code, bytes(found), response.headers.get("retry-after", ""))
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise DeliveryError(
                failure_codes.REFUSED,
                f"{self._at(url)}: the request cannot be written ({type(error).__name__})",
                hint="check url and auth",
            ) from None
        except httpx.TransportError as error:
            if _is_certificate(error):
                raise DeliveryError(
                    _CERTIFICATE,
                    f"{self._at(url)} shows a certificate that cannot be verified",
                    hint="set ca_file to the authority's certificates, or tell the partner",
                ) from None
            return _Cut("the request took too long" if limit.is_reached else type(error).__name__)

    def _ask_token(self, url: str, headers: dict[str, str], body: bytes) -> bytes:
        answer = self._until_done(lambda: self._send("POST", url, headers, body), url, renews=False)
        return answer.body

    def _signature(self, key: str, body: bytes) -> dict[str, str]:
        reference = self._config.webhook_secret
        if reference is None:
            return {}
        try:
            return signature_headers(
                self._context.secret(reference), message_id=message_id_of(key), at=self._clock.now(), body=body
            )
        except ValueError:
            raise DeliveryError(
                failure_codes.CREDENTIALS,
                f"delivery {self._config.name}: {reference} is no secret of Standard Webhooks, which is base64",
                hint="whsec_ and 24 to 64 bytes in base64",
            ) from None

    def _at(self, url: str) -> str:
        parts = urlsplit(url)
        return f"delivery {self._config.name}: {parts.scheme}://{parts.netloc}{parts.path}"

    def _unreachable(self, url: str, reason: str, *, attempts: int) -> DeliveryError:
        times = "" if attempts == 1 else f" after {attempts} attempts"
        return DeliveryError(
            failure_codes.CONNECTION,
            f"{self._at(url)} did not answer{times}: {reason}",
            hint="it is tried again by itself; check the url and the network",
            retryable=True,
        )

    def _refused(self, url: str, answer: _Answer, *, attempts: int = 1) -> DeliveryError:
        status = answer.status
        at = self._at(url)
        match status:
            case 401 | 403:
                return DeliveryError(
                    failure_codes.CREDENTIALS,
                    f"{at} refused the credentials ({status})",
                    hint="check auth and the secret behind it, then `afluente product redeliver`",
                )
            case 400 if isinstance(self._config.auth, OAuth2) and url == self._config.auth.token_url:
                return DeliveryError(
                    failure_codes.CREDENTIALS, f"{at} refused to give a token (400)", hint="check auth.oauth2"
                )
            case 409 | 429:
                return DeliveryError(
                    _CODES[status],
                    f"{at} answered {status} to each of {attempts} attempts",
                    hint="it is tried again by itself",
                    retryable=True,
                )
            case 422:
                return DeliveryError(
                    "delivery.api_other_payload",
                    f"{at} knows this {HEADER} with another payload (422)",
                    hint="ask the partner what it stored under the key before sending again",
                )
            case 413:
                return DeliveryError(
                    failure_codes.REFUSED, f"{at} finds the chunk too large (413)", hint="lower chunk_rows"
                )
            case _ if status >= 500:
                return DeliveryError(
                    "delivery.api_server_error",
                    f"{at} answered {status} to each of {attempts} attempts",
                    hint="it is tried again by itself",
                    retryable=True,
                )
            case _ if 300 <= status < 400:
                return DeliveryError(
                    failure_codes.REFUSED,
                    f"{at} redirects ({status}), and credentials are never sent on",
                    hint="set the final address as url",
                )
            case _:
                return DeliveryError(
                    failure_codes.REFUSED,
                    f"{at} refused the request ({status})",
                    hint="check the url with the partner",
                )


_CERTIFICATE = "delivery.connection_certificate"
_CODES = {409: "delivery.api_in_flight", 429: "delivery.api_busy"}


def _certificates(config: ApiConfig, root: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=root / config.ca_file if config.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError(
            _CERTIFICATE,
            f"delivery {config.name}: ca_file {config.ca_file} cannot be used ({type(error).__name__})",
            hint="a file of certificates in PEM, relative to the project",
        ) from None


def _is_certificate(error: BaseException) -> bool:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return True
        found = found.__cause__ or found.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
