from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente_agent.errors import ServiceError
from afluente_agent.service import systemd, windows_service, windows_task
from afluente_agent.service.program import Program
from afluente_agent.service.tool import Done, run_tool
from afluente_agent.service.systemd import Systemd
from afluente_agent.service.watchdog import mark_uninstalled, watch
from afluente_agent.service.windows_service import WindowsService
from afluente_agent.service.windows_task import WindowsTask

PROGRAM = Program(("/opt/afluente/afluente-agent",), Path("/var/lib/afluente-agent"))

SYSTEMCTL = """\
#!/bin/sh
# A systemctl that keeps what it is told in a folder.
state="$(dirname "$0")/state"; mkdir -p "$state"; verb="$1"; shift
case "$verb" in
  daemon-reload) ;;
  enable) for one in "$@"; do touch "$state/enabled-$one"; done ;;
  disable) shift; for one in "$@"; do rm -f "$state/enabled-$one" "$state/active-$one"; done ;;
  start|restart) for one in "$@"; do touch "$state/active-$one"; done ;;
  is-enabled) test -e "$state/enabled-$1" ;;
  is-active) test -e "$state/active-$1" ;;
  *) exit 9 ;;
esac
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Systemd:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o700)
    units = tmp_path / "units"
    units.mkdir()
    return Systemd(units=units, systemctl=str(systemctl))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "data").mkdir()
    return Program(("/opt/afluente/afluente-agent",), tmp_path / "data")


class Facts(list[tuple[str, dict[str, object]]]):
    def __call__(self, code: str, /, **evidence: object) -> None:
        self.append((code, evidence))


def test_what_was_removed_is_restored_and_told(keeper: Systemd, program: Program, tmp_path: Path) -> None:
    facts = Facts()
    keeper.install(program)
    keeper.start()
    assert not watch(keeper, program, facts).is_restored
    for name in systemd.texts(program):
        (tmp_path / "units" / name).unlink()
        assert watch(keeper, program, facts).is_restored
        assert keeper.is_installed(program)
    (tmp_path / "state" / f"enabled-{systemd.UNIT}").unlink()
    (tmp_path / "state" / f"active-{systemd.UNIT}").unlink()
    assert watch(keeper, program, facts).is_started
    assert keeper.is_running()
    assert [code for code, _ in facts] == ["service.watchdog_restored_task"] * 4


def test_what_stands_still_is_started_and_told(keeper: Systemd, program: Program, tmp_path: Path) -> None:
    facts = Facts()
    keeper.install(program)
    assert watch(keeper, program, facts).is_started
    assert facts == [("service.restored", {"name": systemd.UNIT})]


def test_a_unit_that_was_changed_is_put_right(keeper: Systemd, program: Program, tmp_path: Path) -> None:
    keeper.install(program)
    (tmp_path / "units" / systemd.UNIT).write_text("[Service]\nExecStart=/bin/false\n")
    assert watch(keeper, program, Facts()).is_restored
    assert (tmp_path / "units" / systemd.UNIT).read_text() == systemd.unit(program)
    assert stat.S_IMODE((tmp_path / "units" / systemd.UNIT).stat().st_mode) == 0o644


def test_what_was_uninstalled_on_purpose_stays_away(keeper: Systemd, program: Program) -> None:
    keeper.install(program)
    mark_uninstalled(program, is_uninstalled=True)
    keeper.uninstall()
    assert watch(keeper, program, Facts()) == watch(keeper, program, Facts())
    assert not keeper.is_installed(program)
    mark_uninstalled(program, is_uninstalled=False)
    assert watch(keeper, program, Facts()).is_restored


def test_a_tool_that_refuses_says_which(program: Program, tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    with pytest.raises(ServiceError) as caught:
        Systemd(units=tmp_path / "units", systemctl="/bin/false").install(program)
    assert "false ended with status 1" in caught.value.message_en
    assert run_tool(["/no/such/tool"]).status == 127


def test_the_unit_is_hardened_and_weak_beside_pec() -> None:
    text = systemd.unit(PROGRAM)
    for line in (
        'ExecStart="/opt/afluente/afluente-agent" "supervise"',
        'ReadWritePaths="/var/lib/afluente-agent"',
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "Nice=10",
        "UMask=0077",
    ):
        assert line in text.splitlines()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_itself_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    agent = tmp_path / "pasta com espaço %n" / "agent"
    agent.parent.mkdir()
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    program = Program((str(agent),), tmp_path / "data")
    for name, text in systemd.texts(program).items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in systemd.texts(program))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "afluente" in line]
    if done.returncode != 0 and not ours:
        pytest.skip("systemd-analyze does not work here")
    assert ours == []


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",))))
def test_a_word_of_a_unit_cannot_end_itself(text: str) -> None:
    quoted = systemd.quoted(text)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inner
    assert "\\" not in inner
    assert inner.count("%") % 2 == 0


@pytest.mark.parametrize("letter", ['"', "$", "*", "\\", "["])
def test_a_program_that_systemd_would_not_start_is_refused(letter: str) -> None:
    with pytest.raises(ServiceError):
        systemd.unit(Program((f"/opt/{letter}x",), Path("/data")))


@given(st.sampled_from("\n\r\0\t\x1b"))
def test_a_line_break_in_a_path_is_refused(letter: str) -> None:
    with pytest.raises(ServiceError):
        systemd.quoted(f"/opt/{letter}x")


WINDOWS = Program((r"C:\Program Files\Afluente & Cia\afluente-agent.exe",), Path("C:/ProgramData/afluente-agent"))


def test_the_task_starts_with_the_machine_runs_for_ever_and_never_twice() -> None:
    text = windows_task.task(WINDOWS)
    root = ElementTree.fromstring(text.split("\n", 1)[1])
    names = {"t": windows_task.NAMESPACE}

    def of(path: str) -> str | None:
        return root.findtext("/".join(f"t:{part}" for part in path.split("/")), namespaces=names)

    assert of("Actions/Exec/Command") == WINDOWS.command[0]
    assert of("Actions/Exec/Arguments") == f"supervise --home {WINDOWS.data_folder}"
    assert of("Triggers/BootTrigger/Enabled") == "true"
    assert of("Triggers/TimeTrigger/Repetition/Interval") == "PT10M"
    assert of("Principals/Principal/UserId") == "S-1-5-18"
    assert of("Settings/MultipleInstancesPolicy") == "IgnoreNew"
    assert of("Settings/ExecutionTimeLimit") == "PT0S"
    assert of("Settings/StartWhenAvailable") == "true"
    assert of("Settings/DisallowStartIfOnBatteries") == "false"
    assert "&amp; Cia" in text


class Scheduler:
    """What schtasks.exe does, in memory."""

    def __init__(self) -> None:
        self.tasks: dict[str, str] = {}
        self.running: set[str] = set()

    def __call__(self, command: Sequence[str]) -> Done:
        verb, name = command[1], command[3]
        if verb == "/Create":
            self.tasks[name] = Path(command[5]).read_bytes().decode("utf-16")
        elif name not in self.tasks:
            return Done(1, "ERRO: O sistema não pode encontrar o arquivo especificado.")
        elif verb == "/Run":
            self.running.add(name)
        elif verb == "/Delete":
            del self.tasks[name]
        elif verb == "/Query" and "/XML" in command:
            return Done(0, self.tasks[name])
        elif verb == "/Query":
            return Done(0, '"PC","Agente","267009"' if name in self.running else '"PC","Agente","0"')
        return Done(0, "")


def test_a_task_that_maintenance_removed_or_disabled_is_put_back(program: Program) -> None:
    scheduler, facts = Scheduler(), Facts()
    keeper = WindowsTask(schtasks="schtasks", tool=scheduler)
    keeper.install(program)
    keeper.start()
    assert not watch(keeper, program, facts).is_restored
    del scheduler.tasks[windows_task.TASK]
    assert watch(keeper, program, facts).is_restored
    tail = scheduler.tasks[windows_task.TASK].rindex("<Enabled>true")
    scheduler.tasks[windows_task.TASK] = scheduler.tasks[windows_task.TASK][:tail] + scheduler.tasks[windows_task.TASK][
        tail:
    ].replace("true", "false", 1)
    assert watch(keeper, program, facts).is_restored
    assert not watch(keeper, program, facts).is_restored
    assert [code for code, _ in facts] == ["service.watchdog_restored_task"] * 2
    keeper.uninstall()
    assert scheduler.tasks == {}


@given(st.text(max_size=200))
def test_whatever_the_scheduler_prints_is_no_task_or_one(text: str) -> None:
    assert windows_task.says(text) in ((), windows_task.says(text))


def test_the_service_is_made_again_when_it_falls() -> None:
    commands = windows_service.create_commands(WINDOWS)
    assert commands[0][:3] == ["sc.exe", "create", "AfluenteAgente"]
    assert commands[0][4].startswith(f'"{WINDOWS.command[0]}" supervise --service')
    assert "restart/60000/restart/60000/restart/300000" in commands[3]
    asked: list[list[str]] = []

    def tool(command: Sequence[str]) -> Done:
        asked.append(list(command))
        if command[1] == "qc":
            return Done(0, f"BINARY_PATH_NAME : {WINDOWS.command[0]}")
        return Done(0, "STATE : 4  RUNNING") if command[1] == "query" else Done(0, "")

    keeper = WindowsService(sc="sc.exe", tool=tool)
    keeper.install(WINDOWS)
    assert asked == commands
    assert keeper.is_installed(WINDOWS)
    assert keeper.is_running()
