from __future__ import annotations

import base64
import datetime
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from afluente_agent.client import HubClient
from afluente_agent.errors import HubError, RefusedError, UnreachableError
from afluente_agent.failure import Failure
from afluente_agent.identity import IdentityStore
from afluente_agent.protocol.messages import KeyAnswer, KeyRequest
from afluente_agent.settings import DataFolder, SettingsStore
from afluente_agent.signer import signed_headers
from tests.fleet_world.doctor_line import closed_port
from tests.unit.agent.core.small_hub import SmallHub
from tests.until import PATIENCE_SECONDS

HOUR = 3600
YEAR = 365 * 24 * HOUR


def opened(
    folder: DataFolder, *, now: Callable[[], float] = time.time, answer_seconds: float = 90, **changes: object
) -> HubClient:
    store = SettingsStore(folder)
    settings = store.update(**changes)
    failures: list[Failure] = []
    identity = IdentityStore(folder.identity).load()
    client = HubClient(settings, identity, now=now, answer_seconds=answer_seconds, on_failure=failures.append)
    client.failures = failures  # type: ignore[attr-defined]
    return client


@pytest.mark.parametrize("skew", [3 * HOUR, -3 * HOUR, 2 * YEAR, -2 * YEAR])
def test_a_wrong_clock_is_corrected_by_the_hub_and_the_key_stays(
    hub: SmallHub, enrolled: DataFolder, skew: int
) -> None:
    before = (enrolled.identity / "current.json").read_bytes()
    with opened(enrolled, now=lambda: time.time() + skew) as client:
        answer = client.request("POST", "/v1/anything", b"x")
        assert answer.status == 200
        assert abs(client.clock.time() - time.time()) < 60
        client.request("POST", "/v1/anything", b"y")
    assert hub.refusals == ["clock"]
    assert [body for _, _, body in hub.taken] == [b"x", b"y"]
    assert (enrolled.identity / "current.json").read_bytes() == before


@pytest.mark.parametrize("code", ["unknown_key", "bad_signature", "suspended"])
def test_no_refusal_of_a_key_loses_it(hub: SmallHub, enrolled: DataFolder, code: str) -> None:
    before = (enrolled.identity / "current.json").read_bytes()
    if code == "suspended":
        hub.suspended = True
    else:
        hub.keys.clear()
        if code == "bad_signature":
            hub.keys["key-1"] = hub.public_key
    with opened(enrolled) as client:
        assert client.request("POST", "/v1/anything").status == 401
        with pytest.raises(RefusedError) as caught:
            client.call("POST", "/v1/keys", KeyRequest("x"), KeyAnswer)
    assert caught.value.code == code
    assert (enrolled.identity / "current.json").read_bytes() == before
    assert hub.taken == []


def test_a_replayed_request_is_refused_and_a_retry_is_signed_anew(hub: SmallHub, enrolled: DataFolder) -> None:
    identity = IdentityStore(enrolled.identity).load()
    headers = signed_headers(identity, method="POST", target="/v1/anything", body=b"x", headers={}, at=int(time.time()))
    with httpx.Client(trust_env=False) as plain:
        assert plain.post(hub.url + "/v1/anything", content=b"x", headers=headers).status_code == 200
        again = plain.post(hub.url + "/v1/anything", content=b"x", headers=headers)
    assert (again.status_code, again.json()["code"]) == (401, "replay")


