"""What the checks touch of the machine, as small interfaces: every check can be tried with recorded texts.

Invariant: a probe is bounded in time and changes nothing that stays.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

System = Literal["linux", "windows"]


class Commands(Protocol):
    def run(self, *arguments: str) -> str | None:
        """What a tool of the system printed, errors too; None when there is no such tool or it did not end."""


class Disk(Protocol):
    def free_bytes(self, folder: Path) -> int:
        """Free bytes for this user where a folder is, or will be. OSError."""

    def try_writing(self, folder: Path) -> None:
        """Write, sync, read and remove a small file. OSError."""


class Network(Protocol):
    def has_network(self) -> bool:
        """Whether the machine has a way out at all; nothing is sent."""

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name. socket.gaierror."""

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connection whose every step takes at most `seconds`. OSError."""


class Wall(Protocol):
    def now(self) -> float:
        """Seconds since 1970 by this machine's clock."""

    def utc_offset_minutes(self) -> int:
        """Minutes east of UTC."""


@dataclass(frozen=True, slots=True)
class Probes:
    """`trust` makes the context of a file of further authorities; `seconds` is the patience of one network step.

    `own_files` are the files the agent was installed with; `data_folders` where agents usually keep their data,
    `socket_tables` where Linux tells of listening sockets.
    """

    system: System
    commands: Commands
    disk: Disk
    network: Network
    wall: Wall
    environment: Mapping[str, str]
    pec_folders: Sequence[Path]
    data_folders: Sequence[Path]
    own_files: Callable[[], Sequence[Path]]
    trust: Callable[[str], ssl.SSLContext]
    machine_modules: Sequence[str]
    socket_tables: Sequence[Path] = ()
    is_administrator: bool = True
    seconds: float = 4.0
