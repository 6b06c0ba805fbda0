"""The project's key of pseudonyms: it comes from a secret, and goes to an agent sealed to that agent.

Invariant: the key itself stands in no table, document, log or answer; of it only a digest that names it is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afluente.fleet.refusal import FleetError, Refusal
from afluente_agent.protocol.sealing import (
    KEY_BYTES,
    NONCE,
    PSEUDONYM_KEY,
    agreement_public,
    associated,
    information,
)

if TYPE_CHECKING:
    from afluente.state.secret import Secret

LEAST_DISTINCT = 8
NAME_BYTES = 8
_HINT = "openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """At least 32 bytes, hardly any of them alike."""

    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.content) < KEY_BYTES or len(set(self.content)) < LEAST_DISTINCT:
            raise FleetError(
                "fleet.pseudonym_key",
                f"the key of pseudonyms has fewer than {KEY_BYTES} bytes, or hardly any that differ",
                hint=_HINT,
            )

    @property
    def name(self) -> str:
        """Tells one key from another and gives nothing of it away."""
        return hashlib.sha256(b"afluente-pseudonym-key" + self.content).digest()[:NAME_BYTES].hex()

    def seal(self, public_key: str, *, site: str, version: int) -> str:
        """The key for the agent with this Ed25519 key (base64), in one version of its site's configuration. Refusal."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        private = X25519PrivateKey.generate()
        ephemeral = private.public_key().public_bytes_raw()
        try:
            recipient = agreement_public(base64.b64decode(public_key, validate=True))
            shared = private.exchange(X25519PublicKey.from_public_bytes(recipient))
        except (binascii.Error, ValueError):
            raise Refusal(
                "bad_key", "nada pode ser cifrado para a chave enviada", "nothing can be sealed to the key sent"
            ) from None
        info = information(ephemeral, recipient)
        key = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)
        about = associated(purpose=PSEUDONYM_KEY, site=site, version=version)
        return base64.b64encode(ephemeral + ChaCha20Poly1305(key).encrypt(NONCE, self.content, about)).decode()


def read_pseudonym_key(secret: Secret) -> PseudonymKey:
    """The key of `fleet.pseudonym_key`: base64. FleetError."""
    try:
        content = base64.b64decode(secret.reveal().strip(), validate=True)
    except (binascii.Error, ValueError):
        raise FleetError("fleet.pseudonym_key", "the key of pseudonyms is not base64", hint=_HINT) from None
    return PseudonymKey(content)
