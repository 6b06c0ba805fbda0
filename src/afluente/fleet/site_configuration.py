"""The configuration of one site: what operators published, with what the hub knows of that site alone.

Invariant: what an operator published stands in it unchanged, by the version it was published under; a new version is
made only when that, or what the hub knows, is another one; a site that was given one of its own is given only those; a secret stands in it sealed to one agent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.fleet.documents import (
    HubSigner,
    Place,
    configuration_body,
    document_at,
    newest_places,
    next_version,
    signed_again,
)
from afluente.fleet.pseudonym_key import PseudonymKey
from afluente.fleet.send_plan import SendPlan
from afluente.state.fleet_schema import SITE_CONFIGURATIONS
from afluente.state.json_value import Json
from afluente.state.upsert import upsert
from afluente_agent.protocol.messages import SignedDocument
from afluente_agent.protocol.sealing import PSEUDONYM_KEY

KIND: Literal["configuration"] = "configuration"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the hub knows of a site alone. `sealed_to` is the public key that the secret named `secret` is sealed to."""

    plan: SendPlan | None = None
    sealed_to: str = ""
    secret: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Terms()

    def to_json(self) -> dict[str, Json]:
        plan = None if self.plan is None else self.plan.to_json()
        return {"plan": plan, "sealed_to": self.sealed_to, "secret": self.secret}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Terms:
        return cls(SendPlan.from_json(value.get("plan")), str(value.get("sealed_to", "")), str(value.get("secret", "")))

    def sealed(self, key: PseudonymKey | None, public_key: str) -> Terms:
        """These terms with the key of pseudonyms for an agent; without one where there is none."""
        return Terms(self.plan) if key is None else Terms(self.plan, public_key, key.name)


@dataclass(frozen=True, slots=True)
class Kept:
    """The site's own configuration as it stands: its version, that of what was published, and the terms in it."""

    version: int
    based_on: int
    terms: Terms

    def holds(self, base: Place, terms: Terms) -> bool:
        return (self.based_on, self.terms) == (base.version, terms)


def kept(connection: sa.Connection, site: str) -> Kept | None:
    """A site's own configuration, without its body."""
    columns = SITE_CONFIGURATIONS.c
    query = sa.select(columns.version, columns.based_on, columns.terms).where(columns.site == site)
    row = connection.execute(query).first()
    return None if row is None else Kept(row.version, row.based_on, Terms.from_json(row.terms))


def plan_of(connection: sa.Connection, site: str) -> SendPlan | None:
    """The plan of the week that a site was told; None while it keeps the spread of all."""
    own = kept(connection, site)
    return None if own is None else own.terms.plan


def configuration_at_enrolment(
    connection: sa.Connection,
    site: str,
    *,
    public_key: str,
    at: datetime,
    signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> SignedDocument:
    """The configuration for an agent that has none, and this key. Needs a write transaction, and is its last work. FleetError."""
    base, _ = newest_places(connection, site)
    own = kept(connection, site)
    terms = (Terms() if own is None else own.terms).sealed(pseudonym_key, public_key)
    if own is None and terms.is_empty:
        return document_at(connection, KIND, base, signer=signer)
    return _own(connection, site, base, own, terms, at=at, signer=signer, pseudonym_key=pseudonym_key)


def configuration_for(
    connection: sa.Connection,
    site: str,
    *,
    base: Place,
    own: Kept | None,
    terms: Terms,
    newer_than: int,
    at: datetime,
    signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> SignedDocument | None:
    """The configuration for a site where it is newer than the version at hand, made now where it has to be.

    `base` is what was published for it. Needs a write transaction, and is its last work, for it locks. FleetError.
    """
    if own is None and terms.is_empty:
        return document_at(connection, KIND, base, signer=signer) if base.version > newer_than else None
    if own is not None and own.holds(base, terms) and own.version <= newer_than:
        return None
    return _own(connection, site, base, own, terms, at=at, signer=signer, pseudonym_key=pseudonym_key)


def _own(
    connection: sa.Connection,
    site: str,
    base: Place,
    own: Kept | None,
    terms: Terms,
    *,
    at: datetime,
    signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> SignedDocument:
    """The site's own configuration: the kept one where it says what it should, else the next."""
    if own is not None and own.holds(base, terms):
        row = connection.execute(sa.select(SITE_CONFIGURATIONS).where(SITE_CONFIGURATIONS.c.site == site)).one()
        found = signed_again(SignedDocument(KIND, row.version, row.body, row.key, row.signature), signer=signer)
        if found is not None:
            return found
    return _made(connection, site, base, terms, at=at, signer=signer, pseudonym_key=pseudonym_key)


def _made(
    connection: sa.Connection,
    site: str,
    base: Place,
    terms: Terms,
    *,
    at: datetime,
    signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> SignedDocument:
    """The next version for a site, signed and kept in the place of the one before."""
    published = json.loads(document_at(connection, KIND, base, signer=signer).body)
    version = next_version(connection, KIND)
    content = {**published, "based_on": base.version}
    if terms.plan is not None:
        content["send_plan"] = terms.plan.to_json()
    if pseudonym_key is not None:
        sealed = pseudonym_key.seal(terms.sealed_to, site=site, version=version)
        content[PSEUDONYM_KEY] = {"to": terms.sealed_to, "sealed": sealed}
    document = signer.sign(KIND, version, configuration_body(content, name=site, version=version))
    row = {
        "site": site,
        "version": version,
        "based_on": base.version,
        "terms": terms.to_json(),
        "body": document.body,
        "key": document.key,
        "signature": document.signature,
        "made_at": at,
    }
    upsert(connection, SITE_CONFIGURATIONS, [row])
    return document
