from __future__ import annotations

import errno
from pathlib import Path

import pytest
from afluente_agent.doctor.checks import (
    antivirus,
    disk,
    folder,
    other_agent,
    pec,
    power,
    proxy,
    runtime,
    service,
    time_zone,
)
from afluente_agent.doctor.pec_place import find_places, parse_proc_net, parse_properties
from afluente_agent.protocol.messages import to_json
from afluente_agent.service.program import Program
from afluente_agent.service.windows_task import TASK, WATCHDOG_TASK, task, watchdog_task
from afluente_agent.settings import Settings

from tests.fleet_world.doctor_world import NOW, ToldDisk, ToldWall, codes, probes, situation
from tests.fleet_world.windows_texts import (
    REG_EXPORT,
    SC_ABSENT_PT,
    SC_DISABLED,
    SC_RUNNING_PT,
    SC_STOPPED_EN,
)

PROGRAM = Program((r"C:\Afluente\afluente-agent.exe",), Path(r"C:\ProgramData\afluente-agent"))
ABSENT = "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
RUNNING = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
STOPPED = "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"
DISABLED = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n"
MIB, GIB = 1024**2, 1024**3


def install_pec(folder: Path, *, port: int = 5433, credentials: str = "usuario=esus_leitura\nsenha=s\n") -> Path:
    config = folder / "webserver" / "config"
    config.mkdir(parents=True)
    (config / "application.properties").write_text(
        f"spring.datasource.url=jdbc:postgresql://localhost:{port}/esus\nspring.datasource.password=segredo\n"
    )
    if credentials:
        (config / "credenciais.txt").write_text(credentials)
    return folder


def test_a_full_disk(tmp_path: Path) -> None:
    found = disk.check(situation(tmp_path, probes(disk=ToldDisk(free=50 * MIB))))
    assert codes(found) == ["disk.full"]
    assert found[0].title_pt == "O disco de dados do agente está cheio: 50 MB livres"
    assert found[0].state == "fail"


def test_a_disk_that_is_filling_up_is_a_warning_for_the_agent_and_for_pec(tmp_path: Path) -> None:
    install_pec(tmp_path / "e-SUS")
    found = disk.check(situation(tmp_path, probes(disk=ToldDisk(free=GIB), pec_folders=[tmp_path / "e-SUS"])))
    assert codes(found) == ["disk.low", "disk.low"]
    assert "10,0 GB" in found[1].what_to_do_pt
    assert {one.state for one in found} == {"warn"}


def test_a_disk_that_answers_with_an_error(tmp_path: Path) -> None:
    error = OSError(errno.EIO, "Input/output error")
    assert codes(disk.check(situation(tmp_path, probes(disk=ToldDisk(free_error=error))))) == ["disk.error"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "folder.not_writable"),
        (errno.EROFS, "folder.not_writable"),
        (errno.ENOSPC, "disk.full"),
        (errno.EIO, "disk.error"),
    ],
)
def test_why_the_folder_cannot_be_written(tmp_path: Path, number: int, code: str) -> None:
    found = folder.check(situation(tmp_path, probes(disk=ToldDisk(error=OSError(number, "x")))))
    assert codes(found) == [code]


def test_settings_that_somebody_changed(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"hub": 3')
    found = folder.check(situation(tmp_path))
    assert codes(found) == ["folder.settings_changed"]
    assert "novo código" in found[0].what_to_do_pt


@pytest.mark.parametrize(("minutes", "is_brazil"), [(-180, True), (-300, True), (-120, True), (0, False), (60, False)])
def test_time_zones_of_brazil(tmp_path: Path, minutes: int, is_brazil: bool) -> None:
    found = time_zone.check(situation(tmp_path, probes(wall=ToldWall(offset_minutes=minutes))))
    assert codes(found) == ["ok.time_zone" if is_brazil else "clock.zone"]


def test_files_that_an_antivirus_took_away(tmp_path: Path) -> None:
    here, gone = tmp_path / "agent.exe", tmp_path / "zstd.dll"
    here.write_bytes(b"MZ")
    printed = {"sc query": SC_ABSENT_PT, "sc query AVP": SC_RUNNING_PT}
    found = antivirus.check(situation(tmp_path, probes(system="windows", printed=printed, own_files=[here, gone])))
    assert codes(found) == ["av.file_removed"]
    assert found[0].evidence == {"file": "zstd.dll", "files": "1", "product": "Kaspersky"}
    assert "Kaspersky" in found[0].title_pt
    assert codes(antivirus.check(situation(tmp_path, probes(own_files=[here])))) == ["ok.antivirus"]


def test_an_agent_that_was_alive_and_never_stopped(tmp_path: Path) -> None:
    (tmp_path / "alive").write_text(f"{int(NOW) - 7200}\n")
    found = power.check(situation(tmp_path))
    assert codes(found) == ["power.unclean_stop"]
    assert found[0].evidence["seen_at"] == "06/10/2026 09:00 UTC"


@pytest.mark.parametrize("text", [f"{int(NOW) - 7200} stopped\n", f"{int(NOW) - 60}\n", "", "lixo", "9" * 40])
def test_an_agent_that_runs_or_was_stopped_or_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "alive").write_text(text)
    assert codes(power.check(situation(tmp_path))) == ["ok.power"]


