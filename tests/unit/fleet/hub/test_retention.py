"""What is past its time goes, and nothing that was not loaded; a path of the state never leaves landing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.fleet import access, facts
from afluente.fleet.refusal import FleetError
from afluente.fleet.retention import FILES_AT_ONCE, RetentionPolicy, retain
from afluente.state import audit_chain
from afluente.state.fleet_schema import TRANSMISSIONS

POLICY = RetentionPolicy(landing_days=7, facts_days=30, access_days=200)


def landed(world, landing: Path, name: str, state: str, *, path: str = "") -> Path:
    world.token()
    path = path or f"00/{name}.landed"
    file = landing / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"health data")
    at = world.clock.now()
    with world.database.write() as connection:
        connection.execute(
            sa.insert(TRANSMISSIONS).values(
                id=name,
                site="a",
                agent="x",
                list_name="l",
                kind="full",
                base="",
                rows=1,
                size_bytes=11,
                sha256="",
                start={},
                state=state,
                offset=11,
                landed_path=path,
                started_at=at,
                landed_at=at,
                loaded_at=at if state == "loaded" else None,
                attempts=0,
            )
        )
    return file


def test_a_loaded_upload_goes_after_its_days_and_its_row_stays(world, tmp_path):
    file = landed(world, tmp_path, "one", "loaded")
    world.clock.moment += timedelta(days=6.9)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == 0
    world.clock.moment += timedelta(days=0.2)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == 1
    assert not file.exists()
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == 0
    with world.database.read() as connection:
        row = connection.execute(sa.select(TRANSMISSIONS)).one()
        log = audit_chain.entries(connection, subject="landing")
    assert (row.state, row.landed_path) == ("loaded", None)
    assert [entry.action for entry in log] == ["retention.deleted"]


def test_all_that_is_past_its_time_goes_in_one_call_however_much_it_is(world, tmp_path):
    landed(world, tmp_path, "one", "loaded")
    count = 2 * FILES_AT_ONCE + 7
    with world.database.write() as connection:
        row = connection.execute(sa.select(TRANSMISSIONS)).one()._asdict()
        others = [row | {"id": f"t{number}", "landed_path": f"00/t{number}.landed"} for number in range(count)]
        connection.execute(sa.insert(TRANSMISSIONS), others)
    world.clock.moment += timedelta(days=7.1)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == count + 1


@pytest.mark.parametrize("state", ["receiving", "landed", "loading"])
def test_an_upload_that_was_not_loaded_is_never_deleted(world, tmp_path, state):
    file = landed(world, tmp_path, "one", state)
    world.clock.moment += timedelta(days=1000)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == 0
    assert file.exists()


def test_a_refused_upload_goes_too(world, tmp_path):
    file = landed(world, tmp_path, "one", "refused")
    world.clock.moment += timedelta(days=8)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).files == 1
    assert not file.exists()


def test_a_path_that_leaves_landing_is_not_followed(world, tmp_path):
    landing = tmp_path / "landing"
    landing.mkdir()
    victim = landed(world, landing, "one", "loaded", path="../victim")
    world.clock.moment += timedelta(days=8)
    with pytest.raises(FleetError, match="outside of landing"):
        retain(world.database, landing, POLICY, clock=world.clock)
    assert victim.exists()


def test_old_facts_and_accesses_go(world, tmp_path):
    world.token()
    with world.database.write() as connection:
        at = world.clock.now()
        facts.record(connection, site="a", agent=None, code="net.dns", at=at, evidence={})
        access.record(connection, at=at, actor="ana", action="GET", subject="a", outcome="done")
    world.clock.moment += timedelta(days=31)
    gone = retain(world.database, tmp_path, POLICY, clock=world.clock)
    assert (gone.facts, gone.accesses) == (1, 0)
    world.clock.moment += timedelta(days=200)
    assert retain(world.database, tmp_path, POLICY, clock=world.clock).accesses == 1
