"""Enrolment: the token becomes an agent of a site.

Invariant: the token is used and never kept; every step stands on the disk before the next, so that a run that was cut
is ended by running again with the same token; an installation that is enrolled already is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from afluente_agent import documents, durable
from afluente_agent.client import HubClient
from afluente_agent.errors import CatalogueError, EnrolmentError, RefusedError
from afluente_agent.failure import Failure
from afluente_agent.identity import Identity, IdentityStore
from afluente_agent.machine import describe, new_install_id
from afluente_agent.protocol.messages import EnrolmentAnswer, EnrolmentRequest
from afluente_agent.schedule import WeekPlan
from afluente_agent.settings import DataFolder, Settings, SettingsStore
from afluente_agent.update.client import pin_at_enrolment
from afluente_agent.update.folder import UpdateFolder

if TYPE_CHECKING:
    import httpx

MOST_FINDINGS = 50
MOST_TOKEN = 200
MESSAGES: dict[str, str] = {
    "new": "Instalação nova registrada.",
    "reinstalled": "Reinstalação reconhecida: o município continua o mesmo e nada precisa ser refeito.",
    "migration": "Migração reconhecida: esta máquina toma o lugar da anterior, que para de enviar sozinha.",
    "clone": "Esta máquina parece cópia de outra que continua ligada. A instalação foi registrada mas está suspensa:"
    " nada será enviado até o suporte liberar.",
}


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment; `is_new` is false when it had been done before."""

    agent: str
    site: str
    site_name: str
    decision: str
    message_pt: str
    is_new: bool


def enrol(
    folder: DataFolder,
    *,
    hub: str,
    token: str,
    now: Callable[[], float],
    proxy: str | None = None,
    ca_file: str | None = None,
    findings: Sequence[str] = (),
    is_anew: bool = False,
    transport: httpx.BaseTransport | None = None,
    on_failure: Callable[[Failure], None] | None = None,
) -> Enrolled:
    """Enrol this machine, or end an enrolment that was cut. AgentError.

    `is_anew` sets the present key aside and enrols again, for an installation that was suspended or replaced.
    """
    durable.make_folder(folder.root)
    with durable.locked(folder.root / "enrol.lock"):
        store, identities = SettingsStore(folder), IdentityStore(folder.identity)
        settings = store.load()
        if settings.is_enrolled and (is_anew or not identities.exists()):
            settings = _begin_anew(store, identities)
        if settings.is_enrolled:
            return _done(settings, is_new=False)
        settings = store.change(lambda before: _prepared(before, hub=hub, proxy=proxy, ca_file=ca_file))
        identity = identities.ensure()
        request = EnrolmentRequest(
            token=token.strip()[:MOST_TOKEN],
            public_key=identity.public_key,
            machine=describe(folder.root, install_id=settings.install_id),
            findings=tuple(findings)[:MOST_FINDINGS],
        )
        with HubClient(settings, identity, now=now, transport=transport, on_failure=on_failure) as client:
            answer = _ask(client, request)
            client.learn_time(answer.hub_time)
            offset = client.clock.offset_seconds
        _keep(store, identities, identity, answer, offset_seconds=offset)
        return _done(store.load(), is_new=True)


def _ask(client: HubClient, request: EnrolmentRequest) -> EnrolmentAnswer:
    try:
        return client.call("POST", "/v1/enrol", request, EnrolmentAnswer, is_signed=False)
    except RefusedError as error:
        if error.is_of_stranger or error.status in (429, 500, 502, 503, 504):
            raise
        hint = (
            "Apague a pasta de dados copiada de outra máquina e rode a instalação de novo."
            if error.code == "key_in_use"
            else "Peça um novo código de instalação ao suporte e rode o mesmo comando."
        )
        raise EnrolmentError(error.code, error.message_pt, error.message_en, hint) from None


def _keep(
    store: SettingsStore,
    identities: IdentityStore,
    identity: Identity,
    answer: EnrolmentAnswer,
    *,
    offset_seconds: int,
) -> None:
    """The root of updates, the key ids, the configuration, and last the settings that say it is done."""
    if not answer.hub_keys or not answer.agent or not answer.key:
        raise EnrolmentError(
            "enrolment.answer",
            "a resposta do hub à instalação está incompleta",
            "the answer to the enrolment is not whole",
            "Rode o mesmo comando de novo; se seguir, fale com o suporte.",
        )
    try:
        documents.check(answer.configuration, kind=documents.CONFIGURATION, hub_keys=answer.hub_keys)
        given = answer.update_root
        root = None if given is None else documents.update_root(given, hub_keys=answer.hub_keys)
    except CatalogueError as error:
        raise EnrolmentError(error.code, error.message_pt, error.message_en, error.hint_pt) from None
    pin_at_enrolment(UpdateFolder(store.folder.root), root)
    if (identity.agent, identity.key) != (answer.agent, answer.key):
        identities.bind(agent=answer.agent, key=answer.key)
    store.update(hub_keys=answer.hub_keys, clock_offset_seconds=offset_seconds)
    documents.take(store, answer.configuration, kind=documents.CONFIGURATION)
    store.update(agent=answer.agent, site=answer.site, site_name=answer.site_name, decision=answer.decision)


def _prepared(before: Settings, *, hub: str, proxy: str | None, ca_file: str | None) -> Settings:
    return replace(
        before,
        hub=hub.rstrip("/"),
        proxy=before.proxy if proxy is None else proxy,
        ca_file=before.ca_file if ca_file is None else ca_file,
        install_id=before.install_id or new_install_id(),
    )


def _begin_anew(store: SettingsStore, identities: IdentityStore) -> Settings:
    """The key aside, then the agent forgotten: a run that is cut between the two begins anew by itself."""
    identities.set_aside()
    return store.change(
        lambda before: replace(
            before,
            agent="",
            decision="",
            sequence=0,
            configuration_version=0,
            configuration_base=0,
            catalogue_version=0,
            week=WeekPlan(),
            install_id="",
        )
    )


def _done(settings: Settings, *, is_new: bool) -> Enrolled:
    message = MESSAGES.get(settings.decision, "")
    if not is_new:
        message = f"Esta máquina já está registrada como {settings.site_name}; nada foi mudado."
    return Enrolled(settings.agent, settings.site, settings.site_name, settings.decision, message, is_new)
