"""What the doctor says of the line to the hub: real sockets, real TLS with private authorities, a CONNECT proxy."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from afluente_agent.doctor.checks import clock, dns, hub, proxy, tls
from afluente_agent.doctor.finding import Finding
from afluente_agent.doctor.situation import Situation

from tests.fleet_world import doctor_line as line
from tests.fleet_world.doctor_world import ToldNetwork, ToldWall, codes, probes, situation

CHECKS = {"dns": dns, "proxy": proxy, "tls": tls, "hub": hub, "clock": clock}


@dataclass
class Line:
    """A machine that trusts one authority and a hub with a certificate of another or the same."""

    folder: Path
    trusted: line.Authority

    def __call__(
        self, port: int, *, settings: Mapping[str, object] | None = None, expected: str = "", **told: object
    ) -> Situation:
        network = told.pop("network", None) or ToldNetwork({line.HUB: port})
        wall = told.pop("wall", None) or ToldWall(time.time())
        seconds = told.pop("seconds", 30.0)
        made = probes(network=network, wall=wall, trust=self.trusted.trust, seconds=seconds, **told)  # type: ignore[arg-type]
        found = situation(self.folder, made, **{"hub": f"https://{line.HUB}", **(settings or {})})
        found.expected_issuer = expected
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Line:
    return Line(tmp_path, line.authority(tmp_path, "Let's Encrypt", "R11"))


def looked(found: Situation) -> dict[str, list[Finding]]:
    return {name: module.check(found) for name, module in CHECKS.items()}


def told(found: Situation) -> dict[str, list[str]]:
    return {name: codes(findings) for name, findings in looked(found).items()}


@contextlib.contextmanager
def good_hub(machine: Line, **answering: object) -> Iterator[int]:
    with line.hub(line.Answering(**answering), certificate=machine.trusted.issue(machine.folder)) as port:  # type: ignore[arg-type]
        yield port


def test_everything_is_well(machine: Line) -> None:
    with good_hub(machine) as port:
        assert told(machine(port)) == {
            "dns": ["ok.dns"],
            "proxy": ["ok.proxy"],
            "tls": ["ok.tls"],
            "hub": ["ok.hub"],
            "clock": ["ok.clock"],
        }


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (3 * 3600, "adiantado em 3 horas"),
        (-3 * 3600, "atrasado em 3 horas"),
        (-2 * 366 * 86400, "atrasado em 2 anos"),
        (600, "adiantado em 10 minutos"),
    ],
)
def test_a_clock_that_is_wrong_is_measured_against_the_hub(machine: Line, offset: int, words: str) -> None:
    with good_hub(machine) as port:
        (found,) = clock.check(machine(port, wall=ToldWall(time.time() + offset)))
    assert found.code == "clock.offset"
    assert found.state == "warn", "the agent reckons with the hub's time"
    assert words in found.title_pt
    assert abs(int(found.evidence["offset_seconds"]) - offset) < 60
    assert "Definir horário automaticamente" in found.what_to_do_pt


def test_an_antivirus_whose_authority_the_machine_trusts_is_named(tmp_path: Path) -> None:
    inspector = line.authority(tmp_path, "AO Kaspersky Lab", "Kaspersky Anti-Virus Personal Root Certificate")
    with line.hub(line.Answering(), certificate=inspector.issue(tmp_path)) as port:
        (found,) = tls.check(Line(tmp_path, inspector)(port))
    assert found.code == "net.tls_intercepted"
    assert found.evidence["product"] == "Kaspersky"
    assert found.evidence["issuer"] == "AO Kaspersky Lab / Kaspersky Anti-Virus Personal Root Certificate"
    assert found.what_to_do_pt == "Peça à TI que exclua hub.example.org da inspeção de HTTPS em Kaspersky."


def test_a_firewall_whose_authority_the_machine_does_not_trust_is_named(machine: Line) -> None:
    inspector = line.authority(machine.folder, "Fortinet", "FG100D3G")
    with line.hub(line.Answering(), certificate=inspector.issue(machine.folder)) as port:
        found = looked(machine(port))
    assert codes(found["tls"]) == ["net.tls_intercepted"]
    assert found["tls"][0].evidence["product"] == "Fortinet"
    assert codes(found["hub"]) == ["doctor.later"]
    assert codes(found["clock"]) == ["ok.clock"], "the time is read where the certificate is not trusted"


def test_an_unknown_authority_that_is_not_trusted_is_an_interception_with_its_name(machine: Line) -> None:
    stranger = line.authority(machine.folder, "Prefeitura de Exemplo", "CA interna")
    with line.hub(line.Answering(), certificate=stranger.issue(machine.folder)) as port:
        (found,) = tls.check(machine(port))
    assert found.code == "net.tls_intercepted"
    assert "Prefeitura de Exemplo / CA interna" in found.title_pt


def test_a_trusted_authority_that_is_not_well_known_is_a_warning(tmp_path: Path) -> None:
    own = line.authority(tmp_path, "Prefeitura de Exemplo", "CA interna")
    with line.hub(line.Answering(), certificate=own.issue(tmp_path)) as port:
        found = tls.check(Line(tmp_path, own)(port))
        pinned = tls.check(Line(tmp_path, own)(port, expected="Prefeitura de Exemplo"))
        given = tls.check(Line(tmp_path, own)(port, settings={"ca_file": "authority.pem"}))
    assert codes(found) == ["net.tls_issuer_unknown"]
    assert found[0].state == "warn"
    assert codes(pinned) == ["ok.tls"]
    assert codes(given) == ["ok.tls"]


def test_another_issuer_than_the_pinned_one_is_an_interception(machine: Line) -> None:
    with good_hub(machine) as port:
        assert codes(tls.check(machine(port, expected="DigiCert"))) == ["net.tls_intercepted"]


def test_an_expired_certificate_points_at_the_clock_first(machine: Line) -> None:
    certificate = machine.trusted.issue(machine.folder, days=(-60, -30))
    with line.hub(line.Answering(date=time.time() - 45 * 86400), certificate=certificate) as port:
        found = looked(machine(port))
    assert codes(found["tls"]) == ["net.tls_expired"]
    assert found["tls"][0].state == "warn"
    assert "data, hora e ano" in found["tls"][0].what_to_do_pt
    assert codes(found["clock"]) == ["clock.offset"]
    assert "adiantado em 45 dias" in found["clock"][0].title_pt


def test_an_expired_certificate_on_a_machine_with_the_right_time_is_the_hubs_fault(machine: Line) -> None:
    certificate = machine.trusted.issue(machine.folder, days=(-60, -30))
    with line.hub(line.Answering(), certificate=certificate) as port:
        (found,) = tls.check(machine(port))
    assert (found.code, found.state) == ("net.tls_expired", "fail")


def test_a_certificate_that_is_not_valid_yet(machine: Line) -> None:
    certificate = machine.trusted.issue(machine.folder, days=(10, 30))
    with line.hub(line.Answering(date=time.time() + 15 * 86400), certificate=certificate) as port:
        found = looked(machine(port))
    assert codes(found["tls"]) == ["net.tls_expired"]
    assert "atrasado em 15 dias" in found["clock"][0].title_pt


def test_a_certificate_of_another_name(machine: Line) -> None:
    with line.hub(
        line.Answering(), certificate=machine.trusted.issue(machine.folder, name="portal.wifi.example")
    ) as port:
        assert codes(tls.check(machine(port))) == ["net.tls_name"]


def test_a_handshake_that_is_cut(machine: Line) -> None:
    with line.accepting(is_reset=True) as port:
        found = looked(machine(port))
    assert codes(found["tls"]) == ["net.tls_failed"]
    assert "a conexão foi cortada no meio" in found["tls"][0].title_pt
    assert codes(found["hub"]) == ["doctor.later"]


def test_a_server_that_speaks_no_tls(machine: Line) -> None:
    with line.accepting(first=b"HTTP/1.1 400 Bad Request\r\n\r\n", is_cut=True) as port:
        assert codes(tls.check(machine(port))) == ["net.tls_failed"]


def test_a_server_that_accepts_and_never_answers(machine: Line) -> None:
    with line.accepting() as port:
        found = looked(machine(port, seconds=0.3))
    assert codes(found["hub"]) == ["net.timeout"]
    assert "não respondeu em 0.3 segundos" in found["hub"][0].title_pt
    assert codes(found["tls"]) == codes(found["clock"]) == ["doctor.later"]


def test_a_port_where_nobody_listens(machine: Line) -> None:
    found = looked(machine(line.closed_port()))
    assert codes(found["hub"]) == ["net.refused"]
    assert "ninguém atende nessa porta" in found["hub"][0].title_pt
    assert codes(found["dns"]) == ["ok.dns"]


def test_a_name_that_does_not_resolve(machine: Line) -> None:
    found = looked(machine(0, network=ToldNetwork()))
    assert codes(found["dns"]) == ["net.dns"]
    assert line.HUB in found["dns"][0].what_to_do_pt
    assert codes(found["hub"]) == codes(found["tls"]) == codes(found["clock"]) == ["doctor.later"]


def test_a_machine_without_network_is_not_blamed_on_the_name(machine: Line) -> None:
    found = looked(machine(0, network=ToldNetwork(is_connected=False)))
    assert codes(found["hub"]) == ["net.unreachable"]
    assert "cabo de rede" in found["hub"][0].what_to_do_pt
    assert codes(found["dns"]) == ["doctor.later"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "net.blocked"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "net.blocked"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "net.unreachable"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "net.unreachable"),
        (TimeoutError(), "net.timeout"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "net.refused"),
    ],
)
def test_why_a_connection_was_not_made(machine: Line, error: OSError, code: str) -> None:
    assert codes(hub.check(machine(1, network=ToldNetwork({line.HUB: 1}, error=error)))) == [code]


@pytest.mark.parametrize("status", [200, 302, 403])
def test_a_page_that_answers_for_the_hub_is_a_filter(machine: Line, status: int) -> None:
    with good_hub(machine, status=status, content_type="text/html", body=b"<html>Acesso negado</html>") as port:
        (found,) = hub.check(machine(port))
    assert found.code == "net.blocked"
    assert found.evidence["status"] == str(status)


def test_a_trouble_of_the_hub_is_not_the_municipalitys(machine: Line) -> None:
    with good_hub(machine, status=503, content_type="text/plain", body=b"") as port:
        (found,) = hub.check(machine(port))
    assert found.code == "send.hub_error"
    assert found.state == "warn"
    assert "o problema não é do município" in found.what_to_do_pt


def test_through_a_proxy_the_name_is_the_proxys_affair(machine: Line) -> None:
    with good_hub(machine) as port, line.proxy(lead_to=port) as seen:
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{seen.port}"}
        found = looked(machine(0, network=ToldNetwork(), environment=environment, settings={"agent": "a"}))
    assert {name: codes(one) for name, one in found.items()} == {
        "dns": ["ok.dns"],
        "proxy": ["ok.proxy"],
        "tls": ["ok.tls"],
        "hub": ["ok.hub"],
        "clock": ["ok.clock"],
    }
    assert f"pelo proxy 127.0.0.1:{seen.port} (ambiente)" in found["proxy"][0].title_pt
    assert seen.lines == ["CONNECT hub.example.org:443 HTTP/1.1"]


def test_a_proxy_that_asks_for_a_password(machine: Line) -> None:
    with line.proxy(lead_to=0, status=407) as seen:
        found = looked(machine(0, settings={"proxy": f"127.0.0.1:{seen.port}"}))
    assert codes(found["proxy"]) == ["net.proxy"]
    assert "pede usuário e senha: 407" in found["proxy"][0].title_pt
    assert codes(found["hub"]) == ["doctor.later"]


def test_a_proxy_with_the_password_it_wants_and_no_word_of_it_in_the_findings(machine: Line) -> None:
    with good_hub(machine) as port, line.proxy(lead_to=port, authorization="Basic YW5hOnMzZ3IzZDA=") as seen:
        found = looked(machine(0, settings={"proxy": f"http://ana:s3gr3d0@127.0.0.1:{seen.port}"}))
    assert codes(found["hub"]) == ["ok.hub"]
    assert "s3gr3d0" not in repr(found)
    assert "ana" not in str(found["proxy"][0].evidence)


@pytest.mark.parametrize("status", [403, 502])
def test_a_proxy_that_refuses_the_address(machine: Line, status: int) -> None:
    with line.proxy(lead_to=0, status=status) as seen:
        (found,) = proxy.check(machine(0, settings={"proxy": f"127.0.0.1:{seen.port}"}))
    assert found.code == "net.proxy"
    assert str(status) in found.title_pt


def test_a_proxy_that_is_not_there(machine: Line) -> None:
    (found,) = proxy.check(machine(0, settings={"proxy": f"127.0.0.1:{line.closed_port()}"}))
    assert found.code == "net.proxy"
    assert "não está no ar" in found.title_pt


def test_a_proxy_that_hangs(machine: Line) -> None:
    with line.accepting() as port:
        (found,) = proxy.check(machine(0, seconds=0.3, settings={"proxy": f"127.0.0.1:{port}"}))
    assert found.code == "net.proxy"
    assert "não respondeu" in found.title_pt


def test_the_proxy_of_windows_settings_is_used(machine: Line) -> None:
    with good_hub(machine) as port, line.proxy(lead_to=port) as seen:
        registry = f"\n    ProxyEnable    REG_DWORD    0x1\n    ProxyServer    REG_SZ    127.0.0.1:{seen.port}\n"
        found = looked(machine(0, network=ToldNetwork(), system="windows", printed={"reg query": registry}))
    assert codes(found["hub"]) == ["ok.hub"]
    assert codes(found["proxy"]) == ["net.proxy_of_user"], "the service runs as another user"
    assert f"--proxy 127.0.0.1:{seen.port}" in found["proxy"][0].what_to_do_pt


def test_a_plain_address_is_asked_too(machine: Line) -> None:
    with line.hub(line.Answering()) as port:
        found = told(machine(port, settings={"hub": f"http://127.0.0.1:{port}"}))
    assert found["hub"] == ["ok.hub"]
    assert found["tls"] == ["ok.tls"]


@pytest.mark.parametrize("address", ["", "hub.example.org", "ftp://hub", "https://[", "https://hub:99999999"])
def test_without_an_address_only_that_is_said(machine: Line, address: str) -> None:
    found = told(machine(0, settings={"hub": address}))
    assert found["hub"] == ["net.hub_unset"]
    assert found["dns"] == found["tls"] == found["clock"] == ["doctor.later"]
