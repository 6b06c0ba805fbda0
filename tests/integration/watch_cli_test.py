"""`afluente watch` and what `afluente run` and `serve` tell, from the words to the mail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from tests.until import until

from afluente.cli.main import main
from afluente.demo.loopback.mail_server import MailInbox
from afluente.state import events
from afluente.state.database import open_state
from afluente.watch import observations
from afluente.watch.observations import Observation

STATE = "sqlite:///.afluente/state.db"
PROJECT = """\
name: vendas
timezone: America/Sao_Paulo
language: {language}
sources:
  pedidos: {{connector: files, path: entrada/*.csv, format: csv, into: bronze.pedidos}}
{schedules}alerts:
  owner: dados@example.com
  channels:
    - name: equipe
      mail: {{server: 127.0.0.1, port: "${{env:SMTP_PORT}}", security: none, from: a@example.com, to: "${{env:ALERT_ADDRESSES}}"}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(tmp_path / "p", monkeypatch, port=1)


def make(root: Path, monkeypatch: pytest.MonkeyPatch, *, port: int, language: str = "pt", schedules: str = "") -> Path:
    (root / "entrada").mkdir(parents=True, exist_ok=True)
    text = PROJECT.format(language=language, schedules=schedules)
    (root / "afluente.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SMTP_PORT", str(port))
    monkeypatch.setenv("ALERT_ADDRESSES", "time@example.com")
    return root


def ask(root: Path, *words: str, status: int = 0) -> None:
    assert main(["-C", str(root), *words]) == status


def answer(capsys: pytest.CaptureFixture[str], root: Path, *words: str, status: int = 0):
    capsys.readouterr()
    ask(root, "--json", *words, status=status)
    return json.loads(capsys.readouterr().out)


def subjects(inbox: Path) -> list[str]:
    paths = sorted(inbox.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [str(message_from_bytes(path.read_bytes(), policy=policy.default)["Subject"]) for path in paths]


def fail(root: Path, step: str = "source.pedidos", code: str = "source.unreachable") -> None:
    with open_state(STATE, root) as database, database.write() as connection:
        events.append(connection, at=datetime.now(UTC), kind="step.failed", subject=step, payload={"error_code": code})


def test_a_run_that_fails_is_told_and_the_run_that_mends_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox) as server:
        root = make(tmp_path / "p", monkeypatch, port=server.port)
        ask(root, "run", status=1)
        assert subjects(inbox) == ["[vendas] erro: source.pedidos não foi lida"]
        (root / "entrada" / "a.csv").write_text("id,valor\n1,2\n", encoding="utf-8")
        ask(root, "run")
        assert subjects(inbox)[1:] == ["[vendas] resolvido: source.pedidos não foi lida"]
        ask(root, "run")
        assert len(subjects(inbox)) == 2
    assert answer(capsys, root, "watch", "alerts") == []
    (resolved,) = answer(capsys, root, "watch", "alerts", "--all")
    assert (resolved["status"], resolved["owner"]) == ("resolved", "dados@example.com")


def test_a_dead_mail_server_does_not_change_how_a_run_ends(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "entrada" / "a.csv").write_text("id,valor\n1,2\n", encoding="utf-8")
    fail(project)
    ask(project, "run", "--full-refresh")
    (project / "entrada" / "a.csv").unlink()
    ask(project, "run", "--full-refresh", status=1)
    assert "wait to be sent again: mail.connection" in capsys.readouterr().err


def test_status_tells_alerts_channels_and_what_waits(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fail(project)
    assert answer(capsys, project, "watch", "notify", status=1)["notified"]["put_back"] == 1
    status = answer(capsys, project, "watch")
    assert status["alerts"] == {"critical": 0, "error": 1, "warning": 0, "info": 0}
    assert status["outbox"] == {"waiting": 1}
    assert status["channels"] == [{"channel": "equipe", "spent": 1, "allowed": 40, "is_overspent": False}]
    ask(project, "watch", "status")
    said = capsys.readouterr().out
    assert "alertas: error 1" in said
    assert "a enviar: 1; desistidos: 0" in said
    assert "canal equipe: 1 de 40 avisos na semana" in said
    assert "source.pedidos não responde" in said


def test_an_alert_is_shown_acknowledged_and_resolved_by_its_beginning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(project)
    ask(project, "watch", "notify", status=1)
    (alert,) = answer(capsys, project, "watch", "alerts")
    beginning = alert["fingerprint"][:8]
    ask(project, "watch", "show", beginning)
    assert "docs/runbooks/connection.md" in capsys.readouterr().out
    assert answer(capsys, project, "watch", "ack", beginning, "--reason", "vendo")["status"] == "acknowledged"
    ask(project, "watch", "ack", beginning, "--reason", " ", status=2)
    assert answer(capsys, project, "watch", "resolve", beginning)["status"] == "resolved"
    ask(project, "watch", "resolve", beginning, status=2)
    ask(project, "watch", "show", "ffffffff", status=2)
    assert "watch.alert_unknown" in capsys.readouterr().err


def test_a_silence_is_made_listed_and_ended(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = answer(
        capsys, project, "watch", "silence", "--match", "source.*", "--hours", "2", "--reason", "mudança", "--by", "ana"
    )
    fail(project)
    assert answer(capsys, project, "watch", "notify")["notified"]["written"] == 0
    (listed,) = answer(capsys, project, "watch", "silences")
    assert (listed["silence"], listed["matches"], listed["by"]) == (made["id"], "subject=source.*", "ana")
    ask(project, "watch", "unsilence", made["id"])
    ask(project, "watch", "unsilence", made["id"], status=2)
    assert answer(capsys, project, "watch", "silences") == []
    assert answer(capsys, project, "watch", "notify", status=1)["notified"]["written"] == 1


def test_a_run_leaves_the_figures_of_its_tables(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (project / "afluente.yaml").read_text(encoding="utf-8")
    (project / "afluente.yaml").write_text(text.partition("alerts:")[0], encoding="utf-8")
    (project / "entrada" / "a.csv").write_text("id,valor\n1,10\n2,20\n", encoding="utf-8")
    ask(project, "run")
    told = answer(capsys, project, "watch", "baseline")
    assert {one["metric"] for one in told} >= {"rows", "bytes", "seconds"}
    assert {(one["subject"], one["figures"]) for one in told} == {("source.pedidos", 1)}
    ask(project, "run")
    assert answer(capsys, project, "watch", "baseline") == told


def test_baselines_and_incidents(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    with open_state(STATE, project) as database, database.write() as connection:
        points = [
            Observation("product/v", "rows", start + timedelta(days=i), 0.0 if i in (40, 41) else 1000.0 + i % 3, "x")
            for i in range(60)
        ]
        observations.record(connection, points)
    assert answer(capsys, project, "watch", "baseline") == [{"subject": "product/v", "metric": "rows", "figures": 60}]
    rows = answer(capsys, project, "watch", "baseline", "product/v", "rows", "--last", "25")
    assert [row["at"] for row in rows if row["z"] is not None and abs(row["z"]) > 5] == ["2026-04-11", "2026-04-12"]
    words = ("--from", "2026-04-11", "--to", "2026-04-12", "--reason", "a fonte parou")
    made = answer(capsys, project, "watch", "incident", "add", "product/v", *words)
    assert made["ends_at"].startswith("2026-04-13")
    (listed,) = answer(capsys, project, "watch", "incident", "list")
    assert (listed["from"], listed["to"], listed["metric"]) == ("2026-04-11", "2026-04-12", "*")
    ask(project, "watch", "baseline", "product/v", "receita", status=2)
    ask(project, "watch", "incident", "add", "x", "--from", "ontem", "--to", "2026-04-12", "--reason", "x", status=2)


def test_the_words_follow_the_language_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make(tmp_path / "p", monkeypatch, port=1, language="en")
    fail(root)
    ask(root, "watch", "notify", status=1)
    ask(root, "watch")
    said = capsys.readouterr()
    assert "1 events read; 1 notices written, 0 sent, 1 to be sent again" in said.out
    assert "source.pedidos cannot be reached" in said.out
    assert "a channel failed: mail.connection" in said.err


def test_a_project_without_alerts_watches_and_tells_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "afluente.yaml").write_text("name: vendas\ntimezone: UTC\n", encoding="utf-8")
    ask(tmp_path, "watch")
    ask(tmp_path, "watch", "alerts")
    assert "nada é avisado" in capsys.readouterr().err
    ask(tmp_path, "watch", "notify", status=2)
    assert "watch.no_alerts" in capsys.readouterr().err


def test_a_server_tells_what_happens_while_it_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox) as server:
        root = make(tmp_path / "p", monkeypatch, port=server.port)
        fail(root)
        process = subprocess.Popen(
            [sys.executable, "-m", "afluente.cli.main", "-C", str(root), "serve", "--port", "0"],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        with process:
            process.stdout.readline()
            until(lambda: bool(subjects(inbox)), "a notice", by=process)
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
    assert subjects(inbox) == ["[vendas] erro: source.pedidos não responde"]
