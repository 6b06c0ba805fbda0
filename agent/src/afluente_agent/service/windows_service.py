"""The agent as a Windows service, for sites that forbid scheduled tasks. The watchdog stays a task.

Invariant: the commands are a function of the program alone; the process tells the service control manager that it runs
before it does anything else, and ends when it is told to stop.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from afluente_agent.service.program import Program
from afluente_agent.service.tool import Tool, must, run_tool
from afluente_agent.service.windows_task import WindowsTask

SERVICE = "AfluenteAgente"
OWN_PROCESS = 0x10
RUNNING, STOP_PENDING, STOPPED = 4, 3, 1
ACCEPT_STOP_AND_SHUTDOWN = 0x1 | 0x4
CONTROL_STOP, CONTROL_SHUTDOWN = 1, 5


def create_commands(program: Program, *, sc: str = "sc.exe") -> list[list[str]]:
    """The service: starts late with the machine, as SYSTEM, and again a minute after it fell."""
    line = subprocess.list2cmdline([*program.line("supervise"), "--service", "--home", str(program.data_folder)])
    return [
        [sc, "create", SERVICE, "binPath=", line, "start=", "delayed-auto", "DisplayName=", "Afluente - agente"],
        [sc, "config", SERVICE, "binPath=", line, "start=", "delayed-auto"],
        [sc, "description", SERVICE, "Envio das listas do municipio"],
        [sc, "failure", SERVICE, "reset=", "86400", "actions=", "restart/60000/restart/60000/restart/300000"],
        [sc, "failureflag", SERVICE, "1"],
    ]


class WindowsService:
    """Keeps the agent with the service control manager."""

    what = SERVICE

    def __init__(self, *, sc: str = "", tool: Tool = run_tool, tasks: WindowsTask | None = None) -> None:
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"))
        self._sc = sc or str(system / "System32" / "sc.exe")
        self._tool = tool
        self._tasks = tasks or WindowsTask(tool=tool)

    def is_installed(self, program: Program) -> bool:
        done = self._tool([self._sc, "qc", SERVICE])
        return done.status == 0 and program.command[0] in done.output

    def is_running(self) -> bool:
        done = self._tool([self._sc, "query", SERVICE])
        return done.status == 0 and f": {RUNNING} " in done.output

    def install(self, program: Program) -> None:
        create, *others = create_commands(program, sc=self._sc)
        self._tool(create)
        for command in others:
            must(self._tool, command)

    def start(self) -> None:
        must(self._tool, [self._sc, "start", SERVICE])

    def uninstall(self) -> None:
        self._tool([self._sc, "stop", SERVICE])
        self._tool([self._sc, "delete", SERVICE])
        self._tasks.uninstall()


def supervise(command: Sequence[str], stop: threading.Event) -> None:
    """Run the watcher as a child until told to stop; the agent below ends when its watcher is gone."""
    with subprocess.Popen(list(command), stdin=subprocess.DEVNULL) as child:  # noqa: S603 - our own command
        while child.poll() is None and not stop.wait(1.0):
            pass
        child.terminate()


def serve(run: Callable[[threading.Event], None]) -> int:
    """Be a service: give this process to the control manager until it says stop. Windows only."""
    if sys.platform != "win32":
        return 1
    import ctypes
    from ctypes import wintypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("type", wintypes.DWORD),
            ("state", wintypes.DWORD),
            ("accepted", wintypes.DWORD),
            ("exit_code", wintypes.DWORD),
            ("specific_code", wintypes.DWORD),
            ("check_point", wintypes.DWORD),
            ("wait_hint", wintypes.DWORD),
        )

    main_type = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
    control_type = ctypes.WINFUNCTYPE(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)

    class Entry(ctypes.Structure):
        _fields_ = (("name", wintypes.LPWSTR), ("main", main_type))

    api = ctypes.WinDLL("advapi32", use_last_error=True)
    api.RegisterServiceCtrlHandlerExW.restype = ctypes.c_void_p
    stop = threading.Event()
    handle: list[int] = []

    def tell(state: int, wait_hint_ms: int = 0) -> None:
        accepted = ACCEPT_STOP_AND_SHUTDOWN if state == RUNNING else 0
        status = Status(OWN_PROCESS, state, accepted, 0, 0, 0, wait_hint_ms)
        api.SetServiceStatus(ctypes.c_void_p(handle[0]), ctypes.byref(status))

    def control(code: int, _kind: int, _data: int | None, _context: int | None) -> int:
        if code in (CONTROL_STOP, CONTROL_SHUTDOWN):
            tell(STOP_PENDING, 60_000)
            stop.set()
        return 0

    on_control = control_type(control)

    def main(_count: int, _arguments: object) -> None:
        handle.append(api.RegisterServiceCtrlHandlerExW(SERVICE, on_control, None))
        tell(RUNNING)
        try:
            run(stop)
        finally:
            tell(STOPPED)

    on_main = main_type(main)
    table = (Entry * 2)(Entry(SERVICE, on_main), Entry(None, main_type()))
    return 0 if api.StartServiceCtrlDispatcherW(table) else 1
