"""The heartbeat: what the agent is and saw, and what the hub answers.

Invariant: the sequence on the disk grows before a heartbeat leaves; facts and outcomes are confirmed only by an answer,
so that a lost one tells them again.
"""

from __future__ import annotations

from dataclasses import replace

from afluente_agent import documents
from afluente_agent.client import HubClient
from afluente_agent.errors import CatalogueError
from afluente_agent.facts import Batch, Journal
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import (
    Heartbeat,
    HeartbeatAnswer,
    Machine,
    RemedyDone,
    SignedDocument,
    Spool,
)
from afluente_agent.remedies import outcome_of
from afluente_agent.settings import Settings, SettingsStore


def beat(
    store: SettingsStore,
    client: HubClient,
    journal: Journal,
    *,
    machine: Machine,
    spool: Spool,
    started_at: int,
    update_status: str = "",
) -> HeartbeatAnswer:
    """Send one and put its answer to use, but for remedies and keys, which are the caller's. AgentError."""
    batch = journal.batch() if client.clock.is_confirmed else Batch((), 0)
    settings = store.change(lambda before: replace(before, sequence=before.sequence + 1))
    told = settings.untold_remedies
    heartbeat = Heartbeat(
        sequence=settings.sequence,
        started_at=started_at,
        machine=machine,
        configuration_version=settings.configuration_version,
        catalogue_version=settings.catalogue_version,
        clock_offset_seconds=client.clock.offset_seconds,
        spool=spool,
        facts=batch.facts,
        remedies=tuple(_done(settings, remedy) for remedy in told),
        update_status=update_status,
        pec_version=settings.pec_version,
    )
    answer = client.call("POST", "/v1/heartbeat", heartbeat, HeartbeatAnswer)
    client.learn_time(answer.hub_time)
    journal.confirm(batch.last)
    store.change(
        lambda before: replace(before, untold_remedies=tuple(one for one in before.untold_remedies if one not in told))
    )
    for kind, document in ((documents.CONFIGURATION, answer.configuration), (documents.CATALOGUE, answer.catalogue)):
        if document is not None:
            _take(store, journal, document, kind=kind)
    return answer


def _take(store: SettingsStore, journal: Journal, document: SignedDocument, *, kind: str) -> None:
    try:
        if kind == documents.CATALOGUE:
            _check_catalogue(store, document)
        documents.take(store, document, kind=kind)
    except CatalogueError as error:
        journal.leave(fact_codes.DOCUMENT_REFUSED, kind=kind, version=document.version, code=error.code)


def _check_catalogue(store: SettingsStore, document: SignedDocument) -> None:
    """A catalogue that this version cannot read does not take the place of one that it can. CatalogueError."""
    from afluente_agent.catalogue import open_catalogue

    open_catalogue(document, hub_keys=store.load().hub_keys, newest_version=0)


def _done(settings: Settings, remedy: str) -> RemedyDone:
    outcome, detail = outcome_of(settings, remedy)
    return RemedyDone(remedy, outcome, detail)
