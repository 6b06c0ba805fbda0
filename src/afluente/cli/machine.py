"""What this machine has of what Afluente needs and can use. Nothing here needs a project."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from afluente import __version__
from afluente.cli.words import size_text

State = Literal["ok", "warning", "missing", "optional"]
LEAST_PYTHON = (3, 11)
ENOUGH_MEMORY_BYTES = 2 << 30
ENOUGH_DISK_BYTES = 2 << 30
SANE_YEAR_SECONDS = 1_735_689_600.0
"""The start of 2025: a clock before it was never set."""

ENGINES = ("duckdb", "deltalake", "pyarrow", "sqlglot", "dbos", "sqlalchemy")
EXTRAS = (
    ("postgres", "asyncpg", "reads PostgreSQL servers"),
    ("spark", "pyspark", "refines on Spark through Spark Connect"),
    ("s3", "s3fs", "keeps the lake on S3"),
    ("gcs", "gcsfs", "keeps the lake on Google Cloud Storage"),
    ("azure", "adlfs", "keeps the lake on Azure"),
    ("keyring", "keyring", "reads secrets from the system's keyring"),
    ("pandas", "pandas", "conforms pandas frames"),
    ("polars", "polars", "conforms Polars frames"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `missing` is essential; `optional` is not there and not needed as things stand."""

    state: State
    what: str
    told: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def machine_findings(folder: Path) -> Iterator[Finding]:
    """Python, memory, disk, clock, packages."""
    yield Finding("ok", "afluente", __version__)
    yield _python()
    yield _memory()
    yield _disk(folder)
    yield _clock()
    for name in ENGINES:
        found = _version(name)
        yield (
            Finding("ok", name, found)
            if found
            else Finding("missing", name, "is not installed", "install afluente again: pip install --upgrade afluente")
        )
    for extra, package, gives in EXTRAS:
        yield _extra(extra, package, gives)


def _python() -> Finding:
    told = f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})"
    if sys.version_info[:2] < LEAST_PYTHON:
        return Finding("missing", "Python", told, "Afluente needs Python 3.11 or newer")
    return Finding("ok", "Python", told)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return Finding("warning", "memory", "the system does not tell how much there is")
    limit = _container_limit()
    usable = min(total, limit) if limit else total
    told = size_text(usable) + (" (this container's limit)" if limit and limit < total else "")
    if usable < ENOUGH_MEMORY_BYTES:
        return Finding("warning", "memory", told, "large tables will spill to disk; 2 GiB or more is comfortable")
    return Finding("ok", "memory", told)


def _container_limit() -> int | None:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        return int(text) if text.isdigit() else None
    return None


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    told = f"{size_text(free)} free at {existing}"
    if free < ENOUGH_DISK_BYTES:
        return Finding("warning", "disk", told, "free some: tables, their old versions and spilled work need room")
    return Finding("ok", "disk", told)


def _clock() -> Finding:
    if time.time() < SANE_YEAR_SECONDS:
        return Finding("missing", "clock", time.strftime("%Y-%m-%d %H:%M:%S"), "set the machine's clock")
    return Finding("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _extra(extra: str, package: str, gives: str) -> Finding:
    if find_spec(package) is not None:
        found = _version(package) or _version(f"{package}-client")
        return Finding("ok", f"extra {extra}", f"{gives} ({package} {found})")
    return Finding(
        "optional", f"extra {extra}", f"{gives}: {package} is not installed", f"pip install 'afluente[{extra}]'"
    )
