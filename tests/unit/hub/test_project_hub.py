"""The hub of a project: what its parts do together."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.fleet_world.fleet_river import write_project

from afluente.core.clock import SetClock
from afluente.core.errors import ProjectError, StateError
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.documents import new_signing_key
from afluente.hub.parts import Background
from afluente.hub.project_hub import project_parts
from afluente.hub.serve import HubServer
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


def test_an_address_of_the_central_database_that_is_not_set_is_told_before_the_doors_open(tmp_path: Path) -> None:
    write_project(tmp_path, "")
    (tmp_path / "contracts" / "pessoas.odcs.yaml").unlink()
    settings = tmp_path / "afluente.yaml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("fleet:\n", "fleet:\n  central: secret:env:CENTRAL\n"),
        encoding="utf-8",
    )
    environment = {"A": new_signing_key(), "B": base64.b64encode(bytes(range(32))).decode()}
    loaded = load_project(tmp_path, environment=environment, typed_in=tmp_path)
    assert loaded.fleet is not None
    assert loaded.fleet.central is not None
    with Workspace(loaded, environment=environment) as workspace, pytest.raises(ProjectError) as told:
        project_parts(workspace)
    assert told.value.code == "secret.missing"


def test_work_that_fails_with_what_is_known_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_project(tmp_path, "")
    (tmp_path / "contracts" / "pessoas.odcs.yaml").unlink()
    environment = {"A": new_signing_key(), "B": base64.b64encode(bytes(range(32))).decode()}
    loaded = load_project(tmp_path, environment=environment, typed_in=tmp_path)
    has_failed = threading.Event()

    def fail(_stop: threading.Event) -> None:
        has_failed.set()
        raise StateError("state.unreachable", "away")

    with Workspace(loaded, environment=environment) as workspace:
        parts = replace(project_parts(workspace), background=(Background("loading", fail),))
        server = HubServer(parts, agents_port=0, operators_port=0)
        server.start()
        assert has_failed.wait(60)
        server.stop()
    told = [one for one in caplog.records if one.message == "work beside the doors failed"]
    assert [(one.levelname, one.exc_info) for one in told] == [("WARNING", None)]