@pytest.mark.parametrize(
    ("day", "code"), [("2026-10-06T03:12:44", "power.unclean_stop"), ("2026-09-01T03:12:44", "ok.power")]
)
def test_windows_log_of_a_power_cut_counts_while_it_is_recent(tmp_path: Path, day: str, code: str) -> None:
    printed = {"wevtutil qe System": f"<Event><TimeCreated SystemTime='{day}.1Z'/></Event>"}
    assert codes(power.check(situation(tmp_path, probes(system="windows", printed=printed)))) == [code]


@pytest.mark.parametrize(
    ("printed", "agent", "code"),
    [
        (RUNNING, "a", "ok.service"),
        (STOPPED, "a", "service.stopped"),
        (DISABLED, "a", "service.disabled"),
        (ABSENT, "a", "task.missing"),
        (ABSENT, "", "ok.service"),
    ],
)
def test_the_systemd_unit_of_the_agent(tmp_path: Path, printed: str, agent: str, code: str) -> None:
    made = probes(printed={"systemctl show afluente-agent.service": printed})
    assert codes(service.check(situation(tmp_path, made, agent=agent))) == [code]


@pytest.mark.parametrize(
    ("timer", "expected"),
    [(RUNNING, ["ok.service"]), (ABSENT, ["task.missing"]), (DISABLED, ["service.disabled"])],
)
def test_the_watchdogs_timer_on_linux_is_a_warning(tmp_path: Path, timer: str, expected: list[str]) -> None:
    printed = {
        "systemctl show afluente-agent.service": RUNNING,
        "systemctl show afluente-agent-watchdog.timer": timer,
    }
    found = service.check(situation(tmp_path, probes(printed=printed), agent="a"))
    assert codes(found) == expected
    assert found[0].state in ("ok", "warn")


def test_the_windows_service_of_the_agent(tmp_path: Path) -> None:
    printed = {"sc query AfluenteAgente": SC_STOPPED_EN, "sc qc AfluenteAgente": SC_DISABLED}
    found = service.check(situation(tmp_path, probes(system="windows", printed=printed), agent="a"))
    assert codes(found) == ["service.disabled"]
    assert "AfluenteAgente" in found[0].what_to_do_pt


def test_a_system_that_cannot_tell_of_services_is_unknown_not_missing(tmp_path: Path) -> None:
    assert codes(service.check(situation(tmp_path, agent="a"))) == ["doctor.unknown"]


def windows_tasks(agent: str, watchdog: str = "") -> dict[str, str]:
    return {
        "sc query": SC_ABSENT_PT,
        "sc qc": SC_ABSENT_PT,
        f"schtasks /query /tn {TASK} /xml": agent,
        f"schtasks /query /tn {WATCHDOG_TASK} /xml": watchdog or watchdog_task(PROGRAM),
    }


NO_TASK = "ERRO: O sistema não pode encontrar o arquivo especificado.\n"