@pytest.mark.parametrize("what", ["body", "path", "time", "offset", "agent", "nonce", "method"])
def test_a_tampered_request_is_refused(hub: SmallHub, enrolled: DataFolder, what: str) -> None:
    identity = IdentityStore(enrolled.identity).load()
    sent = {"Upload-Offset": "0"}
    sent |= signed_headers(
        identity, method="PATCH", target="/v1/transmissions/a", body=b"x", headers=sent, at=int(time.time())
    )
    method, path, body = "PATCH", "/v1/transmissions/a", b"x"
    match what:
        case "body":
            body = b"y"
        case "path":
            path = "/v1/transmissions/b"
        case "method":
            method = "POST"
        case "time":
            sent["Afluente-Time"] = str(int(sent["Afluente-Time"]) + 1)
        case "offset":
            sent["Upload-Offset"] = "1"
        case "agent":
            sent["Afluente-Agent"] = "agent-2"
        case "nonce":
            sent["Afluente-Nonce"] = "A" * 24
    with httpx.Client(trust_env=False) as plain:
        answer = plain.request(method, hub.url + path, content=body, headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    assert hub.taken == []


def test_the_signature_covers_a_prefix_of_the_hub_and_the_query(hub: SmallHub, enrolled: DataFolder) -> None:
    with opened(enrolled, hub=hub.url + "/prefix/") as client:
        assert client.request("GET", "/v1/a?b=c%20d&e=%C3%A9").status == 200
    assert hub.taken[0][1] == "/prefix/v1/a?b=c%20d&e=%C3%A9"


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("999999999", 86400), ("-5", 0), ("nonsense", 0), ("", 0)]
)
def test_retry_after_is_read_and_bounded(hub: SmallHub, enrolled: DataFolder, header: str, seconds: int) -> None:
    hub.override = lambda _method, _path: (429, {"Retry-After": header}, b"")
    with opened(enrolled) as client:
        answer = client.request("POST", "/v1/anything")
        assert answer.retry_after_seconds(int(time.time())) == seconds
        assert client.refused(answer).retry_after_seconds == seconds


def test_retry_after_may_be_a_date(hub: SmallHub, enrolled: DataFolder) -> None:
    hub.override = lambda _method, _path: (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"")
    with opened(enrolled) as client:
        assert client.request("POST", "/").retry_after_seconds(1792567680 - 60) == 60


def test_an_endless_answer_is_cut(hub: SmallHub, enrolled: DataFolder) -> None:
    hub.override = lambda _method, _path: (200, {}, b"x" * 300_000)
    with opened(enrolled) as client:
        with pytest.raises(HubError) as caught:
            client.request("GET", "/v1/anything")
    assert caught.value.code == "hub.answer_too_large"


def test_a_page_of_a_portal_is_not_taken_for_the_hub(hub: SmallHub, enrolled: DataFolder) -> None:
    hub.override = lambda _method, _path: (200, {"Content-Type": "text/html"}, b"<html>login</html>")
    with opened(enrolled) as client:
        with pytest.raises(RefusedError) as caught:
            client.call("POST", "/v1/keys", KeyRequest("x"), KeyAnswer)
    assert caught.value.code == "hub.answer"


def failure_of(client: HubClient) -> Failure:
    with client, pytest.raises(UnreachableError):
        client.request("GET", "/v1/anything")
    return client.failures[-1]  # type: ignore[attr-defined, no-any-return]


def test_a_name_that_does_not_resolve_is_dns(enrolled: DataFolder) -> None:
    assert failure_of(opened(enrolled, hub="http://hub.invalid", proxy="none")).code == "net.dns"


def test_a_closed_port_is_refused(enrolled: DataFolder) -> None:
    failure = failure_of(opened(enrolled, hub=f"http://127.0.0.1:{closed_port()}"))
    assert (failure.code, failure.evidence["host"]) == ("net.refused", "127.0.0.1")


def test_a_proxy_that_is_away_is_the_proxys_fault(hub: SmallHub, enrolled: DataFolder) -> None:
    failure = failure_of(opened(enrolled, proxy=f"http://127.0.0.1:{closed_port()}"))
    assert (failure.code, failure.evidence["proxy"]) == ("net.proxy", "127.0.0.1")


def test_a_server_that_hangs_up_is_a_lost_connection(hub: SmallHub, enrolled: DataFolder) -> None:
    hub.override = lambda _method, _path: (0, {}, b"")
    assert failure_of(opened(enrolled)).code == "net.connection_lost"


