"""Page after page until the end, each kept as sent in one archive.

Invariant: it ends. Pages and time are bounded, and an API that points to a page already read is an error.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from afluente.core.errors import SourceError
from afluente.sources.http.config import Config
from afluente.sources.http.fetch import Answer, Fetcher, label
from afluente.sources.http.page import at_path, decode_page, records_of
from afluente.sources.json_records import JsonValue, Number, text_of

_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: how many records, a digest of them alone, and the greatest value of the incremental field."""

    records: int
    sha256: str
    high: str | None


def fetch_pages(config: Config, fetcher: Fetcher, target: Path, *, since: str) -> Fetched:
    """Write every page to the archive `target`."""
    digest = hashlib.sha256()
    count = 0
    high = since or None
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, (answer, page) in enumerate(_pages(config, fetcher, since), start=1):
            archive.writestr(_member(number), answer.body)
            records = records_of(page, config.records, where=label(answer.url))
            count += len(records)
            for record in records:
                digest.update((text_of(record) or "null").encode() + b"\n")
                high = _greater(high, record, config)
    return Fetched(count, digest.hexdigest(), high)


def _member(number: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"page-{number:06d}.json", _FIRST_MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _greater(high: str | None, record: JsonValue, config: Config) -> str | None:
    if config.incremental is None:
        return None
    value = at_path(record, config.incremental.field)
    if not isinstance(value, str) or not value:
        return high
    if high is None:
        return str(value)
    if isinstance(value, Number):
        return str(value) if float(value) > float(high) else high
    return max(high, value)


def _pages(config: Config, fetcher: Fetcher, since: str) -> Iterator[tuple[Answer, JsonValue]]:
    pagination = config.pagination
    sent: dict[str, str] = {}
    if config.incremental is not None and since:
        sent[config.incremental.param] = since
    page_number = pagination.start
    if pagination.kind == "page":
        sent[pagination.param] = str(page_number)
    url: httpx.URL | None = fetcher.first_url(sent)
    seen: set[str] = set()
    last_body = b""
    for _ in range(config.max_pages):
        if url is None:
            return
        seen.add(str(url))
        answer = fetcher.get(url)
        page = decode_page(answer.body, where=label(url))
        is_empty = not records_of(page, config.records, where=label(url))
        if pagination.kind == "page":
            if is_empty and last_body:
                return
            _refuse_repeated(answer.body == last_body, url)
            last_body = answer.body
        yield answer, page
        if pagination.kind == "page" and is_empty:
            return
        page_number += 1
        url = _next(config, fetcher, answer, page, sent, page_number)
        _refuse_repeated(url is not None and str(url) in seen, url or answer.url)
    if url is not None:
        raise SourceError(
            "source.too_many_pages",
            f"{label(url)} has more than {config.max_pages} pages",
            hint="ask for larger pages, read incrementally, or raise max_pages",
        )


def _next(
    config: Config, fetcher: Fetcher, answer: Answer, page: JsonValue, sent: dict[str, str], page_number: int
) -> httpx.URL | None:
    pagination = config.pagination
    match pagination.kind:
        case "none":
            return None
        case "link":
            return fetcher.next_url(answer.url, answer.link_next) if answer.link_next else None
        case "cursor":
            cursor = at_path(page, pagination.next)
            if not isinstance(cursor, str) or not cursor:
                return None
            if not pagination.param:
                return fetcher.next_url(answer.url, cursor)
            return fetcher.first_url({**sent, pagination.param: str(cursor)})
        case "page":
            total = at_path(page, pagination.total_pages) if pagination.total_pages else None
            if isinstance(total, str) and total.isdigit() and page_number > int(total) + min(pagination.start, 1) - 1:
                return None
            return fetcher.first_url({**sent, pagination.param: str(page_number)})


def _refuse_repeated(is_repeated: bool, url: httpx.URL) -> None:  # noqa: FBT001
    if is_repeated:
        raise SourceError(
            "source.pagination_loop",
            f"{label(url)} gives the same page again",
            hint="check the option pagination: the API may ignore its parameter",
        )
