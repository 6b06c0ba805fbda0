"""The rings of a project are those of its file: their order is the way of an update, and no other one is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fleet_world.hub_world import hub
from tests.unit.agent.update.update_world import add
from tests.unit.fleet.hub.conftest import World
from tests.unit.fleet.updates.rollout_fleet import Fleet

from afluente.core.errors import UsageError
from afluente.fleet import sites
from afluente.fleet.municipality_file import read_municipalities
from afluente.fleet.refusal import FleetError
from afluente.fleet.rollout_desk import RolloutDesk
from afluente.fleet.updates import UpdateRepository

RINGS = ("casa", "piloto", "geral")


def fleet_of(world: World, **rings: str) -> Fleet:
    made = Fleet(world)
    for site, ring in rings.items():
        made.enrol(site, ring)
    return made


def desk(world: World, repository: UpdateRepository | None = None) -> RolloutDesk:
    return RolloutDesk(world.database, world.clock, repository, rings=RINGS)


def test_an_update_goes_through_the_rings_of_the_project_in_their_order(world: World) -> None:
    fleet = fleet_of(world, a="geral", b="casa", c="piloto", d="old-name")
    shown = desk(world).start("1.1.0", by="ana", reason="new")
    assert (shown["rings"], shown["ring"]) == (list(RINGS), "casa")
    assert fleet.order("b") == ("update", "1.1.0")
    assert all(fleet.order(site) is None for site in "acd")


def test_a_ring_without_agents_keeps_no_update_waiting(world: World) -> None:
    fleet_of(world, a="geral", c="piloto")
    assert desk(world).start("1.1.0", by="ana", reason="new")["rings"] == ["piloto", "geral"]


def test_a_version_made_for_some_rings_goes_through_those_in_the_order_of_the_project(
    world: World, repository: UpdateRepository, tmp_path: Path
) -> None:
    fleet_of(world, a="geral", c="piloto")
    add(repository, tmp_path, "1.1.0", rings=("geral", "casa"))
    assert desk(world, repository).start("1.1.0", by="ana", reason="new")["rings"] == ["casa", "geral"]


def test_a_version_made_for_a_ring_that_the_project_does_not_name_is_not_started(
    world: World, repository: UpdateRepository, tmp_path: Path
) -> None:
    fleet_of(world, a="geral")
    add(repository, tmp_path, "1.1.0", rings=("pilto",))
    with pytest.raises(FleetError, match="there is no ring 'pilto'; did you mean 'piloto'") as refused:
        desk(world, repository).start("1.1.0", by="ana", reason="new")
    assert refused.value.code == "unknown_ring"


def test_a_file_of_municipalities_names_rings_of_the_project_only(tmp_path: Path) -> None:
    file = tmp_path / "municipios.csv"
    file.write_text("codigo_ibge,nome,uf,anel\n2704302,Maceió,AL,\n2700300,Arapiraca,AL,piloto\n", encoding="utf-8")
    assert [site.ring for site in read_municipalities(file, rings=RINGS)] == ["geral", "piloto"]
    file.write_text("codigo_ibge,nome,uf,anel\n2704302,Maceió,AL,pilto\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2: there is no ring 'pilto'; did you mean 'piloto'"):
        read_municipalities(file, rings=RINGS)
    file.write_text("codigo_ibge,nome,uf\n2704302,Maceió,AL\n", encoding="utf-8")
    assert [site.ring for site in read_municipalities(file)] == ["general"]


def test_the_operators_door_takes_rings_of_the_project_only(world: World, tmp_path: Path) -> None:
    site = {"id": "a", "municipality": "2704302", "uf": "AL", "name": "Maceió"}
    with hub(world.database, tmp_path, clock=world.clock, rings=RINGS) as made:
        wrong = made.operate("operator", "POST", "/v1/sites", {"sites": [{**site, "ring": "pilto"}]})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_ring")
        assert "piloto" in wrong.json()["message_pt"]
        assert made.operate("operator", "POST", "/v1/sites", {"sites": [site]}).status_code == 200
        moved = made.operate("administrator", "POST", "/v1/sites/a/ring", {"ring": "casas"})
        assert moved.json()["code"] == "unknown_ring"
        assert made.operate("administrator", "POST", "/v1/sites/a/ring", {"ring": "casa"}).status_code == 200
        with world.database.read() as connection:
            assert sites.require(connection, "a").ring == "casa"
