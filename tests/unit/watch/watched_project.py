"""A small project with alerts, opened on a state database that a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from afluente.core.clock import SetClock
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.state import events
from afluente.state.database import Database
from afluente.state.json_value import Json

NOW = datetime(2026, 5, 18, 12, tzinfo=UTC)
NOWHERE = """\
    - name: equipe
      mail: {server: 127.0.0.1, port: 1, security: none, from: a@example.com, to: time@example.com}
"""


def watched(
    tmp_path: Path,
    database: Database,
    *,
    channels: str = NOWHERE,
    settings: str = "",
    language: str = "pt",
    environment: Mapping[str, str] | None = None,
) -> Workspace:
    """A workspace whose clock stands at NOW and whose state is `database`, which the test closes."""
    text = f"""\
name: vendas
timezone: America/Sao_Paulo
language: {language}
sources:
  pedidos: {{connector: files, path: x.csv, into: bronze.pedidos}}
alerts:
  owner: dados@example.com
{settings}  channels:
{channels}"""
    (tmp_path / "afluente.yaml").write_text(text, encoding="utf-8")
    project = load_project(tmp_path, environment=environment or {}, typed_in=tmp_path)
    workspace = Workspace(project, environment=environment or {}, clock=SetClock(NOW))
    workspace.__dict__["state"] = database
    return workspace


def clock_of(workspace: Workspace) -> SetClock:
    assert isinstance(workspace.clock, SetClock)
    return workspace.clock


def happen(
    workspace: Workspace,
    kind: str,
    subject: str,
    payload: Mapping[str, Json] | None = None,
    *,
    run_id: str | None = None,
) -> None:
    with workspace.state.write() as connection:
        events.append(connection, at=workspace.clock.now(), kind=kind, subject=subject, payload=payload, run_id=run_id)
