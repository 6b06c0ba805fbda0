"""Pseudonyms under a partner's key: the same person is the same one in each release to a partner, and another one
at every other partner.

Invariant: without the key no pseudonym can be made or tried (a plain hash of a CPF is found by trying all 10^9);
the key, and what a pseudonym stands for, are in no table, message or repr.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from afluente.core.errors import DataRefused

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace

FEWEST_BYTES = 32
FEWEST_DIFFERENT = 8
LENGTH = 26
"""Characters of a pseudonym: 130 bits."""

_PURPOSE = b"afluente pseudonym 1"
_FINGERPRINT = b"afluente pseudonym key id 1"
_HINT = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """A partner's key. `key_id` is its fingerprint, which may be told."""

    partner: str
    key_id: str
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, partner: str, secret: str) -> PseudonymKey:
        """The key of a secret's text. DataRefused when it is missing, short, or could be guessed."""
        key = secret.strip().encode()
        if not key:
            raise DataRefused(
                "privacy.no_pseudonym_key",
                f"partner '{partner}' has no pseudonym key, and a plain hash can be undone by trying every number",
                hint=_HINT,
            )
        if len(key) < FEWEST_BYTES or len(set(key)) < FEWEST_DIFFERENT:
            raise DataRefused(
                "privacy.weak_pseudonym_key",
                f"the pseudonym key of partner '{partner}' has less than {FEWEST_BYTES} bytes, or too few different ones",
                hint=_HINT,
            )
        if secret.strip().lower() in _guesses(partner):
            raise DataRefused(
                "privacy.weak_pseudonym_key",
                f"the pseudonym key of partner '{partner}' can be computed from the partner's name",
                hint=_HINT,
            )
        return cls(partner, _mac(key, _FINGERPRINT, partner).hex()[:16], key)

    def pseudonym(self, column: str, value: str) -> str:
        """The pseudonym of one value of one column."""
        return _text(hmac.digest(self._of_column(column), value.encode(), "sha256"))

    def pseudonyms(self, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """The pseudonyms of a column; null stays null. Each different value is computed once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        key = self._of_column(column)
        encoded = pc.dictionary_encode(pc.cast(values, pa.string()).combine_chunks())
        made = [_text(hmac.digest(key, text.encode(), "sha256")) for text in encoded.dictionary.to_pylist()]
        return pa.chunked_array([pa.array(made, pa.string()).take(encoded.indices)])

    def _of_column(self, column: str) -> bytes:
        return _mac(self._key, _PURPOSE, self.partner, column)


def key_of(workspace: Workspace, product: Product) -> PseudonymKey:
    """The key of a product's partner, in use. DataRefused when there is none, or it is weak, retired or expired."""
    reference = product.privacy.pseudonym_key
    key = PseudonymKey.of(product.partner, "" if reference is None else workspace.secret(reference))
    with workspace.state.read() as connection:
        check_key(connection, key, at=workspace.clock.now(), key_days=product.retention.key_days)
    return key


def check_key(connection: sa.Connection, key: PseudonymKey, *, at: datetime, key_days: int) -> None:
    """DataRefused when the key was retired or its time is over."""
    import sqlalchemy as sa

    from afluente.state.release_schema import PSEUDONYM_KEYS

    query = sa.select(PSEUDONYM_KEYS).where(
        PSEUDONYM_KEYS.c.partner == key.partner, PSEUDONYM_KEYS.c.key_id == key.key_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return
    hint = "give 'pseudonym_key' a new key: the partner's old pseudonyms end with it"
    if row.retired_at is not None:
        raise DataRefused(
            "privacy.pseudonym_key_retired",
            f"pseudonym key {key.key_id} of partner '{key.partner}' was retired",
            hint=hint,
        )
    ends = row.expires_at
    if ends is None and key_days:
        ends = row.first_used_at + timedelta(days=key_days)
    if ends is not None and ends <= at:
        raise DataRefused(
            "privacy.pseudonym_key_expired",
            f"pseudonym key {key.key_id} of partner '{key.partner}' expired at {ends:%Y-%m-%d}",
            hint=hint,
        )


def record_key(connection: sa.Connection, key: PseudonymKey, *, at: datetime, key_days: int) -> None:
    """Write down the first use of a key, in the transaction of the release that uses it; later uses change nothing."""
    import sqlalchemy as sa

    from afluente.state.release_schema import PSEUDONYM_KEYS

    check_key(connection, key, at=at, key_days=key_days)
    known = sa.select(PSEUDONYM_KEYS.c.key_id).where(
        PSEUDONYM_KEYS.c.partner == key.partner, PSEUDONYM_KEYS.c.key_id == key.key_id
    )
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            sa.insert(PSEUDONYM_KEYS).values(
                partner=key.partner,
                key_id=key.key_id,
                first_used_at=at,
                expires_at=at + timedelta(days=key_days) if key_days else None,
                retired_at=None,
            )
        )


def _mac(key: bytes, purpose: bytes, *names: str) -> bytes:
    """Each name with its length before it, so that no two lists of names are one text."""
    message = purpose + b"".join(len(name.encode()).to_bytes(4) + name.encode() for name in names)
    return hmac.digest(key, message, "sha256")


def _text(digest: bytes) -> str:
    return base64.b32encode(digest).decode("ascii").lower()[:LENGTH]


def _guesses(partner: str) -> set[str]:
    kinds = ("md5", "sha1", "sha256", "sha512")
    return {hashlib.new(kind, partner.encode(), usedforsecurity=False).hexdigest() for kind in kinds}
