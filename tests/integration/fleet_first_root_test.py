"""The first root of updates comes with the enrolment and stays; what another repository signs is not installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from afluente_agent.enrol import enrol
from afluente_agent.errors import EnrolmentError, UpdateError
from afluente_agent.settings import DataFolder, SettingsStore
from afluente_agent.update.client import UpdateClient, pin_at_enrolment, pin_first_root
from afluente_agent.update.folder import UpdateFolder
from tests.fleet_world.hub_world import HubWorld, hub

from afluente.core.clock import SystemClock
from afluente.fleet.documents import new_signing_key
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import UpdateRepository
from afluente.state.database import Database
from afluente.state.secret import Secret

ONEDIR = Path(__file__).parents[2] / "agent" / "build" / "onedir.py"
BUNDLER = """
import os, pathlib, shutil, sys
words = sys.argv[1:]
into = pathlib.Path(words[words.index("--distpath") + 1]) / "afluente-agent"
into.mkdir(parents=True)
program = into / "afluente-agent"
program.write_text("#!/bin/sh\\n")
program.chmod(0o755)
for word, value in zip(words, words[1:]):
    if word == "--add-data":
        source, _, place = value.rpartition(os.pathsep)
        target = into / "_internal" / place
        target.mkdir(parents=True)
        shutil.copy(source, target)
"""


def new_repository(folder: Path) -> UpdateRepository:
    keys = UpdateKeys(*([Secret(new_signing_key()) for _ in range(count)] for count in (2, 1, 1, 1)))
    repository = UpdateRepository(folder, keys, SystemClock())
    repository.create()
    return repository


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[HubWorld]:
    with hub(database, tmp_path) as made:
        yield made


class Line(httpx.HTTPTransport):
    """A line that notes the addresses asked for, and may change an answer."""

    def __init__(self, changed: dict[str, str] | None = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.changed = changed or {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        response = super().handle_request(request)
        body = response.read().decode()
        for old, new in self.changed.items():
            assert old in body
            body = body.replace(old, new)
        return httpx.Response(response.status_code, stream=httpx.ByteStream(body.encode()))


def enrolled(world: HubWorld, folder: Path, *, token: str = "", line: Line | None = None) -> UpdateFolder:
    data = DataFolder(folder / "agent")
    enrol(
        data, hub=world.server.agents_address, token=token or world.token(), now=time.time, proxy="none", transport=line
    )
    return UpdateFolder(data.root)


def look(world: HubWorld, folder: UpdateFolder) -> None:
    base = f"{world.server.agents_address}/updates/"
    with httpx.Client(timeout=60, trust_env=False) as http:
        assert pin_first_root(folder, http, base, hub_keys=world.parts.signer.public_keys) is False
        UpdateClient(folder, http, base, hub_time=world.hub_time).refresh()


def test_the_root_is_pinned_with_the_enrolment_and_its_repository_is_followed(world: HubWorld, tmp_path: Path) -> None:
    repository, line = new_repository(tmp_path / "updates"), Line()
    folder = enrolled(world, tmp_path, line=line)
    assert folder.trusted_root.read_bytes() == repository.first_root()
    assert line.asked == ["/v1/enrol"]
    look(world, folder)


def test_a_different_root_offered_later_is_refused(world: HubWorld, tmp_path: Path) -> None:
    first = new_repository(tmp_path / "updates").first_root()
    folder = enrolled(world, tmp_path)
    shutil.rmtree(tmp_path / "updates")
    new_repository(tmp_path / "updates")
    with pytest.raises(UpdateError):
        look(world, folder)
    assert folder.trusted_root.read_bytes() == first
    assert pin_at_enrolment(folder, (tmp_path / "updates" / "metadata" / "1.root.json").read_bytes()) is False
    assert folder.trusted_root.read_bytes() == first


def test_a_root_that_the_hub_did_not_sign_ends_the_enrolment_and_the_token_is_good_for_another_try(
    world: HubWorld, tmp_path: Path
) -> None:
    repository, token = new_repository(tmp_path / "updates"), world.token()
    with pytest.raises(EnrolmentError) as refused:
        enrolled(world, tmp_path, token=token, line=Line({"consistent_snapshot": "consistent_Snapshot"}))
    assert refused.value.code == "document.not_signed"
    assert not SettingsStore(DataFolder(tmp_path / "agent")).load().is_enrolled
    folder = enrolled(world, tmp_path, token=token)
    assert folder.trusted_root.read_bytes() == repository.first_root()


def test_a_hub_without_updates_enrols_and_tells_no_root(world: HubWorld, tmp_path: Path) -> None:
    assert not enrolled(world, tmp_path).trusted_root.exists()


def test_an_agent_that_enrolled_before_there_were_updates_pins_what_the_hub_signed(
    world: HubWorld, tmp_path: Path
) -> None:
    folder = enrolled(world, tmp_path)
    repository = new_repository(tmp_path / "updates")
    base = f"{world.server.agents_address}/updates/"
    keys = world.parts.signer.public_keys
    with httpx.Client(transport=Line({"consistent_snapshot": "consistent_Snapshot"})) as liar:
        with pytest.raises(UpdateError, match=r"update\.root"):
            pin_first_root(folder, liar, base, hub_keys=keys)
    assert not folder.trusted_root.exists()
    with httpx.Client(timeout=60, trust_env=False) as http:
        assert pin_first_root(folder, http, base, hub_keys=keys) is True
    assert folder.trusted_root.read_bytes() == repository.first_root()
    look(world, folder)


def test_the_root_of_the_installer_goes_before_that_of_the_answer(tmp_path: Path) -> None:
    shipped = new_repository(tmp_path / "shipped").first_root()
    given = new_repository(tmp_path / "given").first_root()
    (tmp_path / "trusted-root.json").write_bytes(shipped)
    folder = UpdateFolder(tmp_path / "agent")
    assert pin_at_enrolment(folder, given, shipped=tmp_path / "trusted-root.json")
    assert folder.trusted_root.read_bytes() == shipped


@pytest.mark.skipif(sys.platform == "win32", reason="the bundler in its place is a shell script")
def test_packaging_puts_the_root_it_is_given_where_the_agent_looks_for_it(tmp_path: Path) -> None:
    root = new_repository(tmp_path / "updates").first_root()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "PyInstaller.py").write_text(BUNDLER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "tools")}
    first = tmp_path / "updates" / "metadata" / "1.root.json"

    def package(into: str, *words: str | Path) -> int:
        command = [sys.executable, ONEDIR, "--into", tmp_path / into, *words]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    assert package("made", "--trusted-root", first) == 0
    found = tmp_path / "made" / "afluente-agent" / "_internal" / "afluente_agent" / "update" / "trusted-root.json"
    assert found.read_bytes() == root
    assert package("bare") == 0
    assert not list((tmp_path / "bare").rglob("trusted-root.json"))
    (tmp_path / "other.json").write_text(json.dumps({"signed": {"_type": "timestamp"}}))
    assert package("wrong", "--trusted-root", tmp_path / "other.json") != 0