def test_a_server_that_says_nothing_is_a_timeout(hub: SmallHub, enrolled: DataFolder) -> None:
    ended = threading.Event()

    def slow(_method: str, _path: str) -> tuple[int, dict[str, str], bytes]:
        ended.wait(PATIENCE_SECONDS)
        return 200, {}, b""

    hub.override = slow
    try:
        failure = failure_of(opened(enrolled, answer_seconds=0.3))
    finally:
        ended.set()
    assert (failure.code, failure.evidence["stage"]) == ("net.timeout", "read")


class Proxy:
    """A small proxy that knows CONNECT, and asks for a password when told to."""

    def __init__(self, *, password: str = "") -> None:
        self.asked: list[str] = []
        self._password = password
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, one: socket.socket) -> None:
        with one:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = one.recv(4096)
                if not piece:
                    return
                head += piece
            line, *headers = head.decode().split("\r\n")
            self.asked.append(line)
            wanted = "basic " + base64.b64encode(self._password.encode()).decode().lower()
            if self._password and not any(wanted in header.lower() for header in headers):
                one.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            host, port = line.split(" ")[1].rsplit(":", 1)
            with socket.create_connection((host, int(port))) as other:
                one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                pairs = {one: other, other: one}
                while True:
                    ready, _, _ = select.select(list(pairs), [], [], PATIENCE_SECONDS)
                    for source in ready:
                        content = source.recv(65536)
                        if not content:
                            return
                        pairs[source].sendall(content)
                    if not ready:
                        return


