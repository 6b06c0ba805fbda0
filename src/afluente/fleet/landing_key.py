"""The keys that landing is encrypted with: one that seals, and older ones that still open.

Invariant: a key is 32 random bytes that come from a secret; a file names its key by a digest, never holds it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afluente.fleet.refusal import FleetError

if TYPE_CHECKING:
    from afluente.state.secret import Secret

KEY_BYTES = 32
KEY_ID_BYTES = 8
_HINT = "openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class LandingKeys:
    """`current` seals what comes; `older` open what came before it."""

    current: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if any(len(key) != KEY_BYTES for key in (self.current, *self.older)):
            raise FleetError("landing.key", f"the landing key does not have {KEY_BYTES} bytes", hint=_HINT)

    def named(self, key_id: bytes) -> bytes:
        """The key with this id. FleetError."""
        for key in (self.current, *self.older):
            if key_id_of(key) == key_id:
                return key
        raise FleetError(
            "landing.key_unknown", "a landed file is encrypted with a key that is not among the landing keys",
            hint="put the older key after the new one in fleet.landing_key",
        )  # fmt: skip


def read_landing_keys(secret: Secret) -> LandingKeys:
    """The keys of `fleet.landing_key`: base64, the newest first, with blanks between. FleetError."""
    try:
        keys = [base64.b64decode(word, validate=True) for word in secret.reveal().split()]
    except (binascii.Error, ValueError):
        keys = []
    if not keys:
        raise FleetError("landing.key", "the landing key is not base64", hint=_HINT)
    return LandingKeys(keys[0], tuple(keys[1:]))


def key_id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"afluente-landing-key" + key).digest()[:KEY_ID_BYTES]
