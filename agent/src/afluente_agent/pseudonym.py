"""Pseudonyms made at the source: HMAC-SHA256 of a value with a key of the project that this program never tells.

The same person has the same pseudonym in all lists of a project and another one in every other project; a CPF and a
CNS with the same digits have different ones. The key comes in the signed configuration; without it a pseudonym cannot
be turned back by trying all CPFs, with it it can: it is a secret of the project.

Invariant: NULL stays NULL and an empty value empty; nothing of the value itself is in the pseudonym.
"""

from __future__ import annotations

import hmac

from afluente_agent.errors import CatalogueError
from afluente_agent.list_format import NULL

LEAST_KEY_BYTES = 32
PSEUDONYM_BYTES = 16
_CONTEXT = b"afluente-pseudonym-v1\0"


class Pseudonyms:
    """Makes the pseudonyms of one project."""

    def __init__(self, key: bytes) -> None:
        if len(key) < LEAST_KEY_BYTES or len(set(key)) < LEAST_KEY_BYTES // 4:
            raise CatalogueError(
                "pseudonym.weak_key",
                "a chave de pseudônimos do projeto é curta ou fraca demais",
                f"the project's key has fewer than {LEAST_KEY_BYTES} bytes, or hardly any that differ",
                "Nada foi lido do PEC. Avise a equipe da central.",
            )
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonyms(...)"

    def of(self, identity: str, field: bytes) -> bytes:
        """The pseudonym, in 32 hexadecimal digits, of a field of COPY's text; `identity` is its class (cpf, cns ...)."""
        value = field.strip()
        if value in (NULL, b""):
            return value
        whole = _CONTEXT + identity.encode() + b"\0" + value
        return hmac.digest(self._key, whole, "sha256")[:PSEUDONYM_BYTES].hex().encode()
