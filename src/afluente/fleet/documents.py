"""Documents that the hub signs: configurations and catalogues.

Invariant: of a kind, a version stands for one body only and versions only grow; the version and the name stand inside
of what is signed; a body that was changed in the database is never signed again.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from afluente.fleet.authentication import is_signed_by
from afluente.fleet.catalogue_check import check_catalogue
from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.fleet_schema import DOCUMENTS, SITE_CONFIGURATIONS
from afluente.state.json_value import Json
from afluente_agent.protocol.limits import CHUNK_BYTES, HEARTBEAT_SECONDS, MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import SignedDocument
from afluente_agent.protocol.sealing import PSEUDONYM_KEY

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DocumentKind = Literal["configuration", "catalogue"]
DEFAULT = "default"
CONTEXT = b"afluente-document-v1\0"
SEED_BYTES = 32
MAX_BODY_BYTES = MAX_MESSAGE_BYTES // 2
FIRST_VERSION = 1
_PUBLISH_LOCK = 0x4146_4444

_log = logging.getLogger(__name__)

_NEWEST = (
    sa.select(DOCUMENTS.c.kind, DOCUMENTS.c.name, sa.func.max(DOCUMENTS.c.version).label("version"))
    .where(sa.or_(DOCUMENTS.c.name == sa.bindparam("named"), DOCUMENTS.c.name == DEFAULT))
    .group_by(DOCUMENTS.c.kind, DOCUMENTS.c.name)
)
_BODY = sa.select(DOCUMENTS).where(
    DOCUMENTS.c.kind == sa.bindparam("of"),
    DOCUMENTS.c.name == sa.bindparam("named"),
    DOCUMENTS.c.version == sa.bindparam("at_version"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a published document stands: under a name, as a version. Version 0 is none, 1 the built-in one."""

    name: str
    version: int


class HubSigner:
    """The hub's keys: the first signs; those after it are told to agents so that they may sign later."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        if not keys:
            raise FleetError(
                "fleet.no_signing_key",
                "the hub has no key to sign with",
                pt="o hub não tem chave para assinar",
                hint="afluente hub key",
            )
        self._key = keys[0]
        self.public_keys = tuple(_public_text(key) for key in keys)

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> HubSigner:
        """Keys as base64 of their 32 bytes, as `afluente hub key` makes them. FleetError."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        keys = []
        for text in texts:
            try:
                seed = base64.b64decode(text.strip(), validate=True)
            except binascii.Error:
                seed = b""
            if len(seed) != SEED_BYTES:
                raise FleetError(
                    "fleet.signing_key",
                    "a signing key is not 32 bytes in base64",
                    pt="uma chave de assinatura não são 32 bytes em base64",
                    hint="make one with `afluente hub key` and keep it as a secret",
                )
            keys.append(Ed25519PrivateKey.from_private_bytes(seed))
        return cls(keys)

    def sign(self, kind: str, version: int, body: str) -> SignedDocument:
        signature = base64.b64encode(self._key.sign(signed_content(kind, body))).decode()
        return SignedDocument(kind, version, body, self.public_keys[0], signature)


def new_signing_key() -> str:
    """A fresh key as base64 of its 32 bytes. It is a secret."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def signed_content(kind: str, body: str) -> bytes:
    """What the signature of a document covers."""
    return CONTEXT + kind.encode() + b"\0" + body.encode()


def publish(
    connection: sa.Connection,
    *,
    kind: DocumentKind,
    name: str,
    content: Mapping[str, Json],
    by: str,
    at: datetime,
    signer: HubSigner,
) -> SignedDocument:
    """Sign the next version of a document and keep it, in the audit log too. Needs a write transaction. FleetError.

    `name` is a site or `default` for a configuration, and `default` for a catalogue, whose lists say for which versions
    of PEC they are.
    """
    if kind == "catalogue" and name != DEFAULT:
        raise FleetError(
            "fleet.catalogue_name",
            f"a catalogue has no name of its own, such as '{name[:40]}'",
            pt=f"um catálogo não tem nome próprio, como '{name[:40]}'",
            hint="publish one for all, as 'default', and say in each list: pec: \">=5.2,<5.4\"",
        )
    if PSEUDONYM_KEY in content:
        raise _holds_secret(kind)
    audit_chain.lock(connection)
    version = next_version(connection, kind)
    whole = {"hub_keys": list(signer.public_keys), **content} if kind == "configuration" else content
    document = signer.sign(kind, version, _body(whole, name=name, version=version))
    if kind == "catalogue":
        check_catalogue(document.body)
    if len(document.body.encode()) > MAX_BODY_BYTES:
        raise FleetError(
            "fleet.document_size",
            f"a {kind} has more than {MAX_BODY_BYTES} bytes",
            pt=f"o documento ({kind}) passa de {MAX_BODY_BYTES} bytes",
            hint="split it",
        )
    connection.execute(
        sa.insert(DOCUMENTS).values(
            kind=kind,
            name=name,
            version=version,
            body=document.body,
            key=document.key,
            signature=document.signature,
            by_whom=by,
            created_at=at,
        )
    )
    audit_chain.record(
        connection,
        at=at,
        actor=by,
        action="document.published",
        subject=f"{kind}/{name}",
        payload={"version": version, "signature": document.signature},
    )
    return document


def next_version(connection: sa.Connection, kind: DocumentKind) -> int:
    """The version that nobody else will take. Whoever needs the audit log's lock too takes that one before."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
    taken = [sa.select(sa.func.max(DOCUMENTS.c.version)).where(DOCUMENTS.c.kind == kind)]
    if kind == "configuration":
        taken.append(sa.select(sa.func.max(SITE_CONFIGURATIONS.c.version)))
    return max([FIRST_VERSION, *(connection.execute(one).scalar_one() or 0 for one in taken)]) + 1