@pytest.fixture
def proxies() -> Iterator[Callable[..., Proxy]]:
    made: list[Proxy] = []

    def make(**options: str) -> Proxy:
        made.append(Proxy(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Authority:
    """A certificate authority of a test, and servers' certificates of it."""

    def __init__(self, folder: Path) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Autoridade de teste")])
        now = datetime.datetime.now(datetime.UTC)
        own = self._built(
            self._name, self._key.public_key(), now - datetime.timedelta(3650), now + datetime.timedelta(3650)
        )
        certificate = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._pem(certificate))

    def _built(self, name, public, begins, ends):
        from cryptography import x509

        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )

    def _pem(self, builder) -> bytes:
        from cryptography.hazmat.primitives import hashes, serialization

        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def server(self, *, begins: float, ends: float, host: str = "localhost") -> ssl.SSLContext:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        moment = lambda at: datetime.datetime.fromtimestamp(at, datetime.UTC)
        builder = self._built(name, key.public_key(), moment(begins), moment(ends)).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        file = self._folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + self._pem(builder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def tls_hub(authority: Authority, enrolled: DataFolder, hub: SmallHub) -> Iterator[Callable[..., SmallHub]]:
    made: list[SmallHub] = []

    def make(*, begins: float, ends: float, now: Callable[[], float] = time.time, host: str = "localhost") -> SmallHub:
        made.append(SmallHub(tls=authority.server(begins=begins, ends=ends, host=host), now=now))
        made[-1].keys = hub.keys
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_proxy_is_passed_by_connect(
    enrolled: DataFolder, authority: Authority, tls_hub: Callable[..., SmallHub], proxies: Callable[..., Proxy]
) -> None:
    hub, proxy = tls_hub(begins=time.time() - HOUR, ends=time.time() + HOUR), proxies()
    with opened(enrolled, hub=hub.url, ca_file=str(authority.file), proxy=f"http://127.0.0.1:{proxy.port}") as client:
        assert client.request("POST", "/v1/anything", b"x").status == 200
    assert proxy.asked == [f"CONNECT localhost:{urlsplit(hub.url).port} HTTP/1.1"]
    assert hub.taken == [("POST", "/v1/anything", b"x")]


def test_a_proxy_that_wants_a_password_gets_it_or_is_named(
    enrolled: DataFolder, authority: Authority, tls_hub: Callable[..., SmallHub], proxies: Callable[..., Proxy]
) -> None:
    hub, proxy = tls_hub(begins=time.time() - HOUR, ends=time.time() + HOUR), proxies(password="a:b")
    trusted = {"hub": hub.url, "ca_file": str(authority.file)}
    failure = failure_of(opened(enrolled, proxy=f"http://127.0.0.1:{proxy.port}", **trusted))
    assert (failure.code, failure.evidence["status"]) == ("net.proxy", "407")
    with opened(enrolled, proxy=f"http://a:b@127.0.0.1:{proxy.port}", **trusted) as client:
        assert client.request("POST", "/v1/anything", b"x").status == 200


def test_the_environments_proxy_is_followed_and_none_goes_direct(
    enrolled: DataFolder,
    authority: Authority,
    tls_hub: Callable[..., SmallHub],
    proxies: Callable[..., Proxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub, proxy = tls_hub(begins=time.time() - HOUR, ends=time.time() + HOUR), proxies()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    trusted = {"hub": hub.url, "ca_file": str(authority.file)}
    with opened(enrolled, proxy="", **trusted) as client:
        assert client.request("POST", "/v1/anything", b"x").status == 200
    assert len(proxy.asked) == 1
    with opened(enrolled, proxy="none", **trusted) as client:
        assert client.request("POST", "/v1/anything", b"x").status == 200
    assert len(proxy.asked) == 1


def test_another_certificate_than_the_hubs_is_told_as_interception(
    enrolled: DataFolder, tls_hub: Callable[..., SmallHub]
) -> None:
    hub = tls_hub(begins=time.time() - HOUR, ends=time.time() + HOUR)
    assert failure_of(opened(enrolled, hub=hub.url, ca_file="")).code == "net.tls_intercepted"
    assert hub.taken == []


def test_a_certificate_of_another_name_is_told_as_interception(
    enrolled: DataFolder, authority: Authority, tls_hub: Callable[..., SmallHub]
) -> None:
    hub = tls_hub(begins=time.time() - HOUR, ends=time.time() + HOUR, host="outro.example")
    assert failure_of(opened(enrolled, hub=hub.url, ca_file=str(authority.file))).code == "net.tls_intercepted"


def test_something_that_speaks_no_tls_is_told_as_broken_tls(enrolled: DataFolder, hub: SmallHub) -> None:
    assert failure_of(opened(enrolled, hub=hub.url.replace("http:", "https:"))).code == "net.tls_failed"


def test_two_years_off_the_certificate_is_checked_by_the_hubs_time(
    enrolled: DataFolder, authority: Authority, tls_hub: Callable[..., SmallHub]
) -> None:
    """The machine's clock is right here, and the hub lives two years ago, with a certificate of then."""
    past = lambda: time.time() - 2 * YEAR
    hub = tls_hub(begins=past() - 30 * 24 * HOUR, ends=past() + 30 * 24 * HOUR, now=past)
    before = (enrolled.identity / "current.json").read_bytes()
    with opened(enrolled, hub=hub.url, ca_file=str(authority.file)) as client:
        assert client.request("POST", "/v1/anything", b"x").status == 200
        assert abs(client.clock.time() - past()) < 60
        assert client.request("POST", "/v1/anything", b"y").status == 200
    assert [body for _, _, body in hub.taken if body] == [b"x", b"y"]
    assert (enrolled.identity / "current.json").read_bytes() == before


def test_a_certificate_that_expired_by_the_hubs_own_time_gets_no_request(
    enrolled: DataFolder, authority: Authority, tls_hub: Callable[..., SmallHub]
) -> None:
    hub = tls_hub(begins=time.time() - 60 * HOUR, ends=time.time() - 30 * HOUR)
    with opened(enrolled, hub=hub.url, ca_file=str(authority.file)) as client:
        with pytest.raises(UnreachableError):
            client.request("POST", "/v1/anything", b"secret")
    assert all(body == b"" for _, _, body in hub.taken)
