"""Who signed a request.

Invariant: a request is taken when its key is known and good, its signature covers all of it, its time is near the
hub's and its nonce is new, and in no other case; no refusal here tells an agent to throw its key away.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.fleet import nonces
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.refusal import Refusal
from afluente.state.fleet_schema import AGENT_KEYS, AGENTS, SITES
from afluente_agent.protocol import refusal_codes
from afluente_agent.protocol.limits import CLOCK_TOLERANCE_SECONDS
from afluente_agent.protocol.signing import NONCE, Signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64
UNAUTHORIZED = 401

_KNOWN = (
    sa.select(
        AGENT_KEYS.c.public_key,
        AGENT_KEYS.c.expires_at,
        AGENT_KEYS.c.revoked_at,
        AGENTS.c.site,
        AGENTS.c.status,
        SITES.c.status.label("site_status"),
    )
    .join(AGENTS, AGENTS.c.id == AGENT_KEYS.c.agent)
    .join(SITES, SITES.c.id == AGENTS.c.site)
    .where(AGENT_KEYS.c.id == sa.bindparam("key"), AGENT_KEYS.c.agent == sa.bindparam("agent"))
)


def authenticate(connection: sa.Connection, signed: Signed, signature: str, *, at: datetime) -> AgentIdentity:
    """The agent that signed. `signature` is base64. Needs a write transaction; Refusal with status 401.

    Codes: unknown_key, bad_signature, suspended, clock, replay. The signature is looked at before everything that
    costs a write, so that who has no key writes nothing.
    """
    if NONCE.fullmatch(signed.nonce) is None:
        raise _bad_signature()
    known = connection.execute(_KNOWN, {"key": signed.key, "agent": signed.agent}).first()
    if known is None or known.revoked_at is not None or (known.expires_at is not None and known.expires_at <= at):
        raise Refusal(
            refusal_codes.UNKNOWN_KEY,
            "o hub não conhece esta chave, ou ela deixou de valer; guarde-a e fale com o suporte",
            "the hub does not know this key, or it is no longer good; keep it and ask for support",
            status=UNAUTHORIZED,
        )
    if not is_signed_by(known.public_key, signature, signed.text()):
        raise _bad_signature()
    if known.status != "active" or known.site_status == "retired":
        raise _suspended(known.status)
    if abs(at.timestamp() - signed.at) > CLOCK_TOLERANCE_SECONDS:
        raise Refusal(
            refusal_codes.CLOCK,
            "o relógio desta máquina difere do relógio do hub; o agente corrige a diferença sozinho",
            "the request's time is too far from the hub's; correct the offset by hub_time and send again",
            status=UNAUTHORIZED,
        )
    if not nonces.use(connection, key=signed.key, nonce=signed.nonce, at=at):
        raise Refusal(
            refusal_codes.REPLAY,
            "este pedido já chegou antes; envie-o de novo com outro nonce",
            "a request with this nonce was taken before; sign again with another one",
            status=UNAUTHORIZED,
        )
    return AgentIdentity(signed.agent, known.site, signed.key)


def is_signed_by(public_key: str, signature: str, content: bytes) -> bool:
    """Whether the base64 signature over the content was made by the owner of the base64 key."""
    from cryptography.exceptions import InvalidSignature

    try:
        raw = base64.b64decode(signature, validate=True)
        if len(raw) != SIGNATURE_BYTES:
            return False
        _loaded(public_key).verify(raw, content)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def public_key_of(text: str) -> str:
    """The base64 text of an Ed25519 public key in its one right form; ValueError when it is none."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    canonical = base64.b64encode(raw).decode()
    if len(raw) != KEY_BYTES or canonical != text:
        raise ValueError("not 32 bytes in base64")
    _loaded(text)
    return text


@lru_cache(maxsize=20_000)
def _loaded(public_key: str) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))


def _bad_signature() -> Refusal:
    return Refusal(
        refusal_codes.BAD_SIGNATURE,
        "a assinatura do pedido não confere; um proxy pode tê-lo alterado no caminho",
        "the signature does not match the request; a proxy may have changed it on the way",
        status=UNAUTHORIZED,
    )


def _suspended(status: str) -> Refusal:
    if status == "replaced":
        return Refusal(
            refusal_codes.SUSPENDED,
            "outra instalação tomou o lugar desta; se foi engano, fale com o suporte",
            "another installation took the place of this one; ask for support if that was a mistake",
            status=UNAUTHORIZED,
        )
    return Refusal(
        refusal_codes.SUSPENDED,
        "esta instalação está suspensa; o suporte pode reativá-la",
        "this installation is suspended; an operator can reinstate it",
        status=UNAUTHORIZED,
    )
