"""Can PEC's database be entered and read, by a role that may only read; and which PEC is it."""

from __future__ import annotations

import asyncio

from afluente_agent.credentials import Credentials, read_credentials
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.pec_database import look, speaks_postgres
from afluente_agent.doctor.pec_place import Place
from afluente_agent.doctor.situation import Situation
from afluente_agent.errors import PecError
from afluente_agent.pec import PORT, ROLE, Installation, PecAddress
from afluente_agent.protocol import fact_codes

KINDS = ("PRONTUARIO", "CENTRALIZADORA")
NAME = "banco de dados do PEC"
KNOCK_SECONDS = 1.0
ELSEWHERE = (fact_codes.DB_MISSING, fact_codes.DB_NOT_PEC)
"""Findings after which another server on this machine may be PEC's."""


def check(situation: Situation) -> list[Finding]:
    places = situation.places()
    if not places:
        return [finding("doctor.later", check=NAME, first=fact_codes.PEC_NOT_FOUND)]
    place = places[0]
    ports = [port for port in place.ports if speaks_postgres(place.host, port, KNOCK_SECONDS)]
    if not ports:
        return [finding(fact_codes.DB_DOWN, host=place.host, port=place.configured_port or PORT)]
    try:
        credentials = read_credentials(place.credentials, role=ROLE) if place.credentials else Credentials(ROLE, "")
    except PecError as error:
        if place.has_credentials:
            return [
                finding(
                    fact_codes.PEC_CREDENTIALS_MISSING, file=str(place.credentials), reason=f"no password of {ROLE}"
                )
            ]
        return [finding("doctor.later", check=NAME, first=error.code)]
    return _enter(situation, place, ports, credentials)


def _enter(situation: Situation, place: Place, ports: list[int], credentials: Credentials) -> list[Finding]:
    first: list[Finding] = []
    for port in ports:
        address = PecAddress(
            place.host, credentials.password, port=port, database=place.database, role=credentials.role
        )
        seen = asyncio.run(look(address))
        if isinstance(seen, Installation):
            return _of_pec(situation, seen, _of_port(place, port))
        if seen[0].code not in ELSEWHERE:
            return _of_port(place, port) + seen
        first = first or seen
    return first


def _of_port(place: Place, port: int) -> list[Finding]:
    before = place.configured_port or PORT
    return [finding(fact_codes.PEC_PORT_CHANGED, before=before, now=port)] if port != before else []


def _of_pec(situation: Situation, seen: Installation, found: list[Finding]) -> list[Finding]:
    before = situation.settings.pec_version
    if seen.is_training:
        found.append(finding(fact_codes.PEC_TRAINING))
    if not seen.version:
        found.append(finding(fact_codes.PEC_VERSION_UNKNOWN, version="vazia"))
    elif before and before != seen.version:
        found.append(finding(fact_codes.PEC_VERSION_CHANGED, before=before, now=seen.version))
    if seen.kind not in KINDS:
        found.append(finding(fact_codes.PEC_KIND_UNKNOWN, kind=seen.kind or "vazio"))
    return found or [finding("ok.database", version=seen.version, kind=seen.kind)]
