"""Which proxy the connection to the hub goes through: what was set, the environment, or Windows' own settings.

Invariant: pure; an address given back as text never has its user and password.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from afluente_agent.settings import NO_PROXY

DEFAULT_PROXY_PORT = 8080
LINE_OF_QUERY = re.compile(r"^\s+(\w+)\s+(REG_\w+)\s+(.*?)\s*$")
LINE_OF_EXPORT = re.compile(r'^"(\w+)"=(dword:[0-9a-fA-F]{1,8}|"(?:[^"\\]|\\.)*")\s*$')


@dataclass(frozen=True, slots=True)
class Proxy:
    """`origin` says where it was found; `authorization` is secret."""

    host: str
    port: int
    origin: str
    authorization: str = ""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class WindowsProxy:
    """The Internet settings of a Windows user."""

    is_enabled: bool
    server: str
    bypass: tuple[str, ...]
    script: str


def parse_registry(text: str) -> WindowsProxy:
    """The settings in what `reg query` printed or `reg export` wrote; empty ones from any other text."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        queried, exported = LINE_OF_QUERY.match(line), LINE_OF_EXPORT.match(line)
        if queried:
            values[queried[1].lower()] = queried[3]
        elif exported:
            values[exported[1].lower()] = _exported(exported[2])
    bypass = tuple(one.strip().lower() for one in values.get("proxyoverride", "").split(";") if one.strip())
    return WindowsProxy(
        is_enabled=values.get("proxyenable", "0").lower() in ("0x1", "1"),
        server=values.get("proxyserver", ""),
        bypass=bypass,
        script=values.get("autoconfigurl", ""),
    )


def choose(
    scheme: str, host: str, *, setting: str, environment: Mapping[str, str], windows: WindowsProxy | None = None
) -> Proxy | None:
    """The proxy for an address of the hub; None goes direct."""
    if setting == NO_PROXY:
        return None
    if setting:
        return parse_address(setting, "configuração")
    lower = {key.lower(): value for key, value in environment.items() if value}
    if _is_bypassed(host, lower.get("no_proxy", "").split(",")):
        return None
    named = lower.get(f"{scheme}_proxy") or lower.get("all_proxy")
    if named:
        return parse_address(named, "ambiente")
    if windows is None or not windows.is_enabled or _is_bypassed(host, windows.bypass):
        return None
    return parse_address(_server_of(windows.server, scheme), "Windows")


def parse_address(text: str, origin: str) -> Proxy | None:
    """An address with or without scheme, user and port; None when there is no host in it."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or DEFAULT_PROXY_PORT
    except ValueError:
        return None
    if not parts.hostname:
        return None
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port, origin, authorization)


def _exported(text: str) -> str:
    if text.startswith("dword:"):
        return str(int(text[6:], 16))
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _server_of(text: str, scheme: str) -> str:
    if "=" not in text:
        return text
    pairs = dict(one.split("=", 1) for one in text.split(";") if "=" in one)
    return pairs.get(scheme) or pairs.get("http") or ""


def _is_bypassed(host: str, patterns: tuple[str, ...] | list[str]) -> bool:
    for pattern in (one.strip().lower() for one in patterns):
        if pattern == "*" or (pattern == "<local>" and "." not in host):
            return True
        bare = pattern.removeprefix("*").removeprefix(".")
        if bare and (host.lower() == bare or host.lower().endswith("." + bare)):
            return True
    return False
