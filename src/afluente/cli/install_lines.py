"""The one-line install commands of a fleet, and the CSV that holds them.

Invariant: a line holds nothing that a shell could take for something else; the file is readable by its owner only,
takes the place of no other, and no cell of it begins as a formula.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from afluente.core.errors import UsageError
from afluente.core.loopback import is_loopback

if TYPE_CHECKING:
    from afluente.fleet.sites import NewSite

COLUMNS = ("codigo_ibge", "nome", "uf", "contato", "comando_linux", "comando_windows")
SCRIPTS = ("install.sh", "install.ps1")
"""What brings the agent to a machine, among the hub's files of updates."""
_BRING_LINUX = "curl -fsSL {hub}/updates/install.sh | sudo AFLUENTE_HUB={hub} AFLUENTE_TOKEN={token} sh"
_BRING_WINDOWS = '$env:AFLUENTE_HUB="{hub}"; $env:AFLUENTE_TOKEN="{token}"; irm {hub}/updates/install.ps1 | iex'
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class LineWriter:
    """Writes rows to where they were asked for."""

    out: TextIO

    def rows(self, lines: Sequence[Mapping[str, str]]) -> None:
        writer = csv.DictWriter(self.out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in line.items()} for line in lines)


def hub_address(text: str) -> str:
    """The hub's address as agents use it: https, but on this machine. UsageError."""
    address = text.rstrip("/")
    if not _ADDRESS.fullmatch(address):
        raise UsageError("fleet.hub", f"{text[:80]!r} is no address of a hub", hint="https://hub.example.org")
    parts = urlsplit(address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise UsageError("fleet.hub", "install codes would travel without TLS", hint="https://... for the hub")
    return address


def install_lines(
    wanted: Sequence[NewSite], tokens: Mapping[str, str], *, hub: str, has_scripts: bool = False
) -> list[dict[str, str]]:
    """A row for each site, in the order given. `has_scripts`: the hub serves the scripts that bring the agent first."""
    lines = []
    for site in wanted:
        token = tokens[site.id]
        if not _TOKEN.fullmatch(token):
            raise AssertionError("a token that a shell could read otherwise")
        words = f"install --hub {hub} --token {token}"
        lines.append(
            {
                "codigo_ibge": site.id,
                "nome": site.name,
                "uf": site.uf,
                "contato": site.contact,
                "comando_linux": _BRING_LINUX.format(hub=hub, token=token)
                if has_scripts
                else f"sudo afluente-agent {words}",
                "comando_windows": _BRING_WINDOWS.format(hub=hub, token=token)
                if has_scripts
                else f"afluente-agent.exe {words}",
            }
        )
    return lines


@contextmanager
def writing(path: str | None, standard: TextIO) -> Iterator[LineWriter]:
    """Where the rows go: a new file that only its owner reads, opened before any code is made, or standard output."""
    if path is None:
        yield LineWriter(standard)
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError("fleet.output", f"{path} exists already", hint="name another file: it holds codes") from error
    except OSError as error:
        raise UsageError("fleet.output", f"{path} cannot be written: {(error.strerror or '').lower()}") from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        try:
            yield LineWriter(file)
        except BaseException:
            os.unlink(path)  # noqa: PTH108 - the path is as somebody typed it
            raise


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
