"""Notices to real servers on loopback: dead and alive again, cut off, killed with SIGKILL; nothing lost."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.watch_notifier import BEGINNING
from tests.unit.watch.watched_project import NOW, clock_of, happen, watched
from tests.until import PATIENCE_SECONDS

from afluente.core.clock import SetClock
from afluente.demo.loopback.mail_server import MailFault, MailInbox, MailLogin
from afluente.state import events
from afluente.state.database import Database
from afluente.state.schema import OUTBOX
from afluente.watch import alerts
from afluente.watch.alert import Alert
from afluente.watch.channels import check_channel
from afluente.watch.events_to_alerts import read_events
from afluente.watch.mail import MailError
from afluente.watch.notify import Notified, backoff_seconds, notify_due, waiting

ROOT = Path(__file__).parents[2]
NOTIFIER = Path(__file__).with_name("watch_notifier.py")
CANARY = "x9eYJI10tERhj9BerXdG80C7"


def mail_to(port: int, *, to: str = "time@example.com", more: str = "") -> str:
    return f"""\
    - name: equipe
      mail: {{server: 127.0.0.1, port: {port}, security: none, from: afluente@example.com, to: "{to}"{more}}}
"""


def received(folder: Path) -> list[EmailMessage]:
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]


def test_an_alert_and_its_end_arrive_by_mail(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox) as server:
        workspace = watched(tmp_path, database, channels=mail_to(server.port, to="ana@example.com, bia@example.com"))
        happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"}, run_id="r1")
        read_events(workspace)
        assert notify_due(workspace) == Notified(written=1, sent=1)
        assert notify_due(workspace) == Notified()
        happen(workspace, "step.done", "source.pedidos", run_id="r2")
        read_events(workspace)
        assert notify_due(workspace) == Notified(written=1, sent=1)
    by_subject = {str(message["Subject"]): message for message in received(inbox)}
    opened = by_subject["[vendas] erro: source.pedidos não responde"]
    assert "[vendas] resolvido: source.pedidos não responde" in by_subject
    assert opened["To"] == "ana@example.com, bia@example.com"
    text = opened.get_content()
    assert "source.unreachable" in text
    assert "docs/runbooks/connection.md" in text
    assert "dono: dados@example.com" in text


def test_notices_written_while_the_server_was_dead_arrive_once_it_lives(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        workspace = watched(tmp_path, database, channels=mail_to(port))
        for name in ("a", "b", "c"):
            with database.write() as connection:
                alerts.fire(connection, Alert("delivery", "error", name, "x", name, name, group=name), at=NOW)
        assert notify_due(workspace).put_back == 3
    with MailInbox(inbox, port=port):
        clock_of(workspace).advance(seconds=backoff_seconds(1))
        assert notify_due(workspace) == Notified(sent=3)
        assert notify_due(workspace) == Notified()
    assert len(received(inbox)) == 3
    with database.read() as connection:
        assert waiting(connection) == {"done": 3}


def test_a_message_cut_off_after_it_was_taken_comes_again_under_the_same_id(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox, faults=["busy", "drop_before", "drop_after"]) as server:
        workspace = watched(tmp_path, database, channels=mail_to(server.port))
        happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
        read_events(workspace)
        for attempt in range(1, 5):
            notify_due(workspace)
            clock_of(workspace).advance(seconds=backoff_seconds(attempt))
    messages = received(inbox)
    assert len(messages) == 2
    assert len({str(message["Message-ID"]) for message in messages}) == 1


def test_a_recipient_whose_box_is_busy_gets_it_later_and_the_other_once(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox, faults=["recipient_busy"]) as server:
        workspace = watched(tmp_path, database, channels=mail_to(server.port, to="ana@example.com,bia@example.com"))
        happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
        read_events(workspace)
        assert notify_due(workspace).sent == 1
        clock_of(workspace).advance(seconds=backoff_seconds(1))
        assert notify_due(workspace).sent == 1
        assert notify_due(workspace) == Notified()
    assert len(received(inbox)) == 2
    with database.read() as connection:
        left = [row["recipients"] for row in connection.execute(sa.select(OUTBOX.c.payload)).scalars()]
    assert sorted(left) == [[], ["ana@example.com"]]


def test_a_wrong_password_is_told_by_code_and_never_written(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox, login=MailLogin("afluente", "right")) as server:
        channels = mail_to(server.port, more=', user: afluente, password: "secret:env:SMTP_PASSWORD"')
        workspace = watched(tmp_path, database, channels=channels, environment={"SMTP_PASSWORD": CANARY})
        happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
        read_events(workspace)
        assert notify_due(workspace).error_codes == ("mail.credentials",)
        right = watched(tmp_path, database, channels=channels, environment={"SMTP_PASSWORD": "right"})
        clock_of(right).advance(seconds=backoff_seconds(1))
        assert notify_due(right).sent == 1
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


class Listener(BaseHTTPRequestHandler):
    """A service behind Apprise's json://, that fails as often as it is told to."""

    bodies: list[dict[str, str]]
    failures: list[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.failures:
            self.send_response(self.failures.pop())
        else:
            self.bodies.append(body)
            self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_apprise_brings_notices_to_a_service_and_tries_again(tmp_path: Path, database: Database) -> None:
    pytest.importorskip("apprise")
    handler = type("Handler", (Listener,), {"bodies": [], "failures": [500]})
    with HTTPServer(("127.0.0.1", 0), handler) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        try:
            address = f"json://user:{CANARY}@127.0.0.1:{service.server_port}/"
            channels = '    - {name: chat, apprise: {url: "secret:env:CHAT"}}\n'
            workspace = watched(tmp_path, database, channels=channels, environment={"CHAT": address})
            happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
            read_events(workspace)
            assert notify_due(workspace).error_codes == ("watch.channel_refused",)
            clock_of(workspace).advance(seconds=backoff_seconds(1))
            assert notify_due(workspace).sent == 1
        finally:
            service.shutdown()
            thread.join()
    assert [body["title"] for body in handler.bodies] == ["[vendas] erro: source.pedidos não responde"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_an_address_that_apprise_does_not_know_is_told_without_it(tmp_path: Path, database: Database) -> None:
    pytest.importorskip("apprise")
    channels = '    - {name: chat, apprise: {url: "secret:env:CHAT"}}\n'
    workspace = watched(tmp_path, database, channels=channels, environment={"CHAT": f"nothing-like://{CANARY}"})
    happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
    read_events(workspace)
    assert notify_due(workspace).error_codes == ("watch.channel_address",)


def test_a_channel_is_looked_at_without_sending(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox, login=MailLogin("afluente", "right")) as server:
        channels = mail_to(server.port, more=', user: afluente, password: "secret:env:SMTP_PASSWORD"')
        channels += '    - {name: chat, apprise: {url: "secret:env:CHAT"}}\n'
        environment = {"SMTP_PASSWORD": "right", "CHAT": "json://127.0.0.1:1/"}
        workspace = watched(tmp_path, database, channels=channels, environment=environment)
        assert workspace.project.alerts is not None
        mail, chat = workspace.project.alerts.channels
        assert check_channel(mail, workspace.secret) == f"mail server 127.0.0.1:{server.port}, 1 addresses"
        assert "secret:env:CHAT" in check_channel(chat, workspace.secret)
        wrong = watched(tmp_path, database, channels=channels, environment=environment | {"SMTP_PASSWORD": CANARY})
        with pytest.raises(MailError) as raised:
            check_channel(mail, wrong.secret)
    assert raised.value.code == "mail.credentials"
    assert CANARY not in str(raised.value)
    assert received(inbox) == []


def test_two_notifiers_at_once_send_each_notice_once(tmp_path: Path, database: Database) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox) as server:
        workspace = watched(tmp_path, database, channels=mail_to(server.port))
        for number in range(12):
            with database.write() as connection:
                alert = Alert("delivery", "error", f"s{number}", "x", f"n{number}", f"n{number}", group=f"g{number}")
                alerts.fire(connection, alert, at=NOW)
        threads = [threading.Thread(target=notify_due, args=(workspace,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    subjects = Counter(str(message["Subject"]) for message in received(inbox))
    assert len(subjects) == 12
    assert set(subjects.values()) == {1}


class KillingInbox(MailInbox):
    """Kills the notifier at the mail it is aimed at, which it keeps or does not."""

    _left = 0

    def aim(self, left: int, *, fault: MailFault) -> None:
        """At the mail that comes so many mails from now; 0 is none."""
        self._left, self._fault = left, fault
        self._pid: queue.SimpleQueue[int] = queue.SimpleQueue()

    def tell(self, pid: int) -> None:
        self._pid.put(pid)

    def _take(self, *kinds: MailFault) -> MailFault | None:
        if "drop_after" not in kinds:
            return None
        self._left -= 1
        if self._left:
            return None
        os.kill(self._pid.get(timeout=PATIENCE_SECONDS), signal.SIGKILL)
        return self._fault


def test_a_notifier_killed_anywhere_loses_no_notice(tmp_path: Path, database: Database) -> None:
    chance = random.Random(7)
    inbox = tmp_path / "inbox"
    alerts_count, kills = 24, 0
    with KillingInbox(inbox) as server:
        watched(tmp_path, database, channels=mail_to(server.port), settings="  repeat_hours: 100000\n")
        with database.write() as connection:
            for number in range(alerts_count):
                subject, payload = f"delivery/p#1/d{number}", {"error_code": "delivery.refused", "is_final": True}
                events.append(connection, at=BEGINNING, kind="delivery.failed", subject=subject, payload=payload)
        for attempt in range(60):
            server.aim(chance.randint(1, 5) if kills < 8 else 0, fault=chance.choice(["drop_before", "drop_after"]))
            process = subprocess.Popen(
                [sys.executable, str(NOTIFIER), str(tmp_path), str(attempt * 7200)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )
            server.tell(process.pid)
            process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL
            kills += 1
    assert kills >= 4
    messages = received(inbox)
    by_id = Counter(str(message["Message-ID"]) for message in messages)
    subjects = {str(message["Subject"]) for message in messages}
    assert len(subjects) == len(by_id) == alerts_count
    assert len(messages) - len(by_id) <= kills
    workspace = watched(tmp_path, database, channels=mail_to(1), settings="  repeat_hours: 100000\n")
    clock: SetClock = replace(clock_of(workspace), moment=BEGINNING)
    clock.advance(seconds=61 * 7200)
    workspace.clock = clock
    assert notify_due(workspace) == Notified()
    with database.read() as connection:
        assert waiting(connection) == {"done": alerts_count}
