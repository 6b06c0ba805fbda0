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
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from afluente.fleet.authentication import is_signed_by
from afluente.fleet.catalogue_check import check_catalogue
from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.fleet_schema import DOCUMENTS
from afluente.state.json_value import Json
from afluente_agent.protocol.limits import CHUNK_BYTES, HEARTBEAT_SECONDS, MAX_MESSAGE_BYTES
from afluente_agent.protocol.messages import SignedDocument

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
    .where(DOCUMENTS.c.name.in_(sa.bindparam("names", expanding=True)))
    .group_by(DOCUMENTS.c.kind, DOCUMENTS.c.name)
)
_BODY = sa.select(DOCUMENTS).where(
    DOCUMENTS.c.kind == sa.bindparam("of"),
    DOCUMENTS.c.name == sa.bindparam("named"),
    DOCUMENTS.c.version == sa.bindparam("at_version"),
)


class HubSigner:
    """The hub's keys: the first signs; those after it are told to agents so that they may sign later."""

    def __init__(self, keys: Sequence[Ed25519PrivateKey]) -> None:
        if not keys:
            raise FleetError("fleet.no_signing_key", "the hub has no key to sign with", hint="afluente hub key")
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

    `name` is a site or `default` for a configuration, and the PEC versions (`5.3`, `5.*`, `default`) for a catalogue.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
    newest = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(DOCUMENTS.c.version), FIRST_VERSION)).where(DOCUMENTS.c.kind == kind)
    ).scalar_one()
    version = int(newest) + 1
    whole = {"hub_keys": list(signer.public_keys), **content} if kind == "configuration" else content
    document = signer.sign(kind, version, _body(whole, name=name, version=version))
    if kind == "catalogue":
        check_catalogue(document.body)
    if len(document.body.encode()) > MAX_BODY_BYTES:
        raise FleetError("fleet.document_size", f"a {kind} has more than {MAX_BODY_BYTES} bytes", hint="split it")
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


def configuration_of(connection: sa.Connection, site: str, *, signer: HubSigner) -> SignedDocument:
    """The newest configuration for a site: its own, the one of all, or the built-in one (version 1). FleetError."""
    newest = _newest(connection, [site, DEFAULT])
    found = _first(connection, "configuration", [site, DEFAULT], newest, newer_than=0, signer=signer)
    return found or signer.sign("configuration", FIRST_VERSION, _body(_built_in(signer), name=DEFAULT, version=1))


def newer_documents(
    connection: sa.Connection,
    site: str,
    *,
    configuration_version: int,
    pec_version: str,
    catalogue_version: int,
    signer: HubSigner,
) -> tuple[SignedDocument | None, SignedDocument | None]:
    """The configuration for a site and the catalogue for its PEC, each where newer than the version at hand.

    One that cannot be given is held back and logged, so that no heartbeat is refused for it.
    """
    names = _catalogue_names(pec_version)
    newest = _newest(connection, [site, *names])
    given: list[SignedDocument | None] = []
    wanted: tuple[tuple[DocumentKind, list[str], int], ...] = (
        ("configuration", [site, DEFAULT], configuration_version),
        ("catalogue", names, catalogue_version),
    )
    for kind, among, version in wanted:
        try:
            given.append(_first(connection, kind, among, newest, newer_than=version, signer=signer))
        except FleetError as error:
            _log.error("a document is held back", extra={"code": error.code})
            given.append(None)
    return given[0], given[1]


def _catalogue_names(pec_version: str) -> list[str]:
    parts = pec_version.split(".")[:4] if pec_version else []
    exact = [".".join(parts)] if parts else []
    return [*exact, *(".".join([*parts[:size], "*"]) for size in range(len(parts) - 1, 0, -1)), DEFAULT]


def _newest(connection: sa.Connection, names: Sequence[str]) -> dict[tuple[str, str], int]:
    """The newest version of each kind and name among the names."""
    return {(row.kind, row.name): row.version for row in connection.execute(_NEWEST, {"names": list(set(names))})}


def _first(
    connection: sa.Connection,
    kind: DocumentKind,
    names: Sequence[str],
    newest: Mapping[tuple[str, str], int],
    *,
    newer_than: int,
    signer: HubSigner,
) -> SignedDocument | None:
    """The newest document of the first of the names that has one; None when it is not newer. FleetError."""
    name = next((name for name in names if (kind, name) in newest), None)
    if name is None or newest[kind, name] <= newer_than:
        return None
    row = connection.execute(_BODY, {"of": kind, "named": name, "at_version": newest[kind, name]}).one()
    is_ours = row.key in signer.public_keys and is_signed_by(row.key, row.signature, signed_content(kind, row.body))
    if not is_ours:
        raise FleetError(
            "fleet.document_tampered",
            f"{kind} '{name}' version {row.version} is not signed by a key of this hub",
            hint="publish it again, and look at the audit log for who published it",
        )
    if row.key == signer.public_keys[0]:
        return SignedDocument(kind, row.version, row.body, row.key, row.signature)
    return signer.sign(kind, row.version, row.body)


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
