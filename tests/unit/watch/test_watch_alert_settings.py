"""`alerts:` of afluente.yaml: what is read, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from afluente.core.errors import CheckFailed, Problem
from afluente.project.alert_settings import AlertSettings, AppriseChannel, MailChannel
from afluente.project.load import check_project, load_project
from afluente.project.secret_reference import SecretReference

HEAD = "name: vendas\ntimezone: America/Sao_Paulo\n"
ENVIRONMENT = {"ALERT_ADDRESSES": "ana@example.com, bia@example.com"}


def read(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> AlertSettings:
    (tmp_path / "afluente.yaml").write_text(HEAD + text, encoding="utf-8")
    project = load_project(tmp_path, environment=environment or ENVIRONMENT, typed_in=tmp_path)
    assert project.alerts is not None
    return project.alerts


def mistakes(tmp_path: Path, text: str) -> list[Problem]:
    (tmp_path / "afluente.yaml").write_text(HEAD + text, encoding="utf-8")
    return check_project(tmp_path, environment=ENVIRONMENT, typed_in=tmp_path)


def test_channels_budget_and_intervals_are_read(tmp_path: Path) -> None:
    alerts = read(
        tmp_path,
        """\
alerts:
  owner: dados@example.com
  repeat_hours: 6
  weekly_budget: 30
  quarantine_percent: 2.5
  runbook_base: https://example.com/runbooks/
  channels:
    - name: equipe
      mail:
        server: smtp.example.com
        from: afluente@example.com
        to: ${env:ALERT_ADDRESSES}
        user: afluente
        password: secret:env:SMTP_PASSWORD
    - {name: plantao, min_severity: critical, apprise: {url: "secret:env:APPRISE_URL"}}
""",
    )
    mail, chat = alerts.channels
    assert isinstance(mail.way, MailChannel)
    assert mail.way.to == ("ana@example.com", "bia@example.com")
    assert (mail.way.port, mail.way.security, mail.minimum_severity) == (587, "starttls", "warning")
    assert mail.way.password == SecretReference("env", "SMTP_PASSWORD")
    assert chat.way == AppriseChannel(SecretReference("env", "APPRISE_URL"))
    assert chat.minimum_severity == "critical"
    assert (alerts.owner, alerts.repeat_hours, alerts.weekly_budget) == ("dados@example.com", 6, 30)
    assert alerts.quarantine_percent == 2.5
    assert alerts.channel("plantao") is chat
    assert alerts.channel("outro") is None


def test_a_project_without_alerts_has_none(tmp_path: Path) -> None:
    (tmp_path / "afluente.yaml").write_text(HEAD, encoding="utf-8")
    assert load_project(tmp_path, environment={}, typed_in=tmp_path).alerts is None


def test_addresses_may_be_a_list_and_a_local_server_needs_no_tls(tmp_path: Path) -> None:
    alerts = read(
        tmp_path,
        """\
alerts:
  channels:
    - name: equipe
      mail: {server: 127.0.0.1, port: 2525, security: none, from: a@example.com, to: [b@example.com, b@example.com]}
""",
    )
    way = alerts.channels[0].way
    assert isinstance(way, MailChannel)
    assert way.to == ("b@example.com",)


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("alerts: {owner: x}", "project.missing_key", 3, "no 'channels'"),
        ("alerts: yes", "project.wrong_type", 3, "must be a mapping"),
        ("alerts: {chanels: []}", "project.unknown_key", 3, "no setting 'chanels'"),
        ("alerts: {channels: {a: b}}", "project.wrong_type", 3, "must be a list"),
        ("alerts:\n  channels:\n    - {name: a}", "project.missing_key", 5, "neither mail nor apprise"),
        (
            "alerts:\n  channels:\n    - {name: A b, apprise: {url: 'secret:env:U'}}",
            "project.name",
            5,
            "is not a name",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, apprise: {url: 'json://example.com'}}",
            "project.literal_secret",
            5,
            "must be a reference",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, apprise: {url: 'secret:env:U'}, mail: {}}",
            "project.conflict",
            5,
            "both mail and apprise",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: nobody}}",
            "project.address",
            5,
            "address 1 in 'to'",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: ''}}",
            "project.address",
            5,
            "names no address",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: me, to: a@b.c}}",
            "project.address",
            5,
            "'from'",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: mx.example.com, from: a@b.c, to: a@b.c, security: none}}",
            "project.insecure",
            5,
            "without TLS",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: a@b.c, user: u}}",
            "project.missing_key",
            5,
            "only one of",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: a@b.c, port: 99999}}",
            "project.wrong_value",
            5,
            "port 99999",
        ),
        (
            "alerts:\n  repeat_hours: 0\n  channels:\n    - {name: a, apprise: {url: 'secret:env:U'}}",
            "project.wrong_value",
            4,
            "above 0",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, apprise: {url: 'secret:env:U'}}\n    - {name: a, apprise: {url: 'secret:env:U'}}",
            "project.repeated",
            6,
            "stands twice",
        ),
        (
            "alerts:\n  channels:\n    - {name: a, min_severity: loud, apprise: {url: 'secret:env:U'}}",
            "project.wrong_value",
            5,
            "none of info",
        ),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, code: str, line: int, says: str) -> None:
    found = mistakes(tmp_path, text + "\n")
    assert any(one.code == code and one.place.line == line and says in one.message for one in found), found


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: a@b.c, user: u, password: hunter2-x}}\n"
    found = mistakes(tmp_path, text)
    assert any(one.code == "project.literal_secret" for one in found)
    assert "hunter2-x" not in repr(found)


def test_addresses_that_the_environment_does_not_hold_are_a_mistake(tmp_path: Path) -> None:
    text = "alerts:\n  channels:\n    - {name: a, mail: {server: s, from: a@b.c, to: '${env:NOBODY_KNOWS}'}}\n"
    with pytest.raises(CheckFailed) as raised:
        read(tmp_path, text)
    assert [problem.code for problem in raised.value.problems][0] == "project.variable_missing"
