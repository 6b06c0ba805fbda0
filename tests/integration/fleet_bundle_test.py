"""The agent as municipalities get it: a folder made by PyInstaller that runs where there is no Python."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from afluente_agent.pec import PecAddress
from afluente_agent.protocol import fact_codes
from afluente_agent.settings import DataFolder, SettingsStore

from tests.fleet_world.agent_at_hub import (
    as_owner,
    folder,
    pec,
    pec_server,
    pec_template,
    publish_catalogue,
    transmissions,
    world,
)
from tests.fleet_world.hub_world import HubWorld

__all__ = ["as_owner", "folder", "pec", "pec_server", "pec_template", "world"]

ONEDIR = Path(__file__).parents[2] / "agent" / "build" / "onedir.py"
ENVIRONMENT = {"PATH": "/nowhere", "LC_ALL": "C"}
"""No Python is found there, nor a variable that would lead to one."""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's program, moved away from where it was made."""
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.skip("PyInstaller is not installed: the agent is not bundled")
    made = tmp_path_factory.mktemp("bundle")
    done = subprocess.run([sys.executable, ONEDIR, "--into", made / "made"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (made / "made" / "afluente-agent").rename(made / "copiado") / "afluente-agent"


@pytest.fixture
def run(program: Path, folder: DataFolder, tmp_path: Path) -> Run:
    def run(command: str, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**ENVIRONMENT, "AFLUENTE_AGENT_HOME": str(folder.root), "AFLUENTE_PEC": str(tmp_path / "pec")}
        return subprocess.run([program, command, *words], env=environment, capture_output=True, text=True, cwd="/")

    return run


def test_the_bundle_enrols_beats_and_sends_lists_whole_and_then_what_changed(
    run: Run, world: HubWorld, folder: DataFolder, pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    enrolled = run("enrol", "--hub", world.server.agents_address, "--token", world.token(), "--proxy", "none")
    assert enrolled.returncode == 0, enrolled.stderr
    credentials = tmp_path / "credenciais.txt"
    credentials.write_text(f"usuario={pec.role}\nsenha={pec.password}\n")
    SettingsStore(folder).update(
        pec_host=pec.host, pec_port=pec.port, pec_database=pec.database, pec_credentials=str(credentials)
    )
    publish_catalogue(world)
    for _ in range(3):
        done = run("once")
        assert done.returncode == 0, done.stderr
    [(name, kind, rows, state)] = transmissions(world)
    assert (name, kind, state) == ("pessoas", "full", "landed")
    assert rows > 100
    as_owner("UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = '82911111111' WHERE co_seq_fat_cidadao_pec <= 3")
    SettingsStore(folder).update(last_extracted_at=1)
    for _ in range(2):
        assert run("once").returncode == 0
    assert transmissions(world)[1:] == [("pessoas", "delta", 3, "landed")]


def test_the_doctor_of_the_bundle_finds_all_its_files_and_misses_one_that_was_taken_away(
    run: Run, program: Path, world: HubWorld
) -> None:
    def codes() -> set[str]:
        told = json.loads(run("doctor", "--json", "--hub", world.server.agents_address).stdout)
        return {one["code"] for one in told["findings"]}

    assert {"ok.hub", "ok.runtime", "ok.antivirus", "pec.not_found"} <= codes()
    library = next((program.parent / "_internal" / "asyncpg").rglob("*.so"))
    taken = library.rename(library.with_suffix(".taken"))
    try:
        assert fact_codes.AV_FILE_REMOVED in codes()
    finally:
        taken.rename(library)
