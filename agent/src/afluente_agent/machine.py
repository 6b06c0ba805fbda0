"""What is known of this machine, as the hub is told: salted hashes of its id and of its disk, and versions.

Invariant: no name of the machine or of a user and no serial number in clear; what cannot be read is empty.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import uuid
from pathlib import Path

from afluente_agent import __version__
from afluente_agent.protocol.messages import Machine

CONTEXT = b"afluente-machine-v1\0"
ASK_SECONDS = 20


def describe(folder: Path, *, install_id: str) -> Machine:
    """The machine that the data folder lives on."""
    return Machine(
        install_id=install_id,
        machine_hash=_hash("machine", machine_id()),
        disk_hash=_hash("disk", disk_serial(folder)),
        system=platform.system()[:40],
        system_version=platform.version()[:100] if sys.platform == "win32" else platform.release()[:100],
        architecture=platform.machine()[:40],
        agent_version=__version__,
        python_version=platform.python_version(),
    )


def new_install_id() -> str:
    """An id for an installation."""
    return str(uuid.uuid4())


def machine_id() -> str:
    """The system's own id of this machine; empty when it cannot be read."""
    if sys.platform == "win32":
        return _windows_machine_id()
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        text = _text(Path(path))
        if text:
            return text
    return ""


def disk_serial(folder: Path) -> str:
    """The serial number of the disk a folder lives on; empty when it cannot be read."""
    if sys.platform == "win32":
        return _windows_disk_serial(folder)
    try:
        device = folder.stat().st_dev
    except OSError:
        return ""
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    try:
        place = block.resolve()
    except OSError:
        return ""
    for candidate in (place, place.parent):
        for name in ("serial", "device/serial", "device/wwid", "wwid"):
            text = _text(candidate / name)
            if text:
                return text
    return ""


def _hash(what: str, text: str) -> str:
    return hashlib.sha256(CONTEXT + what.encode() + b"\0" + text.encode()).hexdigest() if text else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _windows_machine_id() -> str:
    import importlib

    registry = importlib.import_module("winreg")
    try:
        access = registry.KEY_READ | registry.KEY_WOW64_64KEY
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, access) as key:
            return str(registry.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        return ""


def _windows_disk_serial(folder: Path) -> str:
    letter = folder.absolute().drive[:1]
    if not letter.isalpha():
        return ""
    powershell = Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), r"System32\WindowsPowerShell\v1.0\powershell.exe")
    asked = f"(Get-Partition -DriveLetter {letter} | Get-Disk).SerialNumber"
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program with a letter in it
            [str(powershell), "-NoProfile", "-NonInteractive", "-Command", asked],
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
