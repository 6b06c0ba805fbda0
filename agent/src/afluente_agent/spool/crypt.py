"""The key of the spool, and what is sealed with it (AES-256-GCM).

Invariant: what was sealed for one place does not open in another; the key stands in the identity folder (0600) and
is never overwritten: one that is damaged is put beside.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import durable
from afluente_agent.spool import trouble

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "spool.key"
KEY_BYTES = 32
CHECK_BYTES = 8
NONCE_BYTES = 12
OVERHEAD_BYTES = NONCE_BYTES + 16
"""What sealing adds: the nonce before, the tag after."""


class SpoolKey:
    """Seals and opens. Each sealing has its own random nonce."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher: AESGCM | None = None

    def seal(self, content: bytes, about: bytes) -> bytes:
        """Nonce, ciphertext and tag; `about` is bound to it and not stored."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aes().encrypt(nonce, content, about)

    def open(self, sealed: bytes, about: bytes, *, what: str) -> bytes:
        """The content. SpoolError when a bit of it, of the key or of `about` is another."""
        from cryptography.exceptions import InvalidTag

        if len(sealed) < OVERHEAD_BYTES:
            raise trouble.broken(what)
        try:
            return self._aes().decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except InvalidTag:
            raise trouble.broken(what) from None

    def _aes(self) -> AESGCM:
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._key)
        return self._cipher


def load_key(folder: Path) -> tuple[SpoolKey, bool]:
    """The key of an identity folder, made when there is none; and whether one was lost. SpoolError."""
    path = folder / KEY_FILE
    try:
        with durable.locked(folder / "spool-key.lock"):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return _make(path), False
            key = content[:KEY_BYTES]
            if len(content) == KEY_BYTES + CHECK_BYTES and content[KEY_BYTES:] == _check(key):
                if os.name == "posix" and path.stat().st_mode & 0o077:
                    path.chmod(durable.PRIVATE_FILE)
                return SpoolKey(key), False
            path.replace(_beside(path))
            return _make(path), True
    except OSError as error:
        raise trouble.failed(error) from error


def _make(path: Path) -> SpoolKey:
    key = os.urandom(KEY_BYTES)
    durable.replace(path, key + _check(key))
    return SpoolKey(key)


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"afluente-spool-key" + key).digest()[:CHECK_BYTES]


def _beside(path: Path) -> Path:
    number = 1
    while path.with_name(f"{KEY_FILE}.damaged-{number}").exists():
        number += 1
    return path.with_name(f"{KEY_FILE}.damaged-{number}")
