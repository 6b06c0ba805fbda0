"""Runbooks: one for each kind of alert, with the codes that lead there, commands that exist and links that resolve."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from tests.unit.watch.watched_project import watched

from afluente.cli.parser import build_parser
from afluente.state.database import Database
from afluente.watch.alert import AlertKind
from afluente.watch.owners import RUNBOOKS, owner_of, runbook_of
from afluente.watch.raised import TITLES
from afluente.watch.trouble import CONNECTION, CONTRACT, CREDENTIALS
from afluente.watch.wording import KIND_WORDS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / RUNBOOKS
KINDS = get_args(AlertKind)
PAGES = [*sorted(FOLDER.glob("*.md")), ROOT / "docs" / "watch.md"]


def test_each_kind_of_alert_has_a_runbook_a_title_and_a_word() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(KINDS) == set(TITLES) == set(KIND_WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_runbook_is_in_portuguese_first_and_then_in_english(kind: str) -> None:
    text = (FOLDER / f"{kind}.md").read_text(encoding="utf-8")
    portuguese, english = text.split("\n---\n")
    assert portuguese.startswith(f"# {kind}: ")
    assert "**O que fazer**" in portuguese
    assert english.strip().startswith(f"# {kind}: ")
    assert "**What to do**" in english


@pytest.mark.parametrize(
    ("kind", "codes"), [("credentials", CREDENTIALS), ("connection", CONNECTION), ("contract", CONTRACT)]
)
def test_every_code_is_in_the_runbook_it_leads_to(kind: str, codes: tuple[str, ...]) -> None:
    text = (FOLDER / f"{kind}.md").read_text(encoding="utf-8")
    assert [code for code in codes if f"`{code}`" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_named_is_one_that_exists(path: Path) -> None:
    text = re.sub(r"\n\s*", " ", path.read_text(encoding="utf-8"))
    parser = build_parser()
    for command in re.findall(r"`(afluente [^`]+)`", text):
        words = shlex.split(command.replace("NÚMERO", "1").replace("NUMBER", "1"))[1:]
        parser.parse_args(words)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_an_alert_links_to_the_pages_of_the_project(tmp_path: Path, database: Database) -> None:
    own = watched(tmp_path, database, settings="  runbook_base: https://example.com/runbooks\n").project
    assert runbook_of(own, "delivery") == "https://example.com/runbooks/delivery.md"
    assert (ROOT / runbook_of(watched(tmp_path, database).project, "delivery")).is_file()


def test_what_has_no_owner_is_owned_by_whom_the_alerts_name(tmp_path: Path, database: Database) -> None:
    project = watched(tmp_path, database).project
    for subject in ("gold.nada", "source.pedidos", "product/x", "delivery/x#1/sftp", "run/vendas"):
        assert owner_of(project, subject) == "dados@example.com"
