"""One request, with bounded retries; nothing secret ever leaves for another host.

Retried: 429, 500, 502, 503, 504 and failures of the network, waiting as long as Retry-After says (seconds or a date),
else twice as long each time. Nothing else is retried.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from afluente.core.clock import Clock
from afluente.core.errors import SourceError
from afluente.project.secret_reference import SecretReference
from afluente.sources.http.config import Config

_RETRIED = frozenset({429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_MAX_BACKOFF_SECONDS = 60.0
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as sent, its own address and the address of the next by the Link header."""

    body: bytes
    url: httpx.URL
    link_next: str | None


class Fetcher:
    """Asks for pages within one budget of time. Close it."""

    def __init__(self, config: Config, resolve: Callable[[SecretReference], str], clock: Clock) -> None:
        def plain(value: str | SecretReference) -> str:
            return resolve(value) if isinstance(value, SecretReference) else value

        self._config, self._clock = config, clock
        self._deadline = time.monotonic() + config.max_total_seconds
        headers = {name: plain(value) for name, value in config.headers.items()}
        auth: httpx.Auth | None = None
        if config.auth is not None and config.auth.bearer is not None:
            headers["Authorization"] = f"Bearer {resolve(config.auth.bearer)}"
        elif config.auth is not None:
            password = config.auth.password
            auth = httpx.BasicAuth(plain(config.auth.user or ""), resolve(password) if password else "")
        self.params = {name: plain(value) for name, value in config.params.items()}
        self._client = httpx.Client(headers=headers, auth=auth, timeout=config.timeout_seconds, follow_redirects=False)
        self._origin = httpx.URL(config.url)

    def close(self) -> None:
        self._client.close()

    def first_url(self, extra: dict[str, str]) -> httpx.URL:
        """The address of the list with its parameters and these."""
        return self._origin.copy_merge_params({**self.params, **extra})

    def next_url(self, current: httpx.URL, written: str) -> httpx.URL:
        """An address found in a page, absolute or relative. SourceError `source.foreign_host`."""
        try:
            url = current.join(written)
        except httpx.InvalidURL:
            raise SourceError(
                "source.response_unreadable",
                f"{label(current)} names a next page that is no address",
                hint="check pagination.next; with param the value is a cursor and not an address",
            ) from None
        self._refuse_foreign(url)
        return url

    def get(self, url: httpx.URL) -> Answer:
        """The page at this address. SourceError when it is refused, or when every attempt failed."""
        for attempt in range(1, self._config.max_attempts + 1):
            try:
                answer, wait_seconds, reason = self._try(url)
            except httpx.RequestError as error:
                answer, wait_seconds, reason = None, None, f"{type(error).__name__}"
            if answer is not None:
                return answer
            if attempt < self._config.max_attempts:
                self._wait(url, attempt, wait_seconds, reason)
        raise SourceError(
            "source.unavailable",
            f"{label(url)} did not answer after {self._config.max_attempts} attempts: {reason}",
            hint="run again later; the runs retry by themselves",
            retryable=True,
        )

    def _try(self, url: httpx.URL) -> tuple[Answer | None, float | None, str]:
        for _ in range(_MAX_REDIRECTS + 1):
            with self._client.stream("GET", url) as response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = self.next_url(url, response.headers["location"])
                    continue
                if response.status_code in _RETRIED:
                    return None, self._retry_after(response), f"status {response.status_code}"
                if not response.is_success:
                    raise _refused(url, response.status_code)
                body = self._body(url, response)
                link = response.links.get("next", {}).get("url")
                return Answer(body, url, link), None, ""
        raise SourceError(
            "source.redirects", f"{label(url)} redirects more than {_MAX_REDIRECTS} times", hint="check the url"
        )

    def _body(self, url: httpx.URL, response: httpx.Response) -> bytes:
        limit = self._config.max_page_mb * 1024**2
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > limit:
                raise SourceError(
                    "source.page_too_large",
                    f"{label(url)} answers a page of more than {limit} bytes",
                    hint="ask for smaller pages, or raise max_page_mb",
                )
            self._check_time(url, 0, "slow answer")
        return bytes(body)

    def _retry_after(self, response: httpx.Response) -> float | None:
        written = response.headers.get("retry-after", "").strip()
        if written.isascii() and written.isdigit():
            return float(written)
        try:
            moment = parsedate_to_datetime(written)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - self._clock.now()).total_seconds(), 0.0)

    def _wait(self, url: httpx.URL, attempt: int, asked_seconds: float | None, reason: str) -> None:
        backoff = min(self._config.backoff_seconds * 2 ** (attempt - 1), _MAX_BACKOFF_SECONDS)
        seconds = backoff * random.uniform(0.5, 1.0) if asked_seconds is None else asked_seconds  # noqa: S311
        self._check_time(url, seconds, reason)
        time.sleep(seconds)

    def _check_time(self, url: httpx.URL, more_seconds: float, reason: str) -> None:
        if time.monotonic() + more_seconds > self._deadline:
            raise SourceError(
                "source.time_over",
                f"{label(url)} needs more than {self._config.max_total_seconds:g} s: {reason}",
                hint="raise max_total_seconds, or read incrementally",
                retryable=True,
            )

    def _refuse_foreign(self, url: httpx.URL) -> None:
        origin = self._origin
        is_same = (url.scheme, url.host, _port(url)) == (origin.scheme, origin.host, _port(origin))
        is_upgrade = (origin.scheme, url.scheme, url.host) == ("http", "https", origin.host) and (
            _port(origin),
            _port(url),
        ) == (80, 443)
        if is_same or is_upgrade:
            return
        if self._config.has_secrets or url.scheme not in ("http", "https"):
            raise SourceError(
                "source.foreign_host",
                f"{label(origin)} sends on to {label(url)}, which would receive the credentials",
                hint="if that host is right, set it as the url",
            )


def label(url: httpx.URL) -> str:
    """An address without its parameters, which may hold secrets."""
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _port(url: httpx.URL) -> int | None:
    return url.port or _DEFAULT_PORTS.get(url.scheme)


def _refused(url: httpx.URL, status: int) -> SourceError:
    if status in (401, 403):
        return SourceError(
            "source.login_refused", f"{label(url)} refused the login ({status})", hint="check the option auth"
        )
    if status in (404, 410):
        return SourceError("source.not_found", f"{label(url)} does not exist ({status})", hint="check the option url")
    return SourceError(
        "source.request_refused", f"{label(url)} refused the request ({status})", hint="check params, headers and url"
    )
