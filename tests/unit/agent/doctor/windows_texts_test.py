from __future__ import annotations

from pathlib import Path

import pytest
from afluente_agent.doctor import proxies
from afluente_agent.doctor.checks.power import parse_event
from afluente_agent.doctor.pec_place import folder_in, parse_netstat
from afluente_agent.doctor.scheduled_task import parse_task
from afluente_agent.doctor.service_state import ServiceState, parse_sc, parse_systemctl
from afluente_agent.service.program import Program
from afluente_agent.service.windows_task import task
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet_world.windows_texts import (
    SC_RUNNING_PT,
    SC_STOPPED_EN,
    SC_ABSENT_PT,
    SC_DISABLED,
    REG_QUERY,
    REG_EXPORT,
    NETSTAT_PT,
    EVENT,
)


def test_services_in_any_language() -> None:
    assert parse_sc(SC_RUNNING_PT) == ServiceState(is_installed=True, is_running=True)
    assert parse_sc(SC_STOPPED_EN) == ServiceState(is_installed=True, is_running=False)
    assert parse_sc(SC_ABSENT_PT) == ServiceState(is_installed=False)
    assert parse_sc("Acesso negado.") is None


def test_a_disabled_service() -> None:
    state = parse_sc(SC_STOPPED_EN, SC_DISABLED)
    assert state is not None
    assert state.is_disabled
    assert not state.is_automatic


def test_the_folder_of_pec_in_a_services_command_line() -> None:
    assert folder_in(SC_DISABLED) == r"C:\Program Files\e-SUS"
    assert folder_in("ExecStart={ path=/opt/e-SUS/webserver/standalone.sh ; argv[]=/opt/e-SUS/x }") == "/opt/e-SUS"
    assert folder_in("NOME_DO_SERVIÇO: e-SUS-PEC") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
            ServiceState(is_installed=True, is_running=True),
        ),
        ("LoadState=not-found\nActiveState=inactive\nUnitFileState=\n", ServiceState(is_installed=False)),
        (
            "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n",
            ServiceState(is_installed=True, is_running=False, is_disabled=True, is_automatic=False),
        ),
        (
            "LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n",
            ServiceState(is_installed=True, is_running=False, is_disabled=True, is_automatic=False),
        ),
        ("System has not been booted with systemd as init system", None),
    ],
)
def test_systemd_units(text: str, expected: ServiceState | None) -> None:
    assert parse_systemctl(text) == expected


def test_the_task_that_the_installer_makes_is_read_whole() -> None:
    read = parse_task(task(Program((r"C:\Afluente\afluente-agent.exe",), Path(r"C:\ProgramData\afluente-agent"))))
    assert read is not None
    assert read.is_enabled
    assert read.triggers == 2
    assert read.command == r"C:\Afluente\afluente-agent.exe"
    assert not read.has_limit
    assert not read.is_for_mains_only


def test_a_task_made_by_hand_has_windows_own_defaults() -> None:
    read = parse_task(
        '<?xml version="1.0" encoding="UTF-16"?>\n<Task version="1.2" '
        'xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers><CalendarTrigger>'
        "<Enabled>false</Enabled></CalendarTrigger></Triggers><Settings><Enabled>false</Enabled></Settings>"
        "<Actions><Exec><Command>x.exe</Command></Exec></Actions></Task>\n\n"
    )
    assert read is not None
    assert not read.is_enabled
    assert read.triggers == 0
    assert read.limit == "PT72H"
    assert read.is_for_mains_only


@pytest.mark.parametrize(
    "text",
    ["", "ERRO: O sistema não pode encontrar o arquivo especificado.", "<Task><", "<Task>" * 50_000],
)
def test_what_is_no_task(text: str) -> None:
    assert parse_task(text) is None


def test_a_bomb_of_entities_is_no_task() -> None:
    assert parse_task('<Task><!DOCTYPE x [<!ENTITY a "b">]>&a;</Task>') is None


def test_the_registry_as_queried_and_as_exported() -> None:
    queried, exported = proxies.parse_registry(REG_QUERY), proxies.parse_registry(REG_EXPORT)
    assert queried.is_enabled
    assert queried.bypass == ("*.gov.br", "192.168.*", "<local>")
    assert exported == proxies.WindowsProxy(
        is_enabled=False, server="", bypass=(), script="http://wpad.prefeitura.local/proxy.pac"
    )


def test_windows_proxy_is_taken_by_scheme_and_bypassed_by_name() -> None:
    windows = proxies.parse_registry(REG_QUERY)
    chosen = proxies.choose("https", "hub.example.org", setting="", environment={}, windows=windows)
    assert chosen is not None
    assert (chosen.address, chosen.origin) == ("proxy.prefeitura.local:3129", "Windows")
    assert proxies.choose("https", "hub.saude.gov.br", setting="", environment={}, windows=windows) is None


def test_what_is_set_beats_the_environment_and_none_goes_direct() -> None:
    environment = {"https_proxy": "http://fulano:s%40nha@10.0.0.1:3128", "NO_PROXY": ".interno.br"}
    hub = ("https", "hub.example.org")
    named = proxies.choose(*hub, setting="", environment=environment)
    assert named is not None
    assert named.address == "10.0.0.1:3128"
    assert named.authorization == "Basic ZnVsYW5vOnNAbmhh"
    assert "s@nha" not in named.address
    assert proxies.choose(*hub, setting="none", environment=environment) is None
    assert proxies.choose("https", "hub.interno.br", setting="", environment=environment) is None
    given_one = proxies.choose(*hub, setting="proxy:8081", environment=environment)
    assert given_one is not None
    assert given_one.address == "proxy:8081"


def test_listening_ports_of_netstat_in_portuguese() -> None:
    assert parse_netstat(NETSTAT_PT) == {5433, 8080}


def test_the_moment_of_an_event_of_the_log() -> None:
    assert parse_event(EVENT) == 1_791_256_364
    assert parse_event("") is None


@given(st.text(max_size=400))
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_a_parser(text: str) -> None:
    parse_sc(text, text)
    parse_systemctl(text)
    parse_task("<Task" + text)
    parse_task(text)
    parse_netstat(text)
    parse_event(text)
    folder_in(text)
    proxies.parse_registry(text)
    proxies.parse_address(text, "x")
