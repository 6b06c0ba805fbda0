"""Options of the connector `http`, read into a frozen dataclass. Imports nothing heavy.

url: https://...           params, headers: mappings; a value may be a secret
auth: {bearer: secret:...} | {basic: {user: ..., password: secret:...}}
records: data.items        where the records stand in a page; without it the page is a list, or one record
pagination: {kind: cursor, next: meta.next, param: cursor}      without param the value is the next page's address
            {kind: page, param: page, start: 1, total_pages: meta.pages}    ends at an empty page or at the total
            {kind: link}                                        the Link header, rel=next
incremental: {param: desde, field: atualizado_em, initial: "2020-01-01"}
timeout_seconds, max_attempts, backoff_seconds, max_total_seconds, max_pages, max_page_mb, max_columns
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlsplit

from afluente.core.errors import Problem
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.options import Options

PaginationKind = Literal["none", "cursor", "page", "link"]
_KINDS = ("none", "cursor", "page", "link")


@dataclass(frozen=True, slots=True)
class Auth:
    """Bearer token, or user and password."""

    bearer: SecretReference | None = None
    user: str | SecretReference | None = None
    password: SecretReference | None = None


@dataclass(frozen=True, slots=True)
class Pagination:
    """How the next page is asked for. `next` and `total_pages` are dotted paths inside a page."""

    kind: PaginationKind = "none"
    next: str = ""
    param: str = ""
    start: int = 1
    total_pages: str = ""


@dataclass(frozen=True, slots=True)
class IncrementalConfig:
    """`param` is sent with the greatest `field` seen so far, with `initial` the first time (nothing if empty)."""

    param: str
    field: str
    initial: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """One list of records of one API."""

    name: str
    url: str
    params: Mapping[str, str | SecretReference]
    headers: Mapping[str, str | SecretReference]
    auth: Auth | None
    records: str
    pagination: Pagination
    incremental: IncrementalConfig | None
    timeout_seconds: float = 30
    max_attempts: int = 5
    backoff_seconds: float = 1
    max_total_seconds: float = 3600
    max_pages: int = 10_000
    max_page_mb: int = 64
    max_columns: int = 2_000

    @property
    def has_secrets(self) -> bool:
        """Whether a request carries anything another host must not see."""
        values = (*self.params.values(), *self.headers.values())
        return self.auth is not None or any(isinstance(value, SecretReference) for value in values)


def parse(settings: SourceSettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = Options(settings)
    options.choice("method", ("GET",), "GET")
    config = Config(
        name=settings.name,
        url=_url(options),
        params=options.scalars("params"),
        headers=options.scalars("headers"),
        auth=_auth(options),
        records=options.text("records"),
        pagination=_pagination(options),
        incremental=_incremental(options),
        timeout_seconds=options.number("timeout_seconds", 30, minimum=0.1),
        max_attempts=options.integer("max_attempts", 5, minimum=1, maximum=20),
        backoff_seconds=options.number("backoff_seconds", 1),
        max_total_seconds=options.number("max_total_seconds", 3600, minimum=1),
        max_pages=options.integer("max_pages", 10_000, minimum=1),
        max_page_mb=options.integer("max_page_mb", 64, minimum=1, maximum=1024),
        max_columns=options.integer("max_columns", 2_000, minimum=1),
    )
    options.finish()
    return options.problems or config


def _url(options: Options) -> str:
    url = options.text("url", required=True)
    if not url:
        return url
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_right = False
    if not is_right:
        options.refuse("option 'url' is not an http or https address", "url: https://host/path")
    elif "@" in parts.netloc:
        options.refuse(
            "option 'url' holds a user or password",
            "use auth: {basic: {user: ..., password: secret:env:NAME}}",
            code="literal_secret",
        )
    return url


def _auth(options: Options) -> Auth | None:
    section = options.section("auth", example="{bearer: secret:env:NAME}")
    if section is None:
        return None
    bearer, basic = section.secret("bearer"), section.section("basic")
    user: str | SecretReference | None = None
    password: SecretReference | None = None
    if basic is not None:
        user, password = basic.text_or_secret("user"), basic.secret("password")
        basic.finish()
        if user is None:
            basic.refuse("option 'auth.basic.user' is missing", code="option_missing")
    section.finish()
    if section.has("bearer") == section.has("basic"):
        section.refuse("option 'auth' needs either bearer or basic", "auth: {bearer: secret:env:NAME}")
    return Auth(bearer, user, password)


def _pagination(options: Options) -> Pagination:
    section = options.section("pagination", example="{kind: page, param: page}")
    if section is None:
        return Pagination()
    found = Pagination(
        kind=cast("PaginationKind", section.choice("kind", _KINDS, "none")),
        next=section.text("next"),
        param=section.text("param"),
        start=section.integer("start", 1),
        total_pages=section.text("total_pages"),
    )
    if found.kind == "cursor" and not found.next:
        section.refuse("option 'pagination.next' is missing", "next: meta.next_cursor", code="option_missing")
    if found.kind == "page" and not found.param:
        section.refuse("option 'pagination.param' is missing", "param: page", code="option_missing")
    section.finish()
    return found


def _incremental(options: Options) -> IncrementalConfig | None:
    section = options.section("incremental", example="{param: desde, field: atualizado_em}")
    if section is None:
        return None
    found = IncrementalConfig(
        section.text("param", required=True), section.text("field", required=True), section.text("initial")
    )
    section.finish()
    return found
