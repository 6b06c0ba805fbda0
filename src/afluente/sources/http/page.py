"""What stands in a page of an API: records by a dotted path, the next cursor, the number of pages."""

from __future__ import annotations

from collections.abc import Sequence

from afluente.core.errors import SourceError
from afluente.core.nearest import did_you_mean
from afluente.sources.json_records import JsonValue, decode


def decode_page(body: bytes, *, where: str) -> JsonValue:
    """A page's JSON, numbers verbatim. SourceError `source.response_unreadable`."""
    try:
        return decode(body.decode("utf-8-sig"))
    except ValueError as error:
        raise SourceError(
            "source.response_unreadable",
            f"{where} did not answer JSON: {len(body)} bytes that cannot be decoded",
            hint="check the url; the API may answer a web page or another format",
        ) from error


def at_path(page: JsonValue, path: str) -> JsonValue:
    """The value at a dotted path, None where there is none."""
    for part in path.split("."):
        if not isinstance(page, dict):
            return None
        page = page.get(part)
    return page


def records_of(page: JsonValue, path: str, *, where: str) -> Sequence[JsonValue]:
    """The records of a page. SourceError `source.records_missing` when the path leads nowhere."""
    found = at_path(page, path) if path else page
    if isinstance(found, list):
        return found
    if found is None and path and not _exists(page, path):
        keys = list(page) if isinstance(page, dict) else []
        raise SourceError(
            "source.records_missing",
            f"{where}: a page has nothing at '{path}'",
            hint=f"set the option records; in the page: {did_you_mean(path, keys)}",
        )
    return [] if found is None else [found]


def _exists(page: JsonValue, path: str) -> bool:
    *parents, last = path.split(".")
    parent = at_path(page, ".".join(parents)) if parents else page
    return isinstance(parent, dict) and last in parent
