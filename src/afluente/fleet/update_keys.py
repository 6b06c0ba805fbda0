"""The keys of the TUF repository, by role.

Invariant: a key's text is seen while a signer is made of it and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from afluente.fleet.refusal import FleetError
from afluente.state.secret import Secret

if TYPE_CHECKING:
    from securesystemslib.signer import Signer  # type: ignore[attr-defined]

Role = Literal["root", "targets", "snapshot", "timestamp"]
ROLES: tuple[Role, ...] = get_args(Role)
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class UpdateKeys:
    """The keys at hand. The daily work needs those of `timestamp` and `snapshot`; the others may stay elsewhere."""

    root: Sequence[Secret] = ()
    targets: Sequence[Secret] = ()
    snapshot: Sequence[Secret] = ()
    timestamp: Sequence[Secret] = field(default=())

    def of(self, role: Role) -> Sequence[Secret]:
        match role:
            case "root":
                return self.root
            case "targets":
                return self.targets
            case "snapshot":
                return self.snapshot
            case "timestamp":
                return self.timestamp

    def signers(self, role: Role) -> list[Signer]:
        """Signers of a role. FleetError when there are none, or a key is no key."""
        signers = [signer_of(secret) for secret in self.of(role)]
        if not signers:
            raise FleetError(
                "update.key_missing",
                f"there is no {role} key at hand",
                hint="give a reference such as secret:file:PATH; make a key with `afluente hub key`",
            )
        return signers


def signer_of(secret: Secret) -> Signer:
    """A signer of a key given as base64 of its 32 bytes. FleetError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    try:
        seed = base64.b64decode(secret.reveal().strip(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise FleetError(
            "update.key",
            "an update key is not 32 bytes in base64",
            hint="make one with `afluente hub key` and keep it as a secret",
        )
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))
