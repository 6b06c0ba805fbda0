"""The headers that sign a request.

Invariant: every call has a nonce of its own, so that a retry is signed again and never sent twice as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from afluente_agent.identity import Identity
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

NONCE_BYTES = 18
COVERED = ("upload-offset",)
"""Further headers that a signature covers when they are sent, in this order."""


def signed_headers(
    identity: Identity, *, method: str, target: str, body: bytes, headers: Mapping[str, str], at: int
) -> dict[str, str]:
    """What to add to a request. `target` is the path with its query as sent; `at` the hub's time."""
    given = {name.lower(): value for name, value in headers.items()}
    signed = Signed(
        agent=identity.agent,
        key=identity.key,
        method=method.upper(),
        target=target,
        at=at,
        nonce=secrets.token_urlsafe(NONCE_BYTES),
        content_sha256=content_sha256(body),
        headers=tuple((name, given[name]) for name in COVERED if name in given),
    )
    return {
        AGENT_HEADER: signed.agent,
        KEY_HEADER: signed.key,
        TIME_HEADER: str(signed.at),
        NONCE_HEADER: signed.nonce,
        CONTENT_HEADER: signed.content_sha256,
        SIGNATURE_HEADER: identity.sign(signed.text()),
    }
