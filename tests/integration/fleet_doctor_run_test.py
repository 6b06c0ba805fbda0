"""The doctor as a whole: bounded, each check alone, on a real machine; and as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import fields
from pathlib import Path

import pytest
from afluente_agent.doctor.checks import folder
from afluente_agent.doctor.finding import Finding, codes_to_tell, finding
from afluente_agent.doctor.local_probes import LocalDisk, LocalWall, local_probes, pec_folders
from afluente_agent.doctor.report import as_json, as_text, exit_status
from afluente_agent.doctor.run import CHECKS, Check, run_checks
from afluente_agent.doctor.situation import Situation
from afluente_agent.doctor.texts import TEXTS
from afluente_agent.doctor_call import diagnose, stops_installation
from afluente_agent.settings import DataFolder, Settings

from tests.fleet_world import doctor_line as line
from tests.fleet_world.doctor_world import ToldDisk, ToldNetwork, codes, probes, situation
from tests.until import PATIENCE_SECONDS, until


def breaks(_situation: Situation) -> list[Finding]:
    raise RuntimeError("senha=segredo")


def given(checks: Sequence[Check], hanging: Set[str]) -> Iterator[Check]:
    """The checks; the patience with them runs out only after those that end have ended."""
    yield from checks
    names = {f"doctor-{check.name}" for check in checks if check.name not in hanging}
    until(lambda: not names & {thread.name for thread in threading.enumerate()}, "the end of the checks")


def works(_situation: Situation) -> list[Finding]:
    return [finding("ok.clock")]


def test_a_check_that_breaks_or_hangs_is_unknown_and_the_others_go_on(tmp_path: Path) -> None:
    ended = threading.Event()

    def hangs(_situation: Situation) -> list[Finding]:
        ended.wait(PATIENCE_SECONDS)
        return []

    checks = [Check("a", "primeiro", breaks), Check("b", "segundo", hangs), Check("c", "terceiro", works)]
    try:
        found = run_checks(
            Settings(), folder=DataFolder(tmp_path), probes=probes(), checks=given(checks, {"b"}), seconds=0.3
        )
    finally:
        ended.set()
    assert codes(found) == ["doctor.unknown", "doctor.unknown", "ok.clock"]
    assert found[0].evidence == {"check": "primeiro", "reason": "RuntimeError"}
    assert found[1].evidence == {"check": "segundo", "reason": "timeout"}
    assert "segredo" not in as_json(found)
    assert exit_status(found) == 0


def test_a_server_that_never_answers_leaves_the_rest_of_the_findings(tmp_path: Path) -> None:
    with line.accepting() as port:
        made = probes(network=ToldNetwork({line.HUB: port}), seconds=30)
        checks = given(CHECKS, {"dns", "proxy", "tls", "hub", "clock"})
        settings = Settings(hub=f"https://{line.HUB}")
        found = run_checks(settings, folder=DataFolder(tmp_path), probes=made, checks=checks, seconds=0.5)
    unknown = {one.evidence["check"] for one in found if one.code == "doctor.unknown"}
    assert unknown == {"DNS", "proxy", "conexão segura", "servidor da transmissão", "relógio"}
    assert {"pec.not_found", "ok.disk", "ok.folder", "ok.runtime", "ok.power"} <= set(codes(found))


def test_every_check_gives_a_finding_on_an_empty_machine(tmp_path: Path) -> None:
    for check in CHECKS:
        found = check.look(situation(tmp_path))
        assert found, check.name
        assert all(one.code in TEXTS for one in found)


def test_the_status_is_1_when_something_must_be_mended_and_warnings_let_pass() -> None:
    assert exit_status([finding("ok.hub"), finding("disk.low"), finding("doctor.later")]) == 0
    assert exit_status([finding("ok.hub"), finding("pec.not_found", folder="x")]) == 1


def test_the_text_says_the_worst_first_and_what_to_do() -> None:
    text = as_text(
        [finding("ok.hub"), finding("disk.low", where="x", free="1 GB", needed="2,0 GB"), finding("identity.clone")]
    )
    lines = text.splitlines()
    assert lines[0].startswith("[ERRO] Esta instalação está suspensa")
    assert lines[1].startswith("    O que fazer: Fale com o suporte")
    assert lines[2].startswith("[ATENÇÃO] Pouco espaço no disco de x: 1 GB livres")
    assert lines[4].startswith("[OK] O servidor da transmissão responde")
    assert lines[-1] == "Resultado: 1 problema(s) a resolver e 1 aviso(s)."


def test_json_has_every_field_of_every_finding_and_the_codes() -> None:
    found = [finding("ok.hub"), finding("disk.low")]
    told = json.loads(as_json(found))
    assert told["status"] == 0
    assert tuple(told["codes"]) == codes_to_tell(found) == ("disk.low",)
    assert set(told["findings"][0]) == {one.name for one in fields(Finding)}


def test_the_doctor_leaves_nothing_behind(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    found = run_checks(Settings(), folder=DataFolder(root), probes=probes(disk=ToldDisk()))
    assert "ok.folder" in codes(found)
    LocalDisk().try_writing(root)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not let mount")
    try:
        with pytest.raises(OSError, match="No space"):
            (small / "filler").write_bytes(b"x" * 128 * 1024)
        made = probes(disk=LocalDisk())  # type: ignore[arg-type]
        assert codes(folder.check(situation(small, made))) == ["disk.full"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    found = folder.check(situation(file / "data", probes(disk=LocalDisk())))  # type: ignore[arg-type]
    assert codes(found) == ["folder.not_writable"]


def test_the_probes_of_this_machine_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = local_probes()
    assert made.disk.free_bytes(tmp_path / "not" / "there") > 0
    assert abs(made.wall.now() - time.time()) < 60
    assert made.commands.run("no-such-tool-of-any-system") is None
    assert (made.commands.run(sys.executable, "-c", "print('olá')") or "").strip() == "olá"
    assert -14 * 60 <= LocalWall().utc_offset_minutes() <= 14 * 60
    monkeypatch.setenv("AFLUENTE_PEC", str(tmp_path))
    assert pec_folders(is_windows=False)[0] == tmp_path


def test_the_network_of_this_machine_answers_in_bounds() -> None:
    network = local_probes().network
    with line.hub(line.Answering()) as port, network.connect("127.0.0.1", port, 2.0) as opened:
        assert opened.getpeername()[1] == port
    for name in ("no-such-name.invalid", "a" * 70 + ".example", ""):
        with pytest.raises(OSError):
            network.connect(name, line.closed_port(), 2.0)


def test_the_command_runs_alone_and_tells_by_its_status(tmp_path: Path) -> None:
    with line.hub(line.Answering()) as port:
        done = subprocess.run(
            [sys.executable, "-m", "afluente_agent", "doctor", "--json", "--hub", f"http://127.0.0.1:{port}"],
            env={**os.environ, "AFLUENTE_AGENT_HOME": str(tmp_path / "data"), "AFLUENTE_PEC": str(tmp_path / "none")},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    assert done.returncode != 0, "PEC is not on this machine"
    assert '"pec.not_found"' in done.stdout
    assert '"ok.hub"' in done.stdout
    assert "O e-SUS PEC não foi encontrado neste computador" in done.stdout


def test_broken_settings_are_a_finding_and_not_the_end_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"hub": 3')
    assert "folder.settings_changed" in codes(diagnose(DataFolder(tmp_path), hub="http://127.0.0.1:1"))


def test_a_missing_task_does_not_keep_the_installer_from_putting_it_back() -> None:
    assert not stops_installation([finding("task.missing", name="x"), finding("service.disabled", name="x")])
    assert stops_installation([finding("pec.not_found", folder="x")])


def test_loading_the_doctor_loads_nothing_heavy() -> None:
    heavy = "asyncpg", "httpx", "cryptography", "tuf", "truststore", "zstandard"
    code = f"import sys, afluente_agent.doctor.run; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
