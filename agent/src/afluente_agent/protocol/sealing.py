r"""Sealing to one agent: what the hub and the agent must do alike. The ciphers themselves are used outside.

A secret is sealed to the agent's identity: its Ed25519 key as an X25519 key (the map of RFC 7748, 4.1), an ephemeral
X25519 key of the hub, HKDF-SHA256 of what the two share with `information` as info, and ChaCha20-Poly1305 under that
key with a nonce of zeros, for the key is used once. What is sent is the ephemeral public key and the ciphertext.

Invariant: what was sealed for one agent, site, version or purpose opens for no other.
"""

from __future__ import annotations

import hashlib

CONTEXT = b"afluente-seal-v1\0"
KEY_BYTES = 32
TAG_BYTES = 16
NONCE = bytes(12)
PSEUDONYM_KEY = "pseudonym_key"
"""The field of a configuration that holds the project's key of pseudonyms, sealed: `to` (a public key) and `sealed`."""
_PRIME = 2**255 - 19


def agreement_public(public_key: bytes) -> bytes:
    """The X25519 public key of an Ed25519 one. ValueError where it has none."""
    if len(public_key) != KEY_BYTES:
        raise ValueError("not a key")
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    if y in (0, 1, _PRIME - 1) or y >= _PRIME:
        raise ValueError("a key of a small order")
    return ((1 + y) * pow(1 - y, -1, _PRIME) % _PRIME).to_bytes(KEY_BYTES, "little")


def agreement_private(seed: bytes) -> bytes:
    """The X25519 private key that belongs to an Ed25519 seed."""
    return hashlib.sha512(seed).digest()[:KEY_BYTES]


def information(ephemeral: bytes, recipient: bytes) -> bytes:
    """What the key of a sealing is bound to: both public X25519 keys."""
    return CONTEXT + ephemeral + recipient


def associated(*, purpose: str, site: str, version: int) -> bytes:
    """What the ciphertext is bound to, each part with its length before it."""
    parts = [purpose.encode(), site.encode(), str(version).encode()]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
