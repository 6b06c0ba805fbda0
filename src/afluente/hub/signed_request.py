"""A request's signature, read from its headers.

Invariant: a header that matters stands once, or the request is refused; what is signed is the target as it was sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afluente.fleet.refusal import Refusal
from afluente_agent.protocol.signing import (
    AGENT_HEADER,
    CONTENT_HEADER,
    KEY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    Signed,
    content_sha256,
)

if TYPE_CHECKING:
    from starlette.types import Scope

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"-?[0-9]{1,15}")
_LONGEST = 200


def read_signed(scope: Scope, *, covered: tuple[str, ...] = ()) -> tuple[Signed, str]:
    """What was signed, by the headers, and the signature. `covered` are further headers that it covers. Refusal 401."""
    digest, moment = _one(scope, CONTENT_HEADER), _one(scope, TIME_HEADER)
    if _DIGEST.fullmatch(digest) is None or _TIME.fullmatch(moment) is None:
        raise _unsigned()
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    signed = Signed(
        agent=_one(scope, AGENT_HEADER),
        key=_one(scope, KEY_HEADER),
        method=scope["method"],
        target=target.decode("latin-1"),
        at=int(moment),
        nonce=_one(scope, NONCE_HEADER),
        content_sha256=digest,
        headers=tuple((name.lower(), _one(scope, name)) for name in covered),
    )
    return signed, _one(scope, SIGNATURE_HEADER)


def check_content(signed: Signed, body: bytes) -> None:
    """Refusal unless the body is the one that the signature covers."""
    if content_sha256(body) != signed.content_sha256:
        raise Refusal(
            "content_mismatch",
            "o conteúdo chegou diferente do que foi assinado; envie de novo",
            "the body is not the one that was signed; send it again",
        )


def _one(scope: Scope, name: str) -> str:
    wanted = name.lower().encode()
    values = [value for key, value in scope["headers"] if key == wanted]
    if len(values) != 1 or len(values[0]) > _LONGEST:
        raise _unsigned()
    try:
        return bytes(values[0]).decode("ascii")
    except UnicodeDecodeError:
        raise _unsigned() from None


def _unsigned() -> Refusal:
    return Refusal(
        "bad_signature",
        "faltam cabeçalhos da assinatura, ou um proxy os alterou",
        "headers of the signature are missing, or a proxy changed them",
        status=401,
    )
