"""The connector `http`: what an API lists now, or since the last time.

Invariant: a reading from the same position has the same identity. The same records as last time are nothing new,
whatever else changed in the pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from afluente.core.errors import Problem
from afluente.project.settings import SourceSettings
from afluente.sources.http import config as http_config
from afluente.sources.http.config import Config
from afluente.sources.options import raise_problems
from afluente.sources.source import Discovery, Json, Landed, Parsed, Position, Reading, SourceContext


class Http:
    """Connector of JSON APIs."""

    def check(self, settings: SourceSettings) -> list[Problem]:
        config = http_config.parse(settings)
        return config if isinstance(config, list) else []

    def open(self, settings: SourceSettings, context: SourceContext) -> HttpSource:
        config = http_config.parse(settings)
        if isinstance(config, list):
            raise_problems(config)
            raise AssertionError("options with problems that are all warnings")
        return HttpSource(config, context)


class HttpSource:
    """One list of records."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._context = context

    def discover(self) -> Discovery:
        """One request for the first page, whose records are not looked at."""
        from afluente.sources.http.fetch import Fetcher, label

        with closing(Fetcher(self._config, self._context.resolve, self._context.clock)) as fetcher:
            answer = fetcher.get(fetcher.first_url({}))
        return Discovery(f"answered {len(answer.body)} bytes", (label(answer.url),))

    def read(self, position: Position) -> Reading:
        return Reading(position, self._units(position))

    def parse(self, landed: Landed) -> Parsed:
        from afluente.sources.http.parse import parse_pages

        return parse_pages(landed, self._context.landing, self._config)

    def _units(self, position: Position) -> Iterator[Landed | Position]:
        from afluente.sources.http.fetch import Fetcher
        from afluente.sources.http.pages import fetch_pages

        config, digest = self._config, self._options_digest()
        known = position if position.get("options") == digest else {"options": digest}
        high, sequence = known.get("high"), known.get("sequence")
        number = sequence if isinstance(sequence, int) else 0
        since = str(high) if high is not None else (config.incremental.initial if config.incremental else "")
        with TemporaryDirectory(prefix="http-", dir=self._context.temp_folder()) as folder:
            target = Path(folder) / "pages.zip"
            with closing(Fetcher(config, self._context.resolve, self._context.clock)) as fetcher:
                fetched = fetch_pages(config, fetcher, target, since=since)
            after: dict[str, Json] = {**known, "content": fetched.sha256}
            if known.get("content") == fetched.sha256 or (config.incremental and not fetched.records):
                yield known
                return
            identity = config.name
            if config.incremental is not None:
                after |= {"high": fetched.high, "sequence": number + 1}
                identity = f"{config.name}/{number + 1:06d}"
            landed = self._context.landing.put(config.name, f"{identity}.pages.zip", target)
            yield Landed(identity, landed, after)

    def _options_digest(self) -> str:
        config = self._config
        meaning = (
            config.url,
            sorted((n, str(v)) for n, v in config.params.items()),
            config.records,
            config.incremental,
        )
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]
