"""Signatures by which a partner knows that a request is ours and unchanged. Source: Standard Webhooks 1.0.0.

Invariant: the signature covers the message's id, its time and every byte of its body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

PREFIX = "whsec_"


def signature_headers(secret: str, *, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`. ValueError for a secret that is not base64."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, message_id=message_id, timestamp=timestamp, body=body),
    }


def sign(secret: str, *, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256. ValueError for a secret that is not base64; it does not hold the secret."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the secret is not base64") from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def message_id_of(key: str) -> str:
    """The id of the message with this idempotency key: the same at every try."""
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]
