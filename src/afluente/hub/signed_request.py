"""A request's signature, read from its headers.

Invariant: a header that matters stands once, or the request is refused; what is signed is the target as it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.fleet.refusal import Refusal
from afluente_agent.protocol.refusal_codes import BAD_SIGNATURE, CONTENT_MISMATCH
from afluente_agent.protocol.signing import MOST_HEADER_BYTES, NotSignedError, Signed, content_sha256, read_headers

if TYPE_CHECKING:
    from starlette.types import Scope


def read_signed(scope: Scope, *, covered: tuple[str, ...] = ()) -> tuple[Signed, str]:
    """What was signed, by the headers, and the signature. `covered` are further headers that it covers. Refusal 401."""
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    try:
        return read_headers(
            lambda name: _one(scope, name), method=scope["method"], target=target.decode("latin-1"), covered=covered
        )
    except NotSignedError:
        raise _unsigned() from None


def check_content(signed: Signed, body: bytes) -> None:
    """Refusal unless the body is the one that the signature covers."""
    if content_sha256(body) != signed.content_sha256:
        raise Refusal(
            CONTENT_MISMATCH,
            "o conteúdo chegou diferente do que foi assinado; envie de novo",
            "the body is not the one that was signed; send it again",
        )


def _one(scope: Scope, name: str) -> str:
    wanted = name.lower().encode()
    values = [value for key, value in scope["headers"] if key == wanted]
    if len(values) != 1 or len(values[0]) > MOST_HEADER_BYTES:
        raise NotSignedError
    try:
        return bytes(values[0]).decode("ascii")
    except UnicodeDecodeError:
        raise NotSignedError from None


def _unsigned() -> Refusal:
    return Refusal(
        BAD_SIGNATURE,
        "faltam cabeçalhos da assinatura, ou um proxy os alterou",
        "headers of the signature are missing, or a proxy changed them",
        status=401,
    )
