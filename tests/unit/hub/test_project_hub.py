"""The hub of a project: what its parts do together."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from tests.fleet_world.fleet_river import write_project

from afluente.core.clock import SetClock
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.documents import new_signing_key
from afluente.hub.project_hub import project_parts
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.state.fleet_schema import AGENTS
from tests.unit.fleet.diagnosis.injected import DAY, SITE, Others, Situation, inject, moment


def test_a_hub_that_comes_back_at_eight_blames_no_site_although_the_first_agents_are_there_already(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, "")
    (tmp_path / "contracts" / "pessoas.odcs.yaml").unlink()
    environment = {"A": new_signing_key(), "B": base64.b64encode(bytes(range(32))).decode()}
    clock = SetClock(moment(DAY, "08:00") - timedelta(hours=3))
    loaded = load_project(tmp_path, environment=environment, typed_in=tmp_path)
    with Workspace(loaded, environment=environment, clock=clock) as workspace:
        inject(workspace.state, Situation("silent", "", seen="-1 15:40", others=(Others(3, "SP", is_silent=True),)))
        HubPulse(workspace.state, clock).beat()
        clock.advance(seconds=4.5 * 3600)
        parts = project_parts(workspace)
        with workspace.state.write() as connection:
            others = AGENTS.c.site != SITE
            connection.execute(sa.update(AGENTS).where(others).values(last_seen_at=clock.now()))
        clock.advance(seconds=2)
        assert parts.diagnose is not None
        [verdict] = [one for one in parts.diagnose() if one["site"] == SITE]
    assert verdict["code"] == "ours.hub_down"
