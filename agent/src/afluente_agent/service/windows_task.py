"""The agent as a scheduled task of Windows, and the second task that restores the first.

The tasks run as SYSTEM: they have to read PEC's credentials, and to put back a task that maintenance removed.

Invariant: the XML is a function of the program alone; a task that is there but disabled or changed is not installed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from afluente_agent.service.program import Program
from afluente_agent.service.tool import Tool, must, run_tool

TASK = r"\Afluente\Agente"
WATCHDOG_TASK = r"\Afluente\Vigia"
NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
SYSTEM_ACCOUNT = "S-1-5-18"


def task(program: Program) -> str:
    """Starts with the machine, and looks every ten minutes whether it still runs; never two at once, never ended."""
    return _xml(
        program,
        "supervise",
        description="Afluente: envio das listas do município",
        every="PT10M",
        limit="PT0S",
        restarts=True,
    )


def watchdog_task(program: Program) -> str:
    """Every half hour, for a few minutes at most."""
    return _xml(
        program,
        "watchdog",
        description="Afluente: restaura a tarefa do agente",
        every="PT30M",
        limit="PT10M",
        restarts=False,
    )


def _xml(program: Program, verb: str, *, description: str, every: str, limit: str, restarts: bool) -> str:
    root = ET.Element("Task", {"version": "1.2", "xmlns": NAMESPACE})

    def add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
        element = ET.SubElement(parent, name)
        element.text = text or None
        return element

    registration = add(root, "RegistrationInfo")
    add(registration, "Author", "Afluente")
    add(registration, "Description", description)
    triggers = add(root, "Triggers")
    boot = add(triggers, "BootTrigger")
    add(boot, "Enabled", "true")
    add(boot, "Delay", "PT1M")
    repeated = add(triggers, "TimeTrigger")
    repetition = add(repeated, "Repetition")
    add(repetition, "Interval", every)
    add(repetition, "StopAtDurationEnd", "false")
    add(repeated, "StartBoundary", "2024-01-01T00:00:00")
    add(repeated, "Enabled", "true")
    principal = add(add(root, "Principals"), "Principal")
    principal.set("id", "Author")
    add(principal, "UserId", SYSTEM_ACCOUNT)
    add(principal, "RunLevel", "HighestAvailable")
    settings = add(root, "Settings")
    for name, text in (
        ("MultipleInstancesPolicy", "IgnoreNew"),
        ("DisallowStartIfOnBatteries", "false"),
        ("StopIfGoingOnBatteries", "false"),
        ("AllowHardTerminate", "true"),
        ("StartWhenAvailable", "true"),
        ("RunOnlyIfNetworkAvailable", "false"),
        ("AllowStartOnDemand", "true"),
        ("Enabled", "true"),
        ("Hidden", "false"),
        ("RunOnlyIfIdle", "false"),
        ("WakeToRun", "false"),
        ("ExecutionTimeLimit", limit),
        ("Priority", "7"),
    ):
        add(settings, name, text)
    if restarts:
        again = add(settings, "RestartOnFailure")
        add(again, "Interval", "PT1M")
        add(again, "Count", "10")
    actions = add(root, "Actions")
    actions.set("Context", "Author")
    command = add(actions, "Exec")
    line = program.line(verb)
    add(command, "Command", line[0])
    add(command, "Arguments", subprocess.list2cmdline([*line[1:], "--home", str(program.data_folder)]))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-16"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


class WindowsTask:
    """Keeps the agent with the task scheduler."""

    what = TASK

    def __init__(self, *, schtasks: str = "", tool: Tool = run_tool) -> None:
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"))
        self._schtasks = schtasks or str(system / "System32" / "schtasks.exe")
        self._tool = tool

    def is_installed(self, program: Program) -> bool:
        return all(
            self._is_as_wanted(name, text)
            for name, text in ((TASK, task(program)), (WATCHDOG_TASK, watchdog_task(program)))
        )

    def is_running(self) -> bool:
        """The state's word differs with the language of Windows; 267009 (SCHED_S_TASK_RUNNING) does not."""
        done = self._tool([self._schtasks, "/Query", "/TN", TASK, "/V", "/FO", "CSV", "/NH"])
        return done.status == 0 and '"267009"' in done.output

    def install(self, program: Program) -> None:
        for name, text in ((TASK, task(program)), (WATCHDOG_TASK, watchdog_task(program))):
            with tempfile.TemporaryDirectory(prefix="afluente-") as folder:
                file = Path(folder) / "task.xml"
                file.write_bytes(text.encode("utf-16"))
                must(self._tool, [self._schtasks, "/Create", "/TN", name, "/XML", str(file), "/F"])

    def start(self) -> None:
        must(self._tool, [self._schtasks, "/Run", "/TN", TASK])

    def uninstall(self) -> None:
        for name in (WATCHDOG_TASK, TASK):
            self._tool([self._schtasks, "/End", "/TN", name])
            self._tool([self._schtasks, "/Delete", "/TN", name, "/F"])

    def _is_as_wanted(self, name: str, wanted: str) -> bool:
        done = self._tool([self._schtasks, "/Query", "/TN", name, "/XML"])
        return done.status == 0 and says(done.output) == says(wanted)


def says(xml: str) -> tuple[str, ...]:
    """What matters of a task: its program and arguments, and that it is enabled; empty when it is no task."""
    try:
        root = ET.fromstring(xml[xml.index("<Task") :])  # noqa: S314 - what the system's own tool printed
    except (ValueError, ET.ParseError):
        return ()
    found = []
    for name in ("Actions/{n}Exec/{n}Command", "Actions/{n}Exec/{n}Arguments", "Settings/{n}Enabled"):
        path = "{n}" + name
        element = root.find(path.replace("{n}", f"{{{NAMESPACE}}}"))
        default = "true" if name.endswith("Enabled") else ""
        found.append((element.text or default) if element is not None else default)
    return tuple(found)
