"""Opening what the hub sealed to this installation.

Invariant: what was sealed for another key, site or version, or was changed, opens as nothing.
"""

from __future__ import annotations

import base64
import binascii

from afluente_agent.identity import Identity
from afluente_agent.protocol.sealing import (
    KEY_BYTES,
    NONCE,
    TAG_BYTES,
    agreement_private,
    agreement_public,
    associated,
    information,
)


class NotForUsError(Exception):
    """What is sealed does not open with this key, in this place."""


def open_sealed(identity: Identity, sealed: str, *, purpose: str, site: str, version: int) -> bytes:
    """The secret. NotForUsError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    try:
        content = base64.b64decode(sealed, validate=True)
        if len(content) < KEY_BYTES + TAG_BYTES:
            raise NotForUsError
        ephemeral, box = content[:KEY_BYTES], content[KEY_BYTES:]
        private = X25519PrivateKey.from_private_bytes(agreement_private(base64.b64decode(identity.seed)))
        shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        recipient = agreement_public(base64.b64decode(identity.public_key))
        info = information(ephemeral, recipient)
        key = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)
        about = associated(purpose=purpose, site=site, version=version)
        return ChaCha20Poly1305(key).decrypt(NONCE, box, about)
    except (InvalidTag, binascii.Error, ValueError):
        raise NotForUsError from None
