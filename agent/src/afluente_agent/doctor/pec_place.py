"""Where PEC is: its folder, the port of its database, and its services as the system tells of them.

Invariant: nothing is opened but the configuration's lines that name the database; passwords are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from afluente_agent.doctor.probes import Probes
from afluente_agent.doctor.service_state import ServiceState, state_of
from afluente_agent.pec import DATABASE, PORT
from afluente_agent.settings import Settings

DATABASE_SERVICE = "e-SUS-AB-PostgreSQL"
SERVICES = (DATABASE_SERVICE, "e-SUS-PEC")
CREDENTIALS = Path("webserver", "config", "credenciais.txt")
PROPERTIES = Path("webserver", "config", "application.properties")
SIGNS = ("webserver", "database")
ADDRESS = re.compile(
    r"^\s*spring\.datasource\.url\s*=\s*jdbc:postgresql://([^:/\s]+)(?::(\d{1,5}))?/(\w+)", re.MULTILINE
)
PATH_WITH_PEC = re.compile(r"((?:[A-Za-z]:)?[^\"=;:]*?e-SUS)(?=[\\/\"; ]|$)")
MOST_CONFIGURATION_BYTES = 256 * 1024
LISTEN = "0A"
PORTS = range(5430, 5450)
"""Where PostgreSQL servers of PEC are seen to listen."""


@dataclass(frozen=True, slots=True)
class Place:
    """An installation. `ports` are those to try, the most likely first; `configured_port` is 0 when none is told.

    `folder` is None where only an address was told, and `credentials` where no password is needed.
    """

    folder: Path | None
    credentials: Path | None
    host: str
    configured_port: int
    database: str
    ports: tuple[int, ...]

    @property
    def name(self) -> str:
        """How a person would call it."""
        return str(self.folder) if self.folder is not None else f"{self.host}:{self.configured_port or PORT}"

    @property
    def has_credentials(self) -> bool:
        """Whether the file of credentials is there, can be read and is not empty."""
        if self.credentials is None:
            return True
        try:
            with self.credentials.open("rb") as file:
                return bool(file.read(1))
        except OSError:
            return False


def find_places(probes: Probes, given: Path | None = None) -> tuple[Place, ...]:
    """The installations, that of the running service first."""
    folders = [given] if given is not None else [*_folders_of_services(probes), *probes.pec_folders]
    seen: dict[str, Path] = {}
    for folder in folders:
        if any((folder / sign).is_dir() for sign in SIGNS):
            seen.setdefault(str(folder.resolve()), folder)
    listening = listening_ports(probes)
    return tuple(_place(folder, listening) for folder in seen.values())


def told_place(settings: Settings) -> Place | None:
    """The database whose address stands in the settings; None when it is to be found."""
    if not settings.pec_host:
        return None
    folder = Path(settings.pec_folder) if settings.pec_folder else None
    credentials = folder / CREDENTIALS if folder is not None else None
    port = settings.pec_port or PORT
    return Place(
        folder=folder,
        credentials=Path(settings.pec_credentials) if settings.pec_credentials else credentials,
        host=settings.pec_host,
        configured_port=port,
        database=settings.pec_database or DATABASE,
        ports=(port,),
    )


def services(probes: Probes) -> dict[str, ServiceState]:
    """The states of PEC's services that the system knows."""
    states: dict[str, ServiceState] = {}
    for name in SERVICES:
        for candidate in (name, f"{name}.service"):
            state = state_of(candidate, probes)
            if state is not None and state.is_installed:
                states[name] = state
                break
    return states


def listening_ports(probes: Probes) -> tuple[int, ...]:
    """Ports in PEC's range that somebody listens on, by the system's own tables."""
    if probes.system == "windows":
        text = probes.commands.run("netstat", "-ano", "-p", "TCP") or ""
        found = parse_netstat(text)
    else:
        found = set()
        for table in probes.socket_tables:
            found |= parse_proc_net(_text(table))
    return tuple(sorted(port for port in found if port in PORTS))


def parse_netstat(text: str) -> set[int]:
    """Listening TCP ports in what `netstat -ano` printed, in any language: their remote port is 0."""
    found = re.findall(r"^\s*TCP\s+\S+:(\d+)\s+\S+:0\s", text, re.MULTILINE)
    return {int(port) for port in found if int(port) < 65536}


def parse_proc_net(text: str) -> set[int]:
    """Listening ports in the text of /proc/net/tcp."""
    found: set[int] = set()
    for line in text.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 3 and columns[3] == LISTEN and re.fullmatch(r"[0-9A-F]+:[0-9A-F]{4}", columns[1]):
            found.add(int(columns[1].rsplit(":", 1)[1], 16))
    return found


def parse_properties(text: str) -> tuple[str, int, str] | None:
    """Host, port and database of the data source's address; None when it is not told."""
    found = ADDRESS.search(text)
    if found is None:
        return None
    port = int(found[2] or 5432)
    return (found[1], port, found[3]) if 0 < port < 65536 else None


def folder_in(text: str) -> str:
    """The folder named e-SUS in the command line of a service; empty when there is none."""
    found = PATH_WITH_PEC.search(text)
    return found[1].strip() if found else ""


def _folders_of_services(probes: Probes) -> Iterator[Path]:
    for name in SERVICES:
        if probes.system == "windows":
            text = probes.commands.run("sc", "qc", name)
        else:
            text = probes.commands.run("systemctl", "show", f"{name}.service", "-p", "ExecStart,WorkingDirectory")
        folder = folder_in(text or "")
        if folder:
            yield Path(folder)


def _place(folder: Path, listening: Sequence[int]) -> Place:
    told = parse_properties(_text(folder / PROPERTIES))
    host, port, database = told or ("127.0.0.1", 0, DATABASE)
    running = _ports_of_servers(folder)
    ports = dict.fromkeys(one for one in (*running, port, PORT, *listening) if one)
    return Place(
        folder=folder,
        credentials=folder / CREDENTIALS,
        host="127.0.0.1" if host == "localhost" else host,
        configured_port=port,
        database=database,
        ports=tuple(ports),
    )


def _ports_of_servers(folder: Path) -> Iterator[int]:
    """The port in the file that a running PostgreSQL keeps in its data folder."""
    for path in sorted((folder / "database").glob("**/postmaster.pid"))[:3] if (folder / "database").is_dir() else ():
        lines = _text(path).splitlines()
        if len(lines) > 3 and lines[3].strip().isdecimal() and 0 < int(lines[3]) < 65536:
            yield int(lines[3])


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_CONFIGURATION_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
