"""What is signed of a request, as bytes. The signature itself (Ed25519) is made and checked outside.

Invariant: two requests that differ in anything that matters have different texts: no field can flow into another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

AGENT_HEADER = "Afluente-Agent"
KEY_HEADER = "Afluente-Key"
TIME_HEADER = "Afluente-Time"
NONCE_HEADER = "Afluente-Nonce"
SIGNATURE_HEADER = "Afluente-Signature"
CONTENT_HEADER = "Afluente-Content-Sha256"
CONTEXT = b"afluente-request-v1"


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


def content_sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
