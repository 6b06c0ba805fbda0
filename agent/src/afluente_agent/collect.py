"""Reading what is agreed: finds PEC, opens the catalogue, and brings each list into the spool.

Invariant: a list that fails leaves the others alone; a transmission is in the spool whole or not at all; nothing is
read by a catalogue that the hub did not sign.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent import documents
from afluente_agent.catalogue import Catalogue, ListQuery, open_catalogue
from afluente_agent.credentials import read_credentials
from afluente_agent.delta import DeltaStore
from afluente_agent.errors import AgentError, CatalogueError, PecError
from afluente_agent.extract import Reading, extract
from afluente_agent.freshness import newest_days
from afluente_agent.identity import IdentityStore
from afluente_agent.parts import Extraction
from afluente_agent.pec import ROLE, PecAddress, SessionLimits, connected, read_installation
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.sealing import PSEUDONYM_KEY
from afluente_agent.pseudonym import Pseudonyms
from afluente_agent.sealed import NotForUsError, open_sealed
from afluente_agent.settings import DataFolder, Settings
from afluente_agent.spool.sink import Listed
from afluente_agent.spool.store import Spool

if TYPE_CHECKING:
    import asyncpg

BREATH_SECONDS = 5.0
SETTLE_SECONDS = 120
"""What a list's session may take beside its query: to be checked before it, and to be brought to the disk after it."""


@dataclass(frozen=True, slots=True)
class Collecting:
    """What reading needs. `now` is the hub's time; `alive` is called while PEC makes us wait."""

    folder: DataFolder
    settings: Settings
    spool: Spool
    deltas: DeltaStore
    now: Callable[[], float]
    alive: Callable[[], None]


def collect(by: Collecting, *, only: str = "", is_full: bool = False) -> Extraction:
    """Read every list, or the one that is named. AgentError when nothing can be read at all."""
    catalogue, pseudonyms = _agreed(by)
    return asyncio.run(_collect(by, catalogue, pseudonyms, only=only, is_full=is_full))


def addresses(settings: Settings) -> list[PecAddress]:
    """Where PEC's database may be, the most likely first. PecError."""
    from afluente_agent.doctor.local_probes import local_probes
    from afluente_agent.doctor.pec_place import find_places, told_place

    told = told_place(settings)
    given = Path(settings.pec_folder) if settings.pec_folder else None
    found = []
    for place in (told,) if told is not None else find_places(local_probes(), given):
        file = Path(settings.pec_credentials) if settings.pec_credentials else place.credentials
        password = read_credentials(file, role=ROLE).password if file is not None else ""
        found += [PecAddress(place.host, password, port, place.database) for port in place.ports]
    if not found:
        raise PecError(
            fact_codes.PEC_NOT_FOUND,
            "o e-SUS PEC não foi encontrado nesta máquina",
            "PEC was not found on this machine",
            "Instale o agente no computador do PEC, ou rode 'afluente-agent doctor' para ver onde ele procura.",
        )
    return found


def _agreed(by: Collecting) -> tuple[Catalogue, Pseudonyms | None]:
    keys = by.settings.hub_keys
    document = documents.kept(by.folder, documents.CATALOGUE, hub_keys=keys)
    if document is None:
        raise CatalogueError(
            fact_codes.CATALOGUE_MISSING,
            "o hub ainda não enviou o catálogo de listas",
            "there is no catalogue yet",
            "Nada a fazer: ele chega sozinho.",
        )
    catalogue = open_catalogue(document, hub_keys=keys, newest_version=by.settings.catalogue_version)
    return catalogue, _pseudonyms(by)


def _pseudonyms(by: Collecting) -> Pseudonyms | None:
    """By the key of the project, which the configuration brings sealed to a key of this installation."""
    document = documents.kept(by.folder, documents.CONFIGURATION, hub_keys=by.settings.hub_keys)
    if document is None:
        return None
    content = documents.check(document, kind=documents.CONFIGURATION, hub_keys=by.settings.hub_keys)
    given = content.get(PSEUDONYM_KEY)
    if given is None:
        return None
    to, sealed = (given.get("to"), given.get("sealed")) if isinstance(given, dict) else (None, None)
    try:
        identity = IdentityStore(by.folder.identity).holding(str(to))
        if identity is None or not isinstance(sealed, str):
            raise NotForUsError
        key = open_sealed(identity, sealed, purpose=PSEUDONYM_KEY, site=by.settings.site, version=document.version)
    except NotForUsError:
        raise CatalogueError(
            "pseudonym.no_key",
            "a chave de pseudônimos da configuração não foi feita para esta instalação",
            "the configuration's pseudonym key is not sealed to this installation",
            "Nada foi lido do PEC. O hub a refaz para esta instalação no próximo contato; se seguir, avise a central.",
        ) from None
    return Pseudonyms(key)


