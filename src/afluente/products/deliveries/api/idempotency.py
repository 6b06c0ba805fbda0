"""Keys by which a partner recognises a request that is sent again.

Invariant: the same release, output, chunk and payload always have the same key, and nothing else has it.
Source: draft-ietf-httpapi-idempotency-key-header-07 (the header is a structured field string, RFC 8941, 3.3.3).
"""

from __future__ import annotations

import hashlib

HEADER = "Idempotency-Key"


def chunk_key(release_id: str, output: str, chunk: int, payload: bytes) -> str:
    """The key of one chunk, before quoting."""
    return f"{release_id}/{output}/{chunk}/{hashlib.sha256(payload).hexdigest()}"


def completion_key(release_id: str, payload: bytes) -> str:
    """The key of the last request of a release, before quoting."""
    return f"{release_id}/complete/{hashlib.sha256(payload).hexdigest()}"


def quoted(key: str) -> str:
    """The key as a structured field string. ValueError for a character that cannot stand in one."""
    if not all(" " <= character <= "~" for character in key):
        raise ValueError("a key holds a character that is not printable ASCII")
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