@pytest.mark.parametrize(
    ("agent", "watchdog", "expected"),
    [
        (task(PROGRAM), "", ["ok.service"]),
        (NO_TASK, NO_TASK, ["task.missing"]),
        (task(PROGRAM), NO_TASK, ["task.missing"]),
        (task(PROGRAM).replace("<Priority>", "<x/><Priority>").replace(
            "<Enabled>true</Enabled>\n    <Hidden>", "<Enabled>false</Enabled>\n    <Hidden>"), "", ["service.disabled"]),
        (task(PROGRAM).replace("PT0S", "PT72H"), "", ["agent.task_changed"]),
        (task(PROGRAM).replace("OnBatteries>false", "OnBatteries>true"), "", ["agent.task_changed"]),
    ],
)  # fmt: skip
def test_the_scheduled_task_of_the_agent(tmp_path: Path, agent: str, watchdog: str, expected: list[str]) -> None:
    made = probes(system="windows", printed=windows_tasks(agent, watchdog))
    assert codes(service.check(situation(tmp_path, made, agent="a"))) == expected


def test_a_task_hidden_from_who_is_no_administrator_is_unknown_not_missing(tmp_path: Path) -> None:
    made = probes(system="windows", printed=windows_tasks(NO_TASK, NO_TASK), is_administrator=False)
    (found,) = service.check(situation(tmp_path, made, agent="a"))
    assert found.code == "doctor.unknown"
    assert "como administrador" in found.what_to_do_pt


def test_a_task_that_windows_ends_says_so_in_words(tmp_path: Path) -> None:
    made = probes(system="windows", printed=windows_tasks(task(PROGRAM).replace("PT0S", "PT72H")))
    (found,) = service.check(situation(tmp_path, made, agent="a"))
    assert "é encerrada após 72h" in found.title_pt


def test_another_agent_on_the_machine(tmp_path: Path) -> None:
    other = tmp_path / "old"
    other.mkdir()
    (other / "settings.json").write_bytes(to_json(Settings(agent="b", hub="https://hub")))
    found = other_agent.check(situation(tmp_path / "mine", probes(data_folders=[other, tmp_path / "mine"])))
    assert codes(found) == ["agent.other"]
    assert str(other) in found[0].title_pt


def test_a_folder_that_the_hub_knows_as_a_clone(tmp_path: Path) -> None:
    found = other_agent.check(situation(tmp_path, decision="clone", agent="a"))
    assert codes(found) == ["identity.clone"]
    assert found[0].state == "fail"


def test_a_program_without_one_of_its_libraries(tmp_path: Path) -> None:
    found = runtime.check(situation(tmp_path, probes(modules=("json", "no_such_library"))))
    assert codes(found) == ["agent.runtime"]
    assert "no_such_library" in found[0].title_pt


def test_no_pec_on_the_machine(tmp_path: Path) -> None:
    found = pec.check(situation(tmp_path, probes(pec_folders=[tmp_path / "e-SUS"])))
    assert codes(found) == ["pec.not_found"]
    assert "Rode este programa no computador" in found[0].what_to_do_pt


def test_pec_in_its_place(tmp_path: Path) -> None:
    made = probes(pec_folders=[install_pec(tmp_path / "e-SUS")])
    assert codes(pec.check(situation(tmp_path, made))) == ["ok.pec"]


def test_a_folder_that_was_told_and_is_elsewhere_now(tmp_path: Path) -> None:
    now = install_pec(tmp_path / "now" / "e-SUS")
    made = probes(pec_folders=[now])
    found = pec.check(situation(tmp_path, made, pec_folder=str(tmp_path / "before" / "e-SUS")))
    assert codes(found) == ["pec.folder_moved"]
    assert found[0].evidence == {"before": str(tmp_path / "before" / "e-SUS"), "now": str(now)}


def test_a_database_that_was_told_by_its_address_needs_no_folder(tmp_path: Path) -> None:
    told = situation(tmp_path, pec_host="10.0.0.7", pec_port=5440, pec_database="pec")
    assert codes(pec.check(told)) == ["ok.pec"]
    (place,) = told.places()
    assert (place.host, place.ports, place.database, place.credentials) == ("10.0.0.7", (5440,), "pec", None)
    assert codes(disk.check(told)) == ["ok.disk"]


def test_a_credentials_file_that_was_told(tmp_path: Path) -> None:
    place = install_pec(tmp_path / "e-SUS", credentials="")
    file = tmp_path / "senha.txt"
    file.write_text("esus_leitura=s\n")
    made = probes(pec_folders=[place])
    assert codes(pec.check(situation(tmp_path, made, pec_credentials=str(file)))) == ["ok.pec"]


