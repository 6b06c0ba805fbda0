"""What is signed of a request, as bytes and as headers. The signature itself (Ed25519) is made and checked outside.

Invariant: two requests that differ in anything that matters have different texts: no field can flow into another.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

AGENT_HEADER = "Afluente-Agent"
KEY_HEADER = "Afluente-Key"
TIME_HEADER = "Afluente-Time"
NONCE_HEADER = "Afluente-Nonce"
SIGNATURE_HEADER = "Afluente-Signature"
CONTENT_HEADER = "Afluente-Content-Sha256"
OFFSET_HEADER = "Upload-Offset"
COVERED = (OFFSET_HEADER.lower(),)
"""Further headers that a signature covers when they are sent, in this order."""
CONTEXT = b"afluente-request-v1"
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
MOST_HEADER_BYTES = 200
"""The longest that a header of the signature may be."""
_NONCE_BYTES = 18
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"-?[0-9]{1,15}")


class NotSignedError(Exception):
    """The headers of a request are not those of a signed one."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a request that its signature covers.

    `target` is the path with its query as sent. `at` is the hub's time in whole seconds since 1970, as the agent
    reckons it from the offset it learned. `nonce` is 16 to 64 characters of base64url, never used twice by a key.
    `content_sha256` is the lower-case hex digest of the body. `headers` are further headers that matter (upload
    offset), as (lower-case name, value) in order.
    """

    agent: str
    key: str
    method: str
    target: str
    at: int
    nonce: str
    content_sha256: str
    headers: tuple[tuple[str, str], ...] = ()

    def text(self) -> bytes:
        """Each part with its length before it."""
        parts = [self.agent, self.key, self.method.upper(), self.target, str(self.at), self.nonce, self.content_sha256]
        for name, value in self.headers:
            parts += [name, value]
        encoded = [part.encode() for part in parts]
        return CONTEXT + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)

    def headers_with(self, signature: str) -> dict[str, str]:
        """The headers of the signed request, but for those that it covers besides."""
        return {
            AGENT_HEADER: self.agent,
            KEY_HEADER: self.key,
            TIME_HEADER: str(self.at),
            NONCE_HEADER: self.nonce,
            CONTENT_HEADER: self.content_sha256,
            SIGNATURE_HEADER: signature,
        }


def read_headers(
    header: Callable[[str], str], *, method: str, target: str, covered: tuple[str, ...] = ()
) -> tuple[Signed, str]:
    """What was signed, and the signature. `header` gives the one value of a name. NotSignedError."""
    digest, moment = header(CONTENT_HEADER), header(TIME_HEADER)
    if _DIGEST.fullmatch(digest) is None or _TIME.fullmatch(moment) is None:
        raise NotSignedError
    signed = Signed(
        agent=header(AGENT_HEADER),
        key=header(KEY_HEADER),
        method=method,
        target=target,
        at=int(moment),
        nonce=header(NONCE_HEADER),
        content_sha256=digest,
        headers=tuple((name.lower(), header(name)) for name in covered),
    )
    return signed, header(SIGNATURE_HEADER)


def new_nonce() -> str:
    return secrets.token_urlsafe(_NONCE_BYTES)


def content_sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
