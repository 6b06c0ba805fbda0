"""The agent under systemd: its unit, and the timer whose service is the watchdog.

Invariant: the texts are a function of the program alone; what is installed is compared with them, so that a unit that
maintenance changed is put right as one that it removed.
"""

from __future__ import annotations

from pathlib import Path

from afluente_agent import durable
from afluente_agent.errors import ServiceError
from afluente_agent.service.program import NAME, Program
from afluente_agent.service.tool import Tool, must, run_tool

UNIT = f"{NAME}.service"
WATCHDOG_UNIT = f"{NAME}-watchdog.service"
WATCHDOG_TIMER = f"{NAME}-watchdog.timer"
SYSTEM_UNITS = Path("/etc/systemd/system")
UNIT_MODE = 0o644
UNSAFE_IN_PROGRAM = frozenset("\"'\\*?[]$")
"""systemd takes no program with these in its name, quoted or not."""

HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
"""


def unit(program: Program) -> str:
    """The service: restarted whenever it ends, weak beside PEC, writing to its own folder only."""
    return f"""\
[Unit]
Description=Afluente: envio das listas do municipio
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart={_line(program.line("supervise"))}
Environment={quoted("AFLUENTE_AGENT_HOME=" + str(program.data_folder))}
ReadWritePaths={quoted(str(program.data_folder))}
Restart=always
RestartSec=30
TimeoutStopSec=60
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
CPUWeight=20
MemoryMax=400M
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


def watchdog_unit(program: Program) -> str:
    """What the timer runs: it may write units, which the service may not."""
    return f"""\
[Unit]
Description=Afluente: restaura o servico do agente

[Service]
Type=oneshot
ExecStart={_line(program.line("watchdog"))}
Environment={quoted("AFLUENTE_AGENT_HOME=" + str(program.data_folder))}
UMask=0077
"""


def watchdog_timer() -> str:
    """Ten minutes after the machine's start and every fifteen after."""
    return f"""\
[Unit]
Description=Afluente: restaura o servico do agente

[Timer]
OnBootSec=10min
OnUnitActiveSec=15min
RandomizedDelaySec=2min
Unit={WATCHDOG_UNIT}

[Install]
WantedBy=timers.target
"""


def texts(program: Program) -> dict[str, str]:
    """Every file by its name."""
    return {UNIT: unit(program), WATCHDOG_UNIT: watchdog_unit(program), WATCHDOG_TIMER: watchdog_timer()}


def quoted(text: str) -> str:
    """A word of a unit, whatever is in it. ServiceError for a line break."""
    if any(ord(letter) < 32 for letter in text):
        raise _bad_path()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


class Systemd:
    """Keeps the agent with systemd."""

    what = UNIT

    def __init__(self, *, units: Path = SYSTEM_UNITS, systemctl: str = "systemctl", tool: Tool = run_tool) -> None:
        self._units, self._systemctl, self._tool = units, systemctl, tool

    def is_installed(self, program: Program) -> bool:
        for name, text in texts(program).items():
            try:
                if (self._units / name).read_text(encoding="utf-8") != text:
                    return False
            except OSError:
                return False
        return all(self._tool([self._systemctl, "is-enabled", one]).status == 0 for one in (UNIT, WATCHDOG_TIMER))

    def is_running(self) -> bool:
        return self._tool([self._systemctl, "is-active", UNIT]).status == 0

    def install(self, program: Program) -> None:
        for name, text in texts(program).items():
            try:
                durable.replace(self._units / name, text.encode())
                (self._units / name).chmod(UNIT_MODE)
            except OSError as error:
                raise ServiceError(
                    "service.unit",
                    f"o arquivo {name} não pôde ser escrito",
                    f"{name} cannot be written: {error.strerror or type(error).__name__}",
                    "Rode com sudo.",
                ) from None
        must(self._tool, [self._systemctl, "daemon-reload"])
        must(self._tool, [self._systemctl, "enable", UNIT, WATCHDOG_TIMER])
        must(self._tool, [self._systemctl, "start", WATCHDOG_TIMER])

    def start(self) -> None:
        must(self._tool, [self._systemctl, "restart", UNIT])

    def uninstall(self) -> None:
        self._tool([self._systemctl, "disable", "--now", WATCHDOG_TIMER, UNIT])
        for name in (UNIT, WATCHDOG_UNIT, WATCHDOG_TIMER):
            (self._units / name).unlink(missing_ok=True)
        must(self._tool, [self._systemctl, "daemon-reload"])


def _line(command: tuple[str, ...]) -> str:
    if not UNSAFE_IN_PROGRAM.isdisjoint(command[0]):
        raise _bad_path()
    return " ".join(quoted(word).replace("$", "$$") for word in command)


def _bad_path() -> ServiceError:
    return ServiceError(
        "service.path",
        "o caminho da instalação tem caracteres que o systemd não aceita",
        "a path with characters that systemd does not take",
        "Instale em outra pasta.",
    )
