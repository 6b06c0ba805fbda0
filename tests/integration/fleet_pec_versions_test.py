"""One catalogue for all versions of PEC: each agent reads what was written for its own, and tells of one nobody wrote for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from afluente_agent.pec import PecAddress
from afluente_agent.settings import DataFolder, SettingsStore

from afluente.fleet import documents, facts
from afluente.fleet.refusal import FleetError
from tests.fleet_world.agent_at_hub import (
    as_owner,
    enrol_beside,
    folder,
    pec,
    pec_server,
    pec_template,
    ticked,
    told,
    transmissions,
    world,
)
from tests.fleet_world.hub_world import HubWorld
from tests.unit.agent.extraction.lists import a_list

__all__ = ["as_owner", "folder", "pec", "pec_server", "pec_template", "world"]

OF_CNES = "SELECT co_seq_fat_cidadao_pec AS co, no_cidadao AS nome, '' AS telefone FROM tb_fat_cidadao_pec LIMIT 7"


def publish(world: HubWorld, *, name: str = "default") -> None:
    lists = [
        replace(a_list(most_rows=1), pec="<5.2"),
        replace(a_list(sql=OF_CNES), pec=">=5.2,<6"),
        replace(a_list(sql=OF_CNES), name="futura", pec=">=6,<7"),
    ]
    with world.database.write() as connection:
        documents.publish(
            connection,
            kind="catalogue",
            name=name,
            content=json.loads(json.dumps({"lists": [asdict(one) for one in lists]})),
            by="ana",
            at=world.parts.clock.now(),
            signer=world.parts.signer,
        )


def upgrade(as_owner: Callable[[str], None], folder: DataFolder, version: str) -> None:
    as_owner(f"UPDATE tb_config_sistema SET ds_texto = '{version}' WHERE co_config_sistema = 'VERSAOBANCODADOS'")
    SettingsStore(folder).update(last_extracted_at=1)
    ticked(folder, times=4)


def test_an_agent_reads_the_lists_of_its_version_and_tells_of_one_nobody_wrote_for(
    world: HubWorld, folder: DataFolder, pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    enrol_beside(world, folder, pec, tmp_path)
    publish(world)
    upgrade(as_owner, folder, "5.3.28")
    assert transmissions(world) == [("pessoas", "full", 7, "landed")]
    assert "catalogue.not_for_version" not in told(world), "a list of a version to come is nobody's fault"
    upgrade(as_owner, folder, "6.1.0")
    assert [name for name, *_ in transmissions(world)] == ["pessoas", "futura"]
    upgrade(as_owner, folder, "7.0.0")
    assert len(transmissions(world)) == 2
    with world.database.read() as connection:
        seen = {(fact.code, fact.evidence.get("version", "")) for fact in facts.of_site(connection, "a")}
    assert {("catalogue.not_for_version", "6.1.0"), ("catalogue.not_for_version", "7.0.0")} <= seen
    assert "site.pec_upgraded" in told(world)


def test_a_catalogue_is_published_for_all_versions_or_not_at_all(world: HubWorld) -> None:
    for name in ("5.3", "5.*", "3550308"):
        with pytest.raises(FleetError, match="has no name of its own") as refused:
            publish(world, name=name)
        assert refused.value.code == "fleet.catalogue_name"
