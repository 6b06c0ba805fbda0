"""Enrolment: a one-off token becomes an agent with a key of its own.

Invariant: a token makes one agent, whoever races for it; it is kept as a hash only; an enrolment whose answer was lost
is answered again to the same key; a clone is enrolled suspended.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.fleet import agents, facts, sites
from afluente.fleet.documents import HubSigner
from afluente.fleet.machine_check import decide
from afluente.fleet.pseudonym_key import PseudonymKey
from afluente.fleet.refusal import FleetError, Refusal
from afluente.fleet.site_configuration import configuration_at_enrolment
from afluente.state import audit_chain
from afluente.state.fleet_schema import AGENT_KEYS, AGENTS, ENROLMENT_TOKENS, SITES
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import Decision, EnrolmentAnswer, EnrolmentRequest, SignedDocument

TOKEN_PREFIX = "afl_"  # noqa: S105 - what every token begins with, so that scanners of leaks can find one
TOKEN_BYTES = 24
FORBIDDEN = 403
MESSAGES: dict[Decision, str] = {
    "new": "Instalação feita. O primeiro envio começa sozinho.",
    "reinstalled": "Reinstalação nesta mesma máquina: tudo segue de onde estava.",
    "migration": "Migração: esta máquina toma o lugar da anterior, que para de enviar.",
    "clone": "Esta instalação parece cópia de outra que ainda funciona. Está suspensa; fale com o suporte.",
}
FACTS_OF: dict[Decision, str] = {
    "new": fact_codes.SITE_ENROLLED,
    "reinstalled": fact_codes.SITE_REINSTALLED,
    "migration": fact_codes.SITE_MIGRATION,
    "clone": fact_codes.SITE_CLONE,
}


def create_tokens(
    connection: sa.Connection, wanted: Iterable[str], *, by: str, at: datetime, days: float
) -> list[tuple[str, str]]:
    """A token for each site, as (site, token); earlier ones of these sites that nobody used are revoked.

    The tokens are shown here and never again. Needs a write transaction. FleetError.
    """
    names = list(dict.fromkeys(wanted))
    if not 0 < days <= 90:
        raise FleetError(
            "fleet.token_days",
            f"a token cannot be good for {days:g} days",
            pt=f"um código de instalação não pode valer {days:g} dias",
            hint="1 to 90; 7 is usual",
        )
    made = [(site, TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)) for site in names]
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        known = set(connection.execute(sa.select(SITES.c.id).where(SITES.c.id.in_(part))).scalars())
        missing = [site for site in part if site not in known]
        if missing:
            raise FleetError(
                "fleet.unknown_site",
                f"there is no site '{missing[0][:70]}'",
                pt=f"não há local '{missing[0][:70]}'",
                hint="register the sites first",
            )
        connection.execute(
            sa.update(ENROLMENT_TOKENS)
            .where(
                ENROLMENT_TOKENS.c.site.in_(part),
                ENROLMENT_TOKENS.c.used_at.is_(None),
                ENROLMENT_TOKENS.c.revoked_at.is_(None),
            )
            .values(revoked_at=at)
        )
    rows = [
        {
            "token_hash": token_hash(token),
            "site": site,
            "created_at": at,
            "expires_at": at + timedelta(days=days),
            "used_at": None,
            "used_by": None,
            "created_by": by,
            "revoked_at": None,
        }
        for site, token in made
    ]
    if rows:
        connection.execute(sa.insert(ENROLMENT_TOKENS), rows)
        audit_chain.record(
            connection,
            at=at,
            actor=by,
            action="tokens.created",
            subject="sites" if len(names) > 1 else f"site/{names[0]}",
            payload={"sites": names, "days": days},
        )
    return made


def revoke_tokens(connection: sa.Connection, site: str, *, by: str, at: datetime) -> int:
    """Make the unused tokens of a site worth nothing; how many. Needs a write transaction."""
    revoked = connection.execute(
        sa.update(ENROLMENT_TOKENS)
        .where(
            ENROLMENT_TOKENS.c.site == site,
            ENROLMENT_TOKENS.c.used_at.is_(None),
            ENROLMENT_TOKENS.c.revoked_at.is_(None),
        )
        .values(revoked_at=at)
    ).rowcount
    audit_chain.record(
        connection, at=at, actor=by, action="tokens.revoked", subject=f"site/{site}", payload={"tokens": revoked}
    )
    return revoked


def enrol(
    connection: sa.Connection,
    request: EnrolmentRequest,
    *,
    at: datetime,
    hub_signer: HubSigner,
    pseudonym_key: PseudonymKey | None = None,
    update_root: SignedDocument | None = None,
) -> EnrolmentAnswer:
    """Make the agent and its key, and decide what the installation is. Needs a write transaction. Refusal, status 403."""
    digest = token_hash(request.token)
    token = connection.execute(
        sa.select(ENROLMENT_TOKENS).where(ENROLMENT_TOKENS.c.token_hash == digest).with_for_update()
    ).first()
    if token is None or token.revoked_at is not None:
        raise _refused("unknown", "este código de instalação não existe ou foi cancelado; peça outro")
    if token.used_at is not None:
        again = _again(connection, request, token.used_by, at=at, hub_signer=hub_signer, pseudonym_key=pseudonym_key)
        return replace(again, update_root=update_root)
    if token.expires_at <= at:
        raise _refused("expired", "este código de instalação venceu; peça outro")
    site = token.site
    connection.execute(sa.select(SITES.c.id).where(SITES.c.id == site).with_for_update())
    if sites.require(connection, site).status == "retired":
        raise _refused("site_retired", "este município saiu do programa; fale com o suporte")
    at_site = agents.of_site(connection, site, status="active")
    decision = decide(
        request.machine,
        at_site=[agent.installation() for agent in at_site],
        twins=[agent.installation() for agent in agents.of_install(connection, request.machine.install_id)],
        at=at,
    )
    status: agents.AgentStatus = "suspended" if decision == "clone" else "active"
    agent = agents.add(connection, site=site, machine=request.machine, status=status, at=at, decision=decision)
    key = agents.add_key(connection, agent, request.public_key, at=at)
    taken = connection.execute(
        sa.update(ENROLMENT_TOKENS)
        .where(ENROLMENT_TOKENS.c.token_hash == digest, ENROLMENT_TOKENS.c.used_at.is_(None))
        .values(used_at=at, used_by=agent)
    )
    if taken.rowcount != 1:
        raise _refused("used", "este código de instalação já foi usado; peça outro")
    if status == "active":
        for other in at_site:
            agents.replace(connection, other.id, by_agent=agent)
        connection.execute(
            sa.update(SITES).where(SITES.c.id == site, SITES.c.status == "invited").values(status="active")
        )
    _record(connection, request, site=site, agent=agent, decision=decision, before=at_site, at=at)
    answer = _answer(
        connection,
        site,
        agent=agent,
        key=key,
        public_key=request.public_key,
        decision=decision,
        at=at,
        hub_signer=hub_signer,
        pseudonym_key=pseudonym_key,
    )
    return replace(answer, update_root=update_root)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(
    connection: sa.Connection,
    request: EnrolmentRequest,
    *,
    site: str,
    agent: str,
    decision: Decision,
    before: list[agents.Agent],
    at: datetime,
) -> None:
    """The fact, and the line in the audit log."""
    evidence = {
        "machine": request.machine.machine_hash[:12],
        "system": request.machine.system[:40],
        "agent_version": request.machine.agent_version[:40],
    }
    if before:
        was_alive = any(one.installation().is_alive(at) for one in before)
        evidence |= {"before": before[0].id, "was_alive": "yes" if was_alive else "no"}
    if request.findings:
        evidence["findings"] = ",".join(code[:60] for code in request.findings[:20])
    facts.record(connection, site=site, agent=agent, code=FACTS_OF[decision], at=at, evidence=evidence)
    audit_chain.record(
        connection,
        at=at,
        actor=f"agent/{agent}",
        action="agent.enrolled",
        subject=f"site/{site}",
        payload={"decision": decision, "replaced": [one.id for one in before] if decision != "clone" else []},
    )


def _again(
    connection: sa.Connection,
    request: EnrolmentRequest,
    agent: str,
    *,
    at: datetime,
    hub_signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> EnrolmentAnswer:
    """The answer of an enrolment that was done, for the key that was enrolled: its answer was lost on the way."""
    query = (
        sa.select(AGENT_KEYS.c.id, AGENTS.c.site, AGENTS.c.install_id, AGENTS.c.machine)
        .join(AGENTS, AGENTS.c.id == AGENT_KEYS.c.agent)
        .where(AGENT_KEYS.c.agent == agent, AGENT_KEYS.c.public_key == request.public_key)
    )
    known = connection.execute(query).first()
    if known is None or known.install_id != request.machine.install_id:
        raise _refused("used", "este código de instalação já foi usado; peça outro")
    decision: Decision = known.machine["decision"]
    return _answer(
        connection,
        known.site,
        agent=agent,
        key=known.id,
        public_key=request.public_key,
        decision=decision,
        at=at,
        hub_signer=hub_signer,
        pseudonym_key=pseudonym_key,
    )


def _answer(
    connection: sa.Connection,
    site: str,
    *,
    agent: str,
    key: str,
    public_key: str,
    decision: Decision,
    at: datetime,
    hub_signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> EnrolmentAnswer:
    return EnrolmentAnswer(
        agent=agent,
        site=site,
        site_name=sites.require(connection, site).name,
        key=key,
        decision=decision,
        hub_time=int(at.timestamp()),
        hub_keys=hub_signer.public_keys,
        configuration=configuration_at_enrolment(
            connection, site, public_key=public_key, at=at, signer=hub_signer, pseudonym_key=pseudonym_key
        ),
        message_pt=MESSAGES[decision],
    )


def _refused(why: str, message_pt: str) -> Refusal:
    words = {
        "unknown": "this enrolment token does not exist or was revoked; ask for another",
        "expired": "this enrolment token has expired; ask for another",
        "used": "this enrolment token was used; ask for another",
        "site_retired": "this site left the programme; ask for support",
    }
    return Refusal(f"enrolment.{why}", message_pt, words[why], status=FORBIDDEN)