async def _collect(
    by: Collecting, catalogue: Catalogue, pseudonyms: Pseudonyms | None, *, only: str, is_full: bool
) -> Extraction:
    breathing = asyncio.create_task(_breathe(by.alive))
    try:
        async with _first_that_answers(by) as (connection, address):
            version = (await read_installation(connection)).version
            freshness = await _freshness(connection, today=datetime.fromtimestamp(by.now(), UTC).date())
        fitting = catalogue.for_version(version)
        queries = [one for one in fitting if only in ("", one.name)]
        rows = lists = 0
        outgrown = catalogue.outgrown(version) if fitting else tuple({one.name for one in catalogue.lists})
        failed: list[AgentError] = [_not_for(version, outgrown)] if outgrown else []
        for query in queries:
            try:
                async with connected(address, _limits(query)) as connection:
                    rows += await _one(connection, query, by, catalogue.version, pseudonyms, freshness, is_full=is_full)
                lists += 1
            except AgentError as error:
                failed.append(error)
        return Extraction(lists=lists, rows=rows, pec_version=version, failed=tuple(failed))
    finally:
        breathing.cancel()


@contextlib.asynccontextmanager
async def _first_that_answers(by: Collecting) -> AsyncIterator[tuple[asyncpg.Connection, PecAddress]]:
    candidates = addresses(by.settings)
    for address in candidates:
        is_last = address is candidates[-1]
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(connected(address))
            except PecError as error:
                if is_last or error.code != fact_codes.DB_DOWN:
                    raise
                continue
            yield connection, address
            return


async def _one(
    connection: asyncpg.Connection,
    query: ListQuery,
    by: Collecting,
    catalogue_version: int,
    pseudonyms: Pseudonyms | None,
    freshness: Mapping[str, str],
    *,
    is_full: bool,
) -> int:
    """One list into the spool; the rows that will travel."""
    waiting = {one.id for one in by.spool.waiting()}
    by.deltas.drop_unsent(query.name, waiting=waiting)
    with by.spool.new_sink() as sink:
        reading = Reading(
            transmission=sink.id,
            store=by.deltas,
            waiting=waiting,
            now=by.now,
            pseudonyms=pseudonyms,
            is_full=is_full,
        )
        extracted = await extract(connection, query, sink, reading)
        sink.commit(
            Listed(
                list_name=extracted.list_name,
                kind=extracted.kind,
                base=extracted.base,
                rows=extracted.rows,
                catalogue_version=catalogue_version,
                schema=extracted.schema,
                columns=extracted.columns,
                extracted_at=int(by.now()),
                freshness=freshness,
            )
        )
    return extracted.rows


def _limits(query: ListQuery) -> SessionLimits:
    return SessionLimits(session_seconds=query.most_seconds + SETTLE_SECONDS)


def _not_for(version: str, lists: tuple[str, ...]) -> CatalogueError:
    return CatalogueError(
        fact_codes.CATALOGUE_NOT_FOR_VERSION,
        f"o PEC {version} é mais novo que as listas do catálogo: {', '.join(sorted(lists)[:10])}",
        f"nobody wrote these lists of the catalogue for PEC {version}: {', '.join(sorted(lists)[:10])}",
        "Nada a fazer aqui: a equipe da central prepara as listas para esta versão do PEC.",
        evidence={"version": version},
    )


async def _freshness(connection: asyncpg.Connection, *, today: date) -> Mapping[str, str]:
    """By health unit; nothing where PEC does not let it be read, which stops no list."""
    import asyncpg

    try:
        return await newest_days(connection, today=today)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return {}


async def _breathe(alive: Callable[[], None]) -> None:
    while True:
        alive()
        await asyncio.sleep(BREATH_SECONDS)