def test_two_installations_of_pec(tmp_path: Path) -> None:
    folders = [install_pec(tmp_path / "a" / "e-SUS"), install_pec(tmp_path / "b" / "e-SUS")]
    assert codes(pec.check(situation(tmp_path, probes(pec_folders=folders)))) == ["pec.several"]


def test_the_same_folder_told_twice_is_one_installation(tmp_path: Path) -> None:
    place = install_pec(tmp_path / "e-SUS")
    (tmp_path / "link").symlink_to(place)
    assert len(find_places(probes(pec_folders=[place, place, tmp_path / "link"]))) == 1


@pytest.mark.parametrize("credentials", ["", "-"])
def test_the_credentials_file_is_gone_or_empty(tmp_path: Path, credentials: str) -> None:
    place = install_pec(tmp_path / "e-SUS", credentials=credentials)
    if credentials:
        (place / "webserver" / "config" / "credenciais.txt").write_text("")
    found = pec.check(situation(tmp_path, probes(pec_folders=[place])))
    assert codes(found) == ["pec.credentials_missing"]
    assert "credenciais.txt" in found[0].title_pt


def test_the_stopped_services_of_pec_on_windows(tmp_path: Path) -> None:
    printed = {
        "sc query e-SUS-AB-PostgreSQL": SC_RUNNING_PT,
        "sc query e-SUS-PEC": SC_STOPPED_EN,
        "sc qc": SC_DISABLED,
    }
    made = probes(system="windows", printed=printed, pec_folders=[install_pec(tmp_path / "e-SUS")])
    found = pec.check(situation(tmp_path, made))
    assert codes(found) == ["pec.stopped"]
    assert found[0].evidence == {"service": "e-SUS-PEC"}
    assert found[0].state == "warn"
    assert "inicie e-SUS-PEC" in found[0].what_to_do_pt


def test_the_stopped_database_service_of_pec_on_linux(tmp_path: Path) -> None:
    printed = {
        "systemctl show e-SUS-AB-PostgreSQL.service": STOPPED,
        "systemctl show e-SUS-PEC.service": RUNNING,
    }
    found = pec.check(situation(tmp_path, probes(printed=printed, pec_folders=[install_pec(tmp_path / "e-SUS")])))
    assert codes(found) == ["pec.stopped"]
    assert found[0].state == "fail"


def test_the_folder_of_pec_is_known_from_its_service(tmp_path: Path) -> None:
    place = install_pec(tmp_path / "e-SUS", port=5434)
    printed = {"systemctl show e-SUS-PEC.service": f"WorkingDirectory={place}/webserver\n"}
    (found,) = find_places(probes(printed=printed))
    assert found.folder == place
    assert found.ports[:2] == (5434, 5433)


def test_a_running_server_tells_its_port_in_its_data_folder(tmp_path: Path) -> None:
    place = install_pec(tmp_path / "e-SUS")
    data = place / "database" / "postgresql" / "data"
    data.mkdir(parents=True)
    (data / "postmaster.pid").write_text(f"123\n{data}\n1700000000\n5440\n\n")
    (found,) = find_places(probes(pec_folders=[place]))
    assert found.ports[:2] == (5440, 5433)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spring.datasource.url=jdbc:postgresql://localhost:5433/esus?x=1\n", ("localhost", 5433, "esus")),
        ("# c\n spring.datasource.url = jdbc:postgresql://10.0.0.7/pec\n", ("10.0.0.7", 5432, "pec")),
        ("spring.datasource.url=jdbc:postgresql://localhost:99999/esus\n", None),
        ("", None),
    ],
)
def test_the_address_in_pecs_configuration(text: str, expected: tuple[str, int, str] | None) -> None:
    assert parse_properties(text) == expected


def test_listening_sockets_of_linux() -> None:
    text = (
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 0100007F:1539 00000000:0000 0A 00000000:00000000\n"
        "   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000\n"
    )
    assert parse_proc_net(text) == {5433}


def test_an_automatic_proxy_script_is_told(tmp_path: Path) -> None:
    made = probes(system="windows", printed={"reg query": REG_EXPORT})
    found = proxy.check(situation(tmp_path, made))
    assert codes(found) == ["net.proxy_automatic"]
    assert "wpad.prefeitura.local/proxy.pac" in found[0].title_pt
    assert "--proxy" in found[0].what_to_do_pt
