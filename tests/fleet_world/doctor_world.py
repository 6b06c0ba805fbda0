"""A machine for the doctor: recorded texts of the system's tools, a disk and a clock that are told, a real loopback."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from afluente_agent.doctor.finding import Finding
from afluente_agent.doctor.probes import Probes, System
from afluente_agent.doctor.situation import Situation
from afluente_agent.settings import DataFolder, Settings

NOW = datetime(2026, 10, 6, 11, 0, tzinfo=UTC).timestamp()


@dataclass
class ToldCommands:
    """What the tools print, by the beginning of their command line; a tool that is not told is not installed."""

    printed: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> str | None:
        line = " ".join(arguments)
        fitting = [begin for begin in self.printed if line.startswith(begin)]
        return self.printed[max(fitting, key=len)] if fitting else None


@dataclass
class ToldDisk:
    free: int = 500 * 1024**3
    error: OSError | None = None
    free_error: OSError | None = None

    def free_bytes(self, folder: Path) -> int:
        if self.free_error is not None:
            raise self.free_error
        return self.free

    def try_writing(self, folder: Path) -> None:
        if self.error is not None:
            raise self.error


@dataclass
class ToldNetwork:
    """Names lead to ports of this machine; others do not resolve."""

    ports: Mapping[str, int] = field(default_factory=dict)
    is_connected: bool = True
    error: OSError | None = None

    def has_network(self) -> bool:
        return self.is_connected

    def resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in self.ports and host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["127.0.0.1"]

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        if self.error is not None:
            raise self.error
        self.resolve(host, port)
        return socket.create_connection(("127.0.0.1", self.ports.get(host, port)), timeout=seconds)


@dataclass
class ToldWall:
    seconds: float = NOW
    offset_minutes: int = -180

    def now(self) -> float:
        return self.seconds

    def utc_offset_minutes(self) -> int:
        return self.offset_minutes


def probes(
    *,
    system: System = "linux",
    printed: Mapping[str, str] | None = None,
    disk: ToldDisk | None = None,
    network: ToldNetwork | None = None,
    wall: ToldWall | None = None,
    environment: Mapping[str, str] | None = None,
    pec_folders: Sequence[Path] = (),
    data_folders: Sequence[Path] = (),
    own_files: Sequence[Path] = (),
    trust: Callable[[str], ssl.SSLContext] | None = None,
    modules: Sequence[str] = ("json",),
    socket_tables: Sequence[Path] = (),
    is_administrator: bool = True,
    seconds: float = 30.0,
) -> Probes:
    return Probes(
        system=system,
        commands=ToldCommands(printed or {}),
        disk=disk or ToldDisk(),
        network=network or ToldNetwork(),
        wall=wall or ToldWall(),
        environment=environment or {},
        pec_folders=pec_folders,
        data_folders=data_folders,
        own_files=lambda: own_files,
        trust=trust or (lambda _file: ssl.create_default_context()),
        machine_modules=modules,
        socket_tables=socket_tables,
        is_administrator=is_administrator,
        seconds=seconds,
    )


def situation(root: Path, made: Probes | None = None, **settings: object) -> Situation:
    kept = replace(Settings(), **settings)  # type: ignore[arg-type]
    return Situation(kept, DataFolder(root), made or probes())


def codes(findings: Sequence[Finding]) -> list[str]:
    return [one.code for one in findings]
