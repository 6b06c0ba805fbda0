"""A release that a guardrail holds is told by mail to whom the project names, and its approval too."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

from afluente.cli.main import main
from afluente.demo.loopback.mail_server import MailInbox
from tests.unit.products.release.release_project import SETTINGS, commit_facts, make_project, open_project, sales

ALERTS = """alerts:
  owner: dados@example.com
  runbook_base: https://example.com/runbooks
  channels:
    - name: equipe
      mail: {{server: 127.0.0.1, port: {port}, security: none, from: a@example.com, to: time@example.com}}
"""
STALE = "{name: fresco, kind: freshness, on_breach: hold, max_age_hours: 0.000001}"


def test_a_held_release_is_told_until_it_is_approved(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    with MailInbox(inbox) as server:
        root = make_project(tmp_path / "p", guardrails=STALE, settings=SETTINGS + ALERTS.format(port=server.port))
        with open_project(root) as workspace:
            commit_facts(workspace, sales())
        assert main(["-C", str(root), "product", "release"]) == 3
        (held,) = messages(inbox)
        assert held["Subject"] == "[banca] erro: product/vendas está fora do padrão"
        text = held.get_content()
        assert "a liberação 1 está retida: o dado mais novo de product/vendas/vendas_" in text
        assert "https://example.com/runbooks/anomaly.md" in text
        assert "dono: dados@example.com" in text
        assert main(["-C", str(root), "product", "approve", "1", "--reason", "conferido", "--by", "ana"]) == 0
        assert "[banca] resolvido: product/vendas está fora do padrão" in {str(m["Subject"]) for m in messages(inbox)}
        assert main(["-C", str(root), "product", "deliver"]) == 0
        assert len(messages(inbox)) == 2


def messages(inbox: Path):
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in inbox.glob("*.eml")]
