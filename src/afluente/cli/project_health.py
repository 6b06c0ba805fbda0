"""Whether a project can work on this machine: its files, folders, lake, state, engine, sources, deliveries and
channels of alerts.

Invariant: no data is read or written, but for an empty file that is made and removed where writing is needed.
"""

from __future__ import annotations

import os
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.cli.machine import Finding
from afluente.cli.opening import open_project
from afluente.core.errors import AfluenteError, CheckFailed
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.project.alert_settings import Channel
    from afluente.runs.steps.workspace import Workspace


def project_findings(arguments: Namespace) -> Iterator[Finding]:
    """Findings of the project in the folder."""
    from afluente.runs.steps.workspace import Workspace

    try:
        project = open_project(arguments)
    except CheckFailed as error:
        count = sum(not problem.is_warning for problem in error.problems)
        yield Finding("missing", "project", f"has {count} mistakes", "see them: afluente check")
        return
    yield Finding("ok", "project", f"{project.name} in {project.root}")
    with Workspace(project) as workspace:
        yield _writable("project folder", workspace.folder)
        yield _lake(workspace)
        yield _tried("state", lambda: _state(workspace))
        yield _tried("engine", lambda: _engine(workspace))
        for source in project.sources:
            yield _tried(f"source {source.name}", _discovery(workspace, source.name))
        if project.products:
            yield from _deliveries(workspace)
        for channel in project.alerts.channels if project.alerts is not None else ():
            yield _tried(f"alerts {channel.name}", _channel(workspace, channel))


def _lake(workspace: Workspace) -> Finding:
    try:
        lake = workspace.lake
        if lake.location.is_local:
            return _writable("lake", Path(lake.location.root))
        lake.find(TableName("bronze", "doctor"))
        count = len(lake.tables())
    except AfluenteError as error:
        return _bad("lake", error)
    except ImportError as error:
        mend = f"install the extra: pip install 'afluente[{_extra_of(workspace)}]'"
        return Finding("missing", "lake", f"{error.name} is not installed", mend)
    return Finding("ok", "lake", f"{lake.location.root}, {count} tables")


def _extra_of(workspace: Workspace) -> str:
    return {"gs": "gcs", "abfss": "azure"}.get(workspace.project.lake.url.partition("://")[0], "s3")


def _state(workspace: Workspace) -> str:
    with workspace.state.read():
        return workspace.state.place


def _engine(workspace: Workspace) -> str:
    found = workspace.engine.describe()
    return f"{found.engine} {found.version}, {found.threads} threads, {found.memory_limit or 'its own'} memory"


def _discovery(workspace: Workspace, name: str) -> Callable[[], str]:
    return lambda: workspace.source(name).discover().summary


def _channel(workspace: Workspace, channel: Channel) -> Callable[[], str]:
    from afluente.watch.channels import check_channel

    return lambda: check_channel(channel, workspace.secret)


def _deliveries(workspace: Workspace) -> Iterator[Finding]:
    """Each way out, connected to and signed in without sending."""
    from afluente.products.delivery_checks import check_connections

    for one in check_connections(workspace):
        what = f"delivery {one.product}/{one.name}"
        if one.error is not None:
            yield _bad(what, one.error)
        elif one.receipt is not None:
            told = ", ".join(str(value) for value in one.receipt.details.values() if value)
            yield Finding("ok", what, f"{one.connector}: {told}" if told else one.connector)


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding("ok", what, look())
    except AfluenteError as error:
        return _bad(what, error)
    except ImportError as error:
        return Finding("missing", what, f"{error.name} is not installed", "see the extras above")


def _bad(what: str, error: AfluenteError) -> Finding:
    return Finding("missing", what, f"[{error.code}] {error.message}", error.hint)


def _writable(what: str, folder: Path) -> Finding:
    """Whether files can be made in a folder, or in the nearest one above that exists."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        handle, name = tempfile.mkstemp(dir=existing, prefix=".afluente-doctor-")
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Finding(
            "missing", what, f"{existing} cannot be written: {reason}", "give this user the right to write it"
        )
    return Finding("ok", what, f"{folder} can be written")
