"""How TUF's client fetches: through the agent's own HTTP client, resuming targets where they stopped.

Invariant: no answer is read beyond what was asked for; part of a target is kept until it was verified, and thrown
away when it turns out wrong; a line slower than LEAST_BYTES_PER_SECOND is given up and goes on another time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    RepositoryError,
    SlowRetrievalError,
)
from tuf.ngclient.fetcher import FetcherInterface

from afluente_agent import durable

if TYPE_CHECKING:
    import httpx

LEAST_BYTES_PER_SECOND = 100
PATIENCE_SECONDS = 60.0
METADATA_SECONDS = 180.0
NAP_SECONDS = 5.0
PART = ".part"


class ResumingFetcher(FetcherInterface):
    """`targets_url` is what addresses of targets begin with; their parts are kept in `folder`."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        targets_url: str,
        folder: Path,
        most_bytes_per_second: int = 0,
        alive: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._targets_url = targets_url
        self._folder = folder
        self._most_bytes_per_second = most_bytes_per_second
        self._alive = alive
        self._now = now
        self._sleep = sleep

    def part_of(self, url: str) -> Path:
        """Where the part of a target is kept. Addresses hold the target's digest, so one never means two contents."""
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}{PART}"

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._stream(url, 0)

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the interface says; a target goes on from what is already there."""
        if not url.startswith(self._targets_url):
            with super().download_file(url, max_length) as file:
                yield file
            return
        part = self.part_of(url)
        durable.make_folder(part.parent)
        self._complete(url, part, max_length)
        try:
            with part.open("rb") as file:
                yield file
        except RepositoryError:
            part.unlink(missing_ok=True)
            raise
        part.unlink(missing_ok=True)

    def _complete(self, url: str, part: Path, max_length: int) -> None:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), durable.PRIVATE_FILE)
        with os.fdopen(descriptor, "r+b") as file:
            offset = file.seek(0, os.SEEK_END)
            if offset > max_length:
                offset = 0
                file.truncate(0)
            if offset == max_length:
                return
            try:
                for block in self._stream(url, offset, on_restart=lambda: _begin_again(file)):
                    if file.tell() + len(block) > max_length:
                        _begin_again(file)
                        raise DownloadLengthMismatchError(f"more than {max_length} bytes were sent")
                    file.write(block)
            finally:
                file.flush()
                with contextlib.suppress(OSError):
                    os.fsync(file.fileno())

    def _stream(self, url: str, offset: int, *, on_restart: Callable[[], None] | None = None) -> Iterator[bytes]:
        import httpx

        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            with self._client.stream("GET", url, headers=headers, follow_redirects=False) as answer:
                if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and on_restart is not None:
                    on_restart()
                if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                    raise DownloadHTTPError(f"status {answer.status_code}", answer.status_code)
                if offset and on_restart is not None and not _goes_on(answer, offset):
                    on_restart()
                yield from self._paced(answer, is_metadata=on_restart is None)
        except httpx.TimeoutException as error:
            raise SlowRetrievalError("no bytes came in time") from error
        except httpx.HTTPError as error:
            raise DownloadError(f"the line broke: {type(error).__name__}") from error

    def _paced(self, answer: httpx.Response, *, is_metadata: bool) -> Iterator[bytes]:
        began = self._now()
        total, window_began, window_bytes = 0, began, 0
        for block in answer.iter_raw():
            yield block
            self._alive()
            total += len(block)
            window_bytes += len(block)
            now = self._now()
            if is_metadata and now - began > METADATA_SECONDS:
                raise SlowRetrievalError("metadata came too slowly")
            if now - window_began >= PATIENCE_SECONDS:
                if window_bytes < LEAST_BYTES_PER_SECOND * (now - window_began):
                    raise SlowRetrievalError("the target came too slowly")
                window_began, window_bytes = now, 0
            if self._most_bytes_per_second and not is_metadata:
                ahead = total / self._most_bytes_per_second - (now - began)
                while ahead > 0:
                    self._sleep(min(ahead, NAP_SECONDS))
                    self._alive()
                    ahead -= NAP_SECONDS


def _goes_on(answer: httpx.Response, offset: int) -> bool:
    is_partial = answer.status_code == 206
    if is_partial and not answer.headers.get("content-range", "").startswith(f"bytes {offset}-"):
        raise DownloadError("another range was sent than asked for")
    return is_partial


def _begin_again(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate(0)
