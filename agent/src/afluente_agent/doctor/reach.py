"""One attempt to reach the hub, step by step: name, proxy, connection, TLS, an answer; and where it stopped.

Invariant: nothing of the site is sent, no key and no token: a GET without a body. A certificate that is not trusted is
looked at in a second connection, for its issuer and the time only.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from afluente_agent.clock_offset import seconds_of_date
from afluente_agent.doctor.certificate import Issuer, issuer_of
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.probes import Probes
from afluente_agent.doctor.proxies import Proxy
from afluente_agent.failure import EXPIRED, NOT_YET_VALID, TIME_WORDS
from afluente_agent.protocol import fact_codes

PATH = "/v1/heartbeat"
HOSTNAME_MISMATCH, IP_MISMATCH = 62, 64
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
NAME_WORDS = ("hostname mismatch", "ip address mismatch", "not valid for", "name mismatch", "0x800b010f")
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, 10051, 10065, 10050)
MOST_BODY_BYTES = 16 * 1024
SLOW_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the hub is. `base` is the path before the door's own."""

    scheme: str
    host: str
    port: int
    base: str

    @classmethod
    def of(cls, hub: str) -> Target | None:
        """The target of an address; None when it is not one."""
        try:
            parts = urlsplit(hub)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Reached:
    """`trouble` is why it stopped; `hub_time` is the answer's Date, seen at `seen_at` of the machine's clock."""

    target: Target
    proxy: Proxy | None
    trouble: Finding | None = None
    issuer: Issuer | None = None
    status: int = 0
    hub_time: int | None = None
    seen_at: float = 0
    seconds: float = 0