def newest_places(connection: sa.Connection, site: str) -> tuple[Place, Place]:
    """Where the newest configuration published for a site stands, and the newest catalogue."""
    newest = {(row.kind, row.name): row.version for row in connection.execute(_NEWEST, {"named": site})}
    configuration = _first_place("configuration", (site, DEFAULT), newest) or Place(DEFAULT, FIRST_VERSION)
    return configuration, _first_place("catalogue", (DEFAULT,), newest) or Place(DEFAULT, 0)


def document_at(connection: sa.Connection, kind: DocumentKind, place: Place, *, signer: HubSigner) -> SignedDocument:
    """A published document, or the built-in configuration. FleetError when it was changed since."""
    if kind == "configuration" and place.version == FIRST_VERSION:
        return signer.sign(kind, FIRST_VERSION, _body(_built_in(signer), name=DEFAULT, version=FIRST_VERSION))
    row = connection.execute(_BODY, {"of": kind, "named": place.name, "at_version": place.version}).one()
    document = signed_again(SignedDocument(kind, row.version, row.body, row.key, row.signature), signer=signer)
    if document is None:
        raise FleetError(
            "fleet.document_tampered",
            f"{kind} '{place.name}' version {place.version} is not signed by a key of this hub",
            pt=f"o documento {kind} '{place.name}', versão {place.version}, não foi assinado por uma chave deste hub",
            hint="publish it again, and look at the audit log for who published it",
        )
    if kind == "configuration" and PSEUDONYM_KEY in json.loads(document.body):
        raise _holds_secret(kind)
    return document


def signed_again(kept: SignedDocument, *, signer: HubSigner) -> SignedDocument | None:
    """A kept document by the key that signs now; None when no key of this hub signed it as it is."""
    is_ours = kept.key in signer.public_keys and is_signed_by(
        kept.key, kept.signature, signed_content(kept.kind, kept.body)
    )
    if not is_ours:
        return None
    return kept if kept.key == signer.public_keys[0] else signer.sign(kept.kind, kept.version, kept.body)


def configuration_body(content: Mapping[str, Json], *, name: str, version: int) -> str:
    """The text to be signed of a configuration."""
    return _body(content, name=name, version=version)


def _first_place(kind: DocumentKind, names: Sequence[str], newest: Mapping[tuple[str, str], int]) -> Place | None:
    return next((Place(name, newest[kind, name]) for name in names if (kind, name) in newest), None)


def _holds_secret(kind: DocumentKind) -> FleetError:
    return FleetError(
        "fleet.document_secret",
        f"a {kind} holds '{PSEUDONYM_KEY}', which everybody who sees it could read",
        pt=f"o documento ({kind}) traz '{PSEUDONYM_KEY}', que qualquer um que o veja poderia ler",
        hint="publish it without; fleet: {pseudonym_key: secret:file:chaves/pseudonimos} is sealed to each agent",
    )


def _built_in(signer: HubSigner) -> dict[str, Json]:
    return {
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "chunk_bytes": CHUNK_BYTES,
        "most_bytes_per_second": 0,
        "send_at": "",
        "hub_keys": list(signer.public_keys),
    }


def _body(content: Mapping[str, Json], *, name: str, version: int) -> str:
    whole = {**content, "name": name, "version": version}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _public_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()
