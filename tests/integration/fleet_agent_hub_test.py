"""The agent against the real hub: enrolment, heartbeats, keys, and lists from a PEC database to the hub's landing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from afluente_agent import cli
from afluente_agent.client import HubClient
from afluente_agent.default_parts import default_parts
from afluente_agent.identity import IdentityStore
from afluente_agent.loop import Loop
from afluente_agent.pec import PecAddress
from afluente_agent.protocol.signing import content_sha256
from afluente_agent.settings import DataFolder, SettingsStore
from afluente_agent.signer import signed_headers

from afluente.fleet import agents, remedies
from tests.fleet_world.agent_at_hub import (
    as_owner,
    enrol_at,
    enrol_beside,
    folder,
    new_token,
    pec,
    pec_server,
    pec_template,
    publish_catalogue,
    ticked,
    told,
    transmissions,
    world,
)
from tests.fleet_world.hub_world import HubWorld

__all__ = ["as_owner", "folder", "pec", "pec_server", "pec_template", "world"]

YEAR = 365 * 86400


def test_an_enrolled_agent_beats_and_its_facts_arrive_once(world: HubWorld, folder: DataFolder) -> None:
    assert enrol_at(world, folder).decision == "new"
    loop = ticked(folder, times=4)
    assert all(timer.failures == 0 for name, timer in loop.timers.by_name() if name != "reading")
    loop = Loop(folder, default_parts)
    loop._leave("disk.low", free="1 GB")
    loop.client.close()
    ticked(folder, times=4)
    assert told(world).count("disk.low") == 1
    with world.database.read() as connection:
        [agent] = agents.of_site(connection, "a")
    assert agent.sequence == SettingsStore(folder).load().sequence
    assert agent.last_seen_at is not None


@pytest.mark.parametrize("skew", [3 * 3600, -2 * YEAR])
def test_a_wrong_clock_costs_one_refusal_and_no_key(world: HubWorld, folder: DataFolder, skew: float) -> None:
    enrol_at(world, folder)
    before = (folder.identity / "current.json").read_bytes()
    loop = ticked(folder, skew=skew)
    assert loop.timers.heartbeat.failures == 0
    assert (folder.identity / "current.json").read_bytes() == before
    assert "clock.offset" in told(world)


def test_replayed_and_tampered_requests_are_refused(world: HubWorld, folder: DataFolder) -> None:
    enrol_at(world, folder)
    identity = IdentityStore(folder.identity).load()
    body = json.dumps({"waiting_bytes": 1, "transmissions": 1, "oldest_at": 0}).encode()
    at = int(time.time())
    signed = signed_headers(identity, method="POST", target="/v1/slot", body=body, headers={}, at=at)
    address = world.server.agents_address + "/v1/slot"
    assert world.client.post(address, content=body, headers=signed).status_code == 200
    again = world.client.post(address, content=body, headers=signed)
    assert (again.status_code, again.json()["code"]) == (401, "replay")
    signed = signed_headers(identity, method="POST", target="/v1/slot", body=body, headers={}, at=at)
    other = body.replace(b"1", b"2")
    signed["Afluente-Content-Sha256"] = content_sha256(other)
    tampered = world.client.post(address, content=other, headers=signed)
    assert (tampered.status_code, tampered.json()["code"]) == (401, "bad_signature")


def test_reinstalling_migrating_and_cloning_are_told_apart(
    world: HubWorld, folder: DataFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol_at(world, folder)
    ticked(folder)
    again = enrol_at(world, DataFolder(tmp_path / "again"), token=new_token(world))
    assert again.decision == "reinstalled"
    assert "Reinstalação" in again.message_pt
    loop = ticked(folder)
    assert loop.timers.heartbeat.failures > 0, "the one before is replaced, and says so"
    assert IdentityStore(folder.identity).load().key
    token = new_token(world)
    arguments = ["enrol", "--home", str(folder.root), "--hub", world.server.agents_address, "--anew", "--token", token]
    assert cli.main([*arguments, "--proxy", "none"]) == 0
    assert "Site a" in capsys.readouterr().out
    assert ticked(folder).timers.heartbeat.failures == 0


def test_a_rotated_key_signs_and_the_old_one_overlaps(world: HubWorld, folder: DataFolder) -> None:
    enrol_at(world, folder)
    old = IdentityStore(folder.identity).load()
    with world.database.write() as connection:
        remedies.create(connection, "a", "rotate_key", {}, by="ana", reason="teste", at=world.parts.clock.now())
    ticked(folder)
    new = IdentityStore(folder.identity).load()
    assert new.key != old.key
    settings = SettingsStore(folder).load()
    for identity in (old, new):
        with HubClient(settings, identity, now=time.time) as client:
            body = b'{"waiting_bytes":1,"transmissions":1,"oldest_at":0}'
            assert client.request("POST", "/v1/slot", body).status == 200
    with world.database.read() as connection:
        assert [one.status for one in remedies.listed(connection, "a")] == ["done"]


def test_lists_go_from_pec_to_landing_first_whole_then_what_changed(
    world: HubWorld, folder: DataFolder, pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    enrol_beside(world, folder, pec, tmp_path)
    publish_catalogue(world)
    loop = ticked(folder)
    assert [timer.failures for _, timer in loop.timers.by_name()] == [0, 0, 0, 0]
    [(name, kind, rows, state)] = transmissions(world)
    assert (name, kind, state) == ("pessoas", "full", "landed")
    assert rows > 100
    assert loop.parts.waiting().waiting_segments == 0
    as_owner("UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = '82911111111' WHERE co_seq_fat_cidadao_pec <= 3")
    SettingsStore(folder).update(last_extracted_at=1)
    ticked(folder)
    assert transmissions(world)[1] == ("pessoas", "delta", 3, "landed")
    with world.database.write() as connection:
        given = {"list": "pessoas"}
        remedies.create(connection, "a", "resend", given, by="ana", reason="teste", at=world.parts.clock.now())
    ticked(folder)
    assert transmissions(world)[2] == ("pessoas", "full", rows, "landed")
    assert {"reading.done", "send.done", "remedy.ended"} <= set(told(world))