class Stopped(Exception):
    """The attempt ends with a finding."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.code)
        self.found = found


def reach(target: Target, proxy: Proxy | None, probes: Probes, *, ca_file: str = "") -> Reached:
    """Try once; whatever goes wrong on the line is in `trouble`."""
    reached = Reached(target, proxy)
    began = time.monotonic()
    try:
        if proxy is None:
            _resolve(target, probes)
        if target.scheme == "http":
            with _open(target, proxy, probes) as plain:
                return _asked(reached, plain, probes, began)
        return _over_tls(reached, probes, ca_file, began)
    except Stopped as stopped:
        return replace(reached, trouble=stopped.found)


def _resolve(target: Target, probes: Probes) -> None:
    try:
        probes.network.resolve(target.host, target.port)
    except (OSError, UnicodeError):
        code = fact_codes.NET_DNS if probes.network.has_network() else fact_codes.NET_UNREACHABLE
        raise Stopped(finding(code, host=target.host)) from None


def _open(target: Target, proxy: Proxy | None, probes: Probes) -> socket.socket:
    if proxy is None:
        try:
            return probes.network.connect(target.host, target.port, probes.seconds)
        except OSError as error:
            raise Stopped(_of_connecting(error, target, probes)) from None
    try:
        opened = probes.network.connect(proxy.host, proxy.port, probes.seconds)
    except OSError as error:
        status = "não respondeu" if isinstance(error, TimeoutError) else "não está no ar"
        if isinstance(error, socket.gaierror):
            status = "nome não encontrado"
        raise Stopped(_of_proxy(target, proxy, status)) from None
    if target.scheme == "https":
        try:
            _tunnel(opened, target, proxy)
        except BaseException:
            opened.close()
            raise
    return opened


def _tunnel(opened: socket.socket, target: Target, proxy: Proxy) -> None:
    name = f"{target.host}:{target.port}"
    head = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", "User-Agent: afluente-agent"]
    if proxy.authorization:
        head.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        opened.sendall("\r\n".join([*head, "", ""]).encode())
        response = http.client.HTTPResponse(opened, method="CONNECT")
        response.begin()
    except TimeoutError:
        raise Stopped(_of_proxy(target, proxy, "não respondeu")) from None
    except (OSError, http.client.HTTPException):
        raise Stopped(_of_proxy(target, proxy, "cortou a conexão")) from None
    if response.status != http.client.OK:
        raise Stopped(_of_proxy(target, proxy, _status_words(response.status)))


def _status_words(status: int) -> str:
    match status:
        case 407:
            return "pede usuário e senha: 407"
        case 403 | 451:
            return f"proíbe o endereço: {status}"
        case _:
            return f"resposta {status}"


def _over_tls(reached: Reached, probes: Probes, ca_file: str, began: float) -> Reached:
    target = reached.target
    opened = _open(target, reached.proxy, probes)
    try:
        with probes.trust(ca_file).wrap_socket(opened, server_hostname=target.host) as secured:
            der = secured.getpeercert(binary_form=True) or b""
            return _asked(replace(reached, issuer=issuer_of(der)), secured, probes, began)
    except ssl.SSLCertVerificationError as error:
        return _distrusted(reached, probes, error)
    except TimeoutError:
        raise Stopped(_of_timeout(target, probes)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or _plain_reason(error)
        raise Stopped(
            finding(fact_codes.NET_TLS_FAILED, host=target.host, port=target.port, reason=str(reason))
        ) from None
    finally:
        opened.close()


def _distrusted(reached: Reached, probes: Probes, error: ssl.SSLCertVerificationError) -> Reached:
    """Look at what was not trusted: who issued it, and what time the other side has."""
    target = reached.target
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            _open(target, reached.proxy, probes) as opened,
            context.wrap_socket(opened, server_hostname=target.host) as secured,
        ):
            issuer = issuer_of(secured.getpeercert(binary_form=True) or b"")
            looked = _asked(replace(reached, issuer=issuer), secured, probes, time.monotonic())
    except (OSError, Stopped):
        issuer, looked = Issuer("?"), reached
    return replace(looked, issuer=issuer, trouble=_of_distrust(target, issuer, error))


def _of_distrust(target: Target, issuer: Issuer, error: ssl.SSLCertVerificationError) -> Finding:
    words = f"{error.verify_message or ''} {error}".lower()
    if issuer.product:
        return intercepted(target, issuer)
    if error.verify_code in (NOT_YET_VALID, EXPIRED) or any(word in words for word in TIME_WORDS):
        return finding(fact_codes.NET_TLS_EXPIRED, host=target.host, issuer=issuer.name)
    if error.verify_code in (HOSTNAME_MISMATCH, IP_MISMATCH) or any(word in words for word in NAME_WORDS):
        return finding(fact_codes.NET_TLS_NAME, host=target.host, issuer=issuer.name)
    return intercepted(target, issuer)


def intercepted(target: Target, issuer: Issuer) -> Finding:
    """Somebody opens the connection."""
    return finding(
        fact_codes.NET_TLS_INTERCEPTED,
        host=target.host,
        issuer=issuer.name,
        product=issuer.product or f"'{issuer.name}'",
    )


def _asked(reached: Reached, opened: socket.socket, probes: Probes, began: float) -> Reached:
    """Ask for an answer, any answer, over an open connection."""
    target, proxy = reached.target, reached.proxy
    name = f"{target.host}:{target.port}"
    path = target.base + PATH
    if proxy is not None and target.scheme == "http":
        path = f"http://{name}{path}"
    head = [f"GET {path} HTTP/1.1", f"Host: {name}", "User-Agent: afluente-agent", "Connection: close"]
    if proxy is not None and target.scheme == "http" and proxy.authorization:
        head.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        opened.sendall("\r\n".join([*head, "", ""]).encode())
        response = http.client.HTTPResponse(opened)
        response.begin()
        body = response.read(MOST_BODY_BYTES)
    except TimeoutError:
        return replace(reached, trouble=_of_timeout(target, probes))
    except (OSError, http.client.HTTPException) as error:
        found = finding(fact_codes.NET_REFUSED, host=target.host, port=target.port, reason=_plain_reason(error))
        return replace(reached, trouble=found)
    seen = replace(
        reached,
        status=response.status,
        hub_time=seconds_of_date(response.headers.get("Date", "")),
        seen_at=probes.wall.now(),
        seconds=time.monotonic() - began,
    )
    return replace(seen, trouble=_of_answer(seen, response.headers.get_content_type(), body))


def _of_answer(reached: Reached, content_type: str, body: bytes) -> Finding | None:
    target, proxy, status = reached.target, reached.proxy, reached.status
    if proxy is not None and status == http.client.PROXY_AUTHENTICATION_REQUIRED:
        return _of_proxy(target, proxy, _status_words(status))
    if status >= 500:
        return finding(fact_codes.SEND_HUB_ERROR, status=status)
    is_of_hub = content_type == "application/json" and body.lstrip().startswith(b"{")
    if not is_of_hub:
        reason = "outra página respondeu no lugar do servidor"
        return finding(
            fact_codes.NET_BLOCKED, host=target.host, port=target.port, reason=f"{reason}, {status}", status=status
        )
    if reached.seconds > SLOW_SECONDS:
        return finding(fact_codes.NET_SLOW, milliseconds=int(reached.seconds * 1000))
    return None


def _of_connecting(error: OSError, target: Target, probes: Probes) -> Finding:
    host, port = target.host, target.port
    if isinstance(error, TimeoutError):
        return _of_timeout(target, probes)
    if isinstance(error, PermissionError):
        return finding(
            fact_codes.NET_BLOCKED, host=host, port=port, reason="o firewall deste computador não deixa sair"
        )
    if error.errno in NO_ROUTE:
        return finding(fact_codes.NET_UNREACHABLE, host=host, port=port)
    if isinstance(error, socket.gaierror):
        return finding(fact_codes.NET_DNS, host=host, port=port)
    return finding(fact_codes.NET_REFUSED, host=host, port=port, reason=_plain_reason(error))


def _of_timeout(target: Target, probes: Probes) -> Finding:
    return finding(fact_codes.NET_TIMEOUT, host=target.host, port=target.port, seconds=f"{probes.seconds:g}")


def _of_proxy(target: Target, proxy: Proxy, status: str) -> Finding:
    return finding(fact_codes.NET_PROXY, proxy=proxy.address, status=status, host=target.host, origin=proxy.origin)


def _plain_reason(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "ninguém atende nessa porta"
        case ConnectionResetError() | BrokenPipeError() | ssl.SSLEOFError() | http.client.RemoteDisconnected():
            return "a conexão foi cortada no meio"
        case _:
            return type(error).__name__
