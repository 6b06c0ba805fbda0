"""Options of the connector `api`, read into a frozen dataclass. Imports nothing heavy.

url: https://...            where chunks and the final request are posted
auth: {token: secret:..., header: X-Api-Key}        without header it is `Authorization: Bearer`
      {user: ..., password: secret:...}
      {oauth2: {token_url: https://..., client_id: ..., client_secret: secret:..., scope: "..."}}
check_url: https://...      asked by GET when connections are checked; without it the url is asked by OPTIONS
webhook_secret: secret:...  signs each request after Standard Webhooks
ca_file: PATH               certificates of a private authority, relative to the project
chunk_rows, max_chunk_mb, timeout_seconds, max_request_seconds, max_attempts, backoff_seconds, max_wait_seconds, max_total_seconds

Invariant: an address without TLS is accepted for this machine only, and holds neither user nor password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from afluente.core.errors import Problem
from afluente.core.loopback import is_loopback
from afluente.products.deliveries.options import DeliveryOptions
from afluente.project.product import DeliverySettings, Product
from afluente.project.secret_reference import SecretReference

ROW_FORMATS = ("jsonl", "parquet")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"content-type", "content-length", "host", "idempotency-key", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class TokenAuth:
    """A token the partner gave. `header` is empty for `Authorization: Bearer`."""

    token: SecretReference
    header: str = ""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password."""

    user: str | SecretReference
    password: SecretReference


@dataclass(frozen=True, slots=True)
class OAuth2:
    """Client credentials. Source: RFC 6749, section 4.4; the client signs in by Basic, section 2.3.1."""

    token_url: str
    client_id: str | SecretReference
    client_secret: SecretReference
    scope: str = ""


Auth = TokenAuth | BasicAuth | OAuth2


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """One address of one partner."""

    name: str
    url: str
    auth: Auth | None
    check_url: str = ""
    webhook_secret: SecretReference | None = None
    ca_file: str = ""
    chunk_rows: int = 1000
    max_chunk_mb: int = 4
    timeout_seconds: float = 30
    max_request_seconds: float = 300
    max_attempts: int = 6
    backoff_seconds: float = 1
    max_wait_seconds: float = 120
    max_total_seconds: float = 1800


def parse(settings: DeliverySettings) -> ApiConfig | list[Problem]:
    """The options, or every mistake in them."""
    options = DeliveryOptions(settings)
    config = ApiConfig(
        name=settings.name,
        url=_url(options, "url", required=True),
        auth=_auth(options),
        check_url=_url(options, "check_url"),
        webhook_secret=options.secret("webhook_secret"),
        ca_file=options.text("ca_file"),
        chunk_rows=options.integer("chunk_rows", 1000, minimum=1, maximum=1_000_000),
        max_chunk_mb=options.integer("max_chunk_mb", 4, minimum=1, maximum=256),
        timeout_seconds=options.number("timeout_seconds", 30, minimum=0.1),
        max_request_seconds=options.number("max_request_seconds", 300, minimum=0.1),
        max_attempts=options.integer("max_attempts", 6, minimum=1, maximum=50),
        backoff_seconds=options.number("backoff_seconds", 1),
        max_wait_seconds=options.number("max_wait_seconds", 120),
        max_total_seconds=options.number("max_total_seconds", 1800, minimum=1),
    )
    options.finish()
    if settings.formats and not set(settings.formats) & set(ROW_FORMATS):
        options.refuse(
            f"carries {', '.join(settings.formats)}, and rows for an API are read from jsonl or parquet",
            "formats: [jsonl], or leave formats out",
            code="api_formats",
        )
    return options.problems or config


def output_problems(product: Product, settings: DeliverySettings) -> list[Problem]:
    """The outputs that this delivery carries and whose rows it could not read."""
    problems: list[Problem] = []
    for output in product.outputs:
        if settings.outputs and output.name not in settings.outputs:
            continue
        formats = [one for one in output.formats if not settings.formats or one in settings.formats]
        if not set(formats) & set(ROW_FORMATS):
            problems.append(
                Problem(
                    settings.place,
                    "delivery.api_formats",
                    f"delivery {settings.name}: output '{output.name}' is released as {', '.join(output.formats)}, "
                    "and rows for an API are read from jsonl or parquet",
                    f"add jsonl to the formats of '{output.name}', or leave it out of this delivery's outputs",
                )
            )
    return problems


def _url(options: DeliveryOptions, name: str, *, required: bool = False) -> str:
    url = options.text(name, required=required)
    if not url:
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_right = parts.scheme in ("http", "https") and bool(host) and (parts.port or 1) > 0 and url.isprintable()
    except ValueError:
        options.refuse(f"option '{name}' is not an http or https address", f"{name}: https://host/path")
        return ""
    if not is_right:
        options.refuse(f"option '{name}' is not an http or https address", f"{name}: https://host/path")
    elif "@" in parts.netloc:
        options.refuse(
            f"option '{name}' holds a user or password",
            "use auth: {user: ..., password: secret:env:NAME}",
            code="literal_secret",
        )
    elif parts.scheme == "http" and not is_loopback(host):
        options.refuse(
            f"option '{name}' goes to {host} without TLS",
            f"{name}: https://...; http is for this machine only",
            code="insecure",
        )
    return url


def _auth(options: DeliveryOptions) -> Auth | None:
    section = options.section("auth")
    if section is None:
        return None
    kinds = [kind for kind in ("token", "user", "oauth2") if section.has(kind)]
    auth: Auth | None = None
    if kinds == ["token"]:
        token, header = section.secret("token"), section.text("header")
        if header and (not _HEADER.fullmatch(header) or header.lower() in _OWN_HEADERS):
            section.refuse(f"option 'auth.header' is {header!r}, which cannot carry a token", "header: X-Api-Key")
        auth = TokenAuth(token, header) if token is not None else None
    elif kinds == ["user"]:
        user, password = section.text_or_secret("user"), section.secret("password")
        if not section.has("password"):
            section.refuse("option 'auth.password' is missing", code="option_missing")
        if user is not None and password is not None:
            auth = BasicAuth(user, password)
    elif kinds == ["oauth2"]:
        auth = _oauth2(section)
    else:
        section.refuse(
            "option 'auth' needs one of token, user with password, or oauth2", "auth: {token: secret:env:NAME}"
        )
        return None
    section.finish()
    return auth


def _oauth2(options: DeliveryOptions) -> OAuth2 | None:
    section = options.section("oauth2")
    if section is None:
        return None
    url = _url(section, "token_url", required=True)
    client, password = section.text_or_secret("client_id"), section.secret("client_secret")
    scope = section.text("scope")
    for name in ("client_id", "client_secret"):
        if not section.has(name):
            section.refuse(f"option 'auth.oauth2.{name}' is missing", code="option_missing")
    section.finish()
    return OAuth2(url, client, password, scope) if client is not None and password is not None else None
