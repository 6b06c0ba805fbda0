"""The hub's signed order to update or to go back.

Invariant: an order is followed only when a key of the hub signed it for this agent, it has not expired, and its number
is not lower than that of any order seen; only an order to go back may name an older version.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import MessageError, SignedDocument, from_json, to_json
from afluente_agent.update.version_number import is_version

KIND = "update"
CONTEXT = b"afluente-document-v1\0"
OFFER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Offer:
    """`version` to run; `leaving` is the version to go back from. Times are the hub's, in seconds since 1970."""

    agent: str
    action: Literal["update", "roll_back"]
    version: str
    rollout: str
    number: int
    expires_at: int
    leaving: str = ""


def body(offer: Offer) -> str:
    """The text that is signed."""
    return to_json(offer).decode()


def read_offer(
    document: SignedDocument, *, agent: str, hub_keys: Sequence[str], hub_time: int, newest_number: int
) -> Offer:
    """The order in a document, once everything about it was found right. UpdateError."""
    if document.kind != KIND:
        raise _refused("kind", "it is of another kind")
    if not _is_signed(document, hub_keys):
        raise _refused("signature", "it is not signed by a key of the hub")
    try:
        offer = from_json(Offer, document.body.encode(), is_strict=True)
    except MessageError:
        raise _refused("content", "it cannot be read") from None
    if not is_version(offer.version) or offer.number != document.version:
        raise _refused("content", "it names no version")
    if offer.agent != agent:
        raise _refused("agent", "it is for another agent")
    if offer.expires_at <= hub_time:
        raise _refused("expired", "it has expired")
    if offer.number < newest_number:
        raise _refused("replayed", "a newer one was seen")
    return offer


def _is_signed(document: SignedDocument, hub_keys: Sequence[str]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if document.key not in hub_keys:
        return False
    content = CONTEXT + document.kind.encode() + b"\0" + document.body.encode()
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(document.key, validate=True))
        key.verify(base64.b64decode(document.signature, validate=True), content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _refused(what: str, why: str) -> UpdateError:
    return UpdateError(
        f"update.offer_{what}",
        "a ordem de atualização não veio como deveria e não foi seguida",
        f"the order to update was refused: {why}",
        "Não é preciso fazer nada: a versão atual continua. O suporte verá este aviso.",
    )
