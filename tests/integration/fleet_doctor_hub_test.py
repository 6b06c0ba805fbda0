"""The doctor against the hub itself, which it asks without a key."""

from __future__ import annotations

from pathlib import Path

from afluente_agent.doctor.checks import clock, hub, tls
from afluente_agent.doctor.local_probes import local_probes
from afluente_agent.doctor.situation import Situation
from afluente_agent.settings import DataFolder, Settings

from afluente.state.database import open_state
from tests.fleet_world.doctor_world import ToldWall, codes, probes, situation
from tests.fleet_world.hub_world import hub as hub_world


def test_the_hub_is_known_by_its_own_refusal_and_tells_the_time(tmp_path: Path) -> None:
    with open_state("sqlite:///.afluente/state.db", tmp_path) as database, hub_world(database, tmp_path) as world:
        settings = Settings(hub=world.server.agents_address, proxy="none")
        here = Situation(settings, DataFolder(tmp_path), local_probes())
        assert codes(hub.check(here)) == ["ok.hub"]
        assert codes(clock.check(here)) == ["ok.clock"]
        assert codes(tls.check(here)) == ["ok.tls"]
        years_back = situation(
            tmp_path,
            probes(wall=ToldWall(world.hub_time - 2 * 365 * 86400)),
            hub=world.server.agents_address,
        )
        (found,) = clock.check(years_back)
    assert found.code == "clock.offset"
    assert "atrasado em 2 anos" in found.title_pt
