"""The headers that sign a request.

Invariant: every call has a nonce of its own, so that a retry is signed again and never sent twice as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from afluente_agent.identity import Identity
from afluente_agent.protocol.signing import COVERED, Signed, content_sha256, new_nonce


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
        nonce=new_nonce(),
        content_sha256=content_sha256(body),
        headers=tuple((name, given[name]) for name in COVERED if name in given),
    )
    return signed.headers_with(identity.sign(signed.text()))
