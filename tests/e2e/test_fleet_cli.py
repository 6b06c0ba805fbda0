"""`afluente fleet` from the command line: enrolling, looking, judging, and asking for remedies."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.state.database import open_state
from afluente.state.fleet_schema import AGENTS, ENROLMENT_TOKENS, FACTS, SITE_CONFIGURATIONS, SITES
from tests.e2e.cli_project import Ended, afluente

SETTINGS = """\
name: frota
timezone: America/Sao_Paulo
language: pt
lake: lake
state: sqlite:///.afluente/state.db
"""
CITIES = "codigo_ibge;nome;uf;contato\n3509502;Campinas;SP;+55 19 5555-0000\n1200401;Rio Branco;AC;\n"
HUB = "https://hub.example.org"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "frota"
    root.mkdir()
    (root / "afluente.yaml").write_text(SETTINGS, encoding="utf-8")
    (root / "municipios.csv").write_text(CITIES, encoding="utf-8")
    return root


def fleet(project: Path, *words: str) -> Ended:
    return afluente(project, "fleet", *words)


def answer(project: Path, *words: str) -> object:
    ended = fleet(project, *words, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def enrol(project: Path, *words: str) -> Ended:
    return fleet(project, "enrol", str(project / "municipios.csv"), "--hub", HUB, "--by", "ana", *words)


def install(project: Path, site: str, *, seen: timedelta) -> None:
    """The agent of a site, as if it had enrolled a month ago."""
    now = datetime.now(UTC)
    with open_state("sqlite:///.afluente/state.db", project) as database, database.write() as connection:
        connection.execute(sa.update(SITES).where(SITES.c.id == site).values(status="active"))
        connection.execute(
            sa.insert(AGENTS).values(
                id=f"agent-{site}",
                site=site,
                status="active",
                install_id=site,
                machine_hash="m",
                disk_hash="d",
                machine={},
                enrolled_at=now - timedelta(days=30),
                last_seen_at=now - seen,
                sequence=1,
                heartbeat={},
                configuration_version=1,
                catalogue_version=1,
                agent_version="1.0.0",
                pec_version="5.3",
            )
        )


def tell(project: Path, site: str, code: str) -> None:
    now = datetime.now(UTC)
    with open_state("sqlite:///.afluente/state.db", project) as database, database.write() as connection:
        fact = {"site": site, "agent": None, "code": code, "at": now, "received_at": now, "origin": "agent"}
        connection.execute(sa.insert(FACTS).values(**fact, evidence={"free_bytes": "0"}))


def test_municipalities_become_sites_with_one_line_commands_in_a_private_file(project: Path) -> None:
    target = project / "comandos.csv"
    ended = enrol(project, "--output", str(target))
    assert ended.returncode == 0, ended.stderr
    assert "2 códigos de instalação, 2 locais novos" in ended.stderr
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"))))
    assert [row["codigo_ibge"] for row in rows] == ["3509502", "1200401"]
    assert rows[0]["comando_linux"].startswith(f"sudo afluente-agent install --hub {HUB} --token afl_")
    assert rows[0]["comando_windows"].startswith(f"afluente-agent.exe install --hub {HUB} --token afl_")
    assert rows[0]["contato"] == "'+55 19 5555-0000"
    assert "afl_" not in ended.stdout + ended.stderr
    listed = answer(project, "list")
    assert [(one["site"], one["status"]) for one in listed] == [("1200401", "invited"), ("3509502", "invited")]
    assert answer(project, "show", "1200401")["site"]["timezone"] == "America/Rio_Branco"
    assert enrol(project, "--output", str(target)).returncode == 2


def test_where_the_hub_serves_the_scripts_one_line_brings_the_agent_too(project: Path) -> None:
    plain = enrol(project)
    assert "install.sh" in plain.stderr
    updates = project / ".afluente" / "fleet" / "updates"
    updates.mkdir(parents=True)
    for name in ("install.sh", "install.ps1"):
        (updates / name).write_text("", encoding="utf-8")
    ended = enrol(project)
    row = next(csv.DictReader(io.StringIO(ended.stdout)))
    assert "install.sh" not in ended.stderr
    assert row["comando_linux"].startswith(
        f"curl -fsSL {HUB}/updates/install.sh | sudo AFLUENTE_HUB={HUB} AFLUENTE_TOKEN=afl_"
    )
    assert row["comando_linux"].endswith(" sh")
    assert row["comando_windows"].endswith(f"; irm {HUB}/updates/install.ps1 | iex")


def test_an_operator_reads_headings_in_the_language_of_the_project(project: Path) -> None:
    enrol(project)
    summary = fleet(project).stdout
    assert "confiança" in summary
    assert "o que fazer" in summary
    assert not {"why", "family", "inactivity", "confidence"} & set(summary.split())
    assert "anel" in fleet(project, "list").stdout
    settings = project / "afluente.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("language: pt", "language: en"), encoding="utf-8")
    assert {"why", "confidence", "inactivity"} <= set(fleet(project).stdout.split())
    assert set(answer(project, "list")[0]) >= {"site", "ring", "status"}


def test_enrolling_again_gives_new_codes_to_the_same_sites(project: Path) -> None:
    first = list(csv.DictReader(io.StringIO(enrol(project).stdout)))
    second = list(csv.DictReader(io.StringIO(enrol(project).stdout)))
    assert len(first) == len(second) == 2
    assert first[0]["comando_linux"] != second[0]["comando_linux"]
    with open_state("sqlite:///.afluente/state.db", project) as database, database.read() as connection:
        good = connection.execute(
            sa.select(sa.func.count()).where(ENROLMENT_TOKENS.c.revoked_at.is_(None))
        ).scalar_one()
    assert good == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nome;uf\nCampinas;SP\n", "has no column 'codigo_ibge'"),
        ("codigo_ibge;nome;uf\n350950;Campinas;SP\n", "line 2: '350950' is not a code IBGE"),
        ("codigo_ibge;nome;uf\n3509502;Campinas;RJ\n", "line 2: municipality 3509502 is of SP"),
        (
            "codigo_ibge,nome,uf\n3509502,Campinas,SP\n3509502,Campinas,SP\n",
            "line 3: municipality 3509502 stands twice",
        ),
        ("codigo_ibge,nome,uf,fuso\n3509502,Campinas,SP,Marte\n", "there is no time zone 'Marte'"),
        ("codigo_ibge,nome,uf\n3509503,Campinas,SP\n", "IBGE has no municipality 3509503; Campinas (SP) is 3509502"),
        ("codigo_ibge,nome,uf\n", "names no municipality"),
    ],
)
def test_a_wrong_file_enrols_nobody(project: Path, content: str, said: str) -> None:
    (project / "municipios.csv").write_text(content, encoding="utf-8")
    ended = enrol(project)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert answer(project, "list") == []


@pytest.mark.parametrize("hub", ["http://hub.example.org", "hub.example.org", "https://h/;rm -rf x", "https://h/$(x)"])
def test_a_hub_that_is_not_safe_in_a_command_is_refused(project: Path, hub: str) -> None:
    ended = fleet(project, "enrol", str(project / "municipios.csv"), "--hub", hub)
    assert ended.returncode == 2
    assert "fleet.hub" in ended.stderr
    assert answer(project, "list") == []


def test_a_failing_site_is_judged_shown_with_its_message_and_asked_for_a_remedy(project: Path) -> None:
    enrol(project)
    install(project, "3509502", seen=timedelta(minutes=2))
    tell(project, "3509502", "disk.full")
    verdicts = answer(project, "diagnose", "--all")
    assert {one["site"]: one["code"] for one in verdicts} == {
        "3509502": "maintenance.disk_full",
        "1200401": "inactivity.not_installed",
    }
    told = fleet(project, "diagnose", "3509502")
    assert "disco cheio (maintenance.disk_full" in told.stdout
    assert "Olá, equipe de Campinas!" in told.stdout
    shown = fleet(project, "show", "3509502")
    assert shown.returncode == 0, shown.stderr
    assert "Campinas (SP) 3509502, active" in shown.stdout
    assert "disk.full" in shown.stdout
    asked = answer(
        project, "remedy", "3509502", "roll-back", "--set", "version=1.0", "--reason", "teste", "--by", "ana"
    )
    assert (asked["kind"], asked["status"], asked["parameters"]) == ("roll_back", "waiting", {"version": "1.0"})
    assert answer(project, "show", "3509502")["remedies"][0]["reason"] == "teste"


def test_a_sites_plan_of_the_week_is_shown(project: Path) -> None:
    enrol(project)
    assert answer(project, "show", "3509502")["send_plan"] is None
    times = ["14:05", "14:10", "14:15", "14:20", "14:25", "", ""]
    plan = {"zone_minutes": -180, "times": times}
    with open_state("sqlite:///.afluente/state.db", project) as database, database.write() as connection:
        own = {"site": "3509502", "version": 2, "based_on": 1, "terms": {"plan": plan, "sealed_to": "", "secret": ""}}
        signed = {"body": "{}", "key": "", "signature": "", "made_at": datetime.now(UTC)}
        connection.execute(sa.insert(SITE_CONFIGURATIONS).values(**own, **signed))
    assert answer(project, "show", "3509502")["send_plan"] == plan
    shown = fleet(project, "show", "3509502").stdout
    assert "envia: seg 14:05, ter 14:10, qua 14:15, qui 14:20, sex 14:25, sáb não, dom não (UTC-03:00)" in shown


def test_the_summary_says_who_sent_who_did_not_why_and_what_to_do(project: Path) -> None:
    assert fleet(project).returncode == 0
    enrol(project)
    install(project, "3509502", seen=timedelta(minutes=2))
    tell(project, "3509502", "db.down")
    summary = answer(project, "summary")
    assert summary["counts"] == {"sent": 0, "waiting": 0, "late": 1, "silent": 0, "excused": 0, "not_installed": 1}
    assert summary["reasons"] == {"inactivity.not_installed": 1, "maintenance.db_down": 1}
    shown = fleet(project, "summary", "--check")
    assert shown.returncode == 1
    assert "atrasados 1, a instalar 1" in shown.stdout
    assert "o banco de dados do PEC está parado" in shown.stdout
    with open_state("sqlite:///.afluente/state.db", project) as database, database.read() as connection:
        assert answer(project, "show", "3509502")["verdicts"] == []
        assert connection.execute(sa.text("SELECT count(*) FROM verdicts")).scalar_one() == 0


def test_a_municipal_holiday_is_told_and_excuses(project: Path) -> None:
    enrol(project)
    install(project, "3509502", seen=timedelta(days=2))
    today = datetime.now(UTC).astimezone().date()
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        assert fleet(project, "holiday", "3509502", day.isoformat(), "Padroeira").returncode == 0
    [line] = [one for one in answer(project, "summary")["sites"] if one["site"] == "3509502"]
    assert line["standing"] == "excused"
    assert line["verdict"]["code"] in ("inactivity.municipal_holiday", "inactivity.national_holiday")
    assert fleet(project, "holiday", "Campinas", "2026-07-14", "Aniversário").returncode == 2
    assert fleet(project, "holiday", "SP", "14/07/2026", "Aniversário").returncode == 2


def test_mistakes_end_with_a_hint(project: Path) -> None:
    for words in (("show", "9999999"), ("diagnose", "9999999"), ("remedy", "9999999", "resend", "--reason", "x")):
        ended = fleet(project, *words)
        assert ended.returncode == 1
        assert "error[fleet.unknown_site]" in ended.stderr
    enrol(project)
    assert fleet(project, "remedy", "3509502", "explode", "--reason", "x").returncode == 2
    assert fleet(project, "remedy", "3509502", "resend", "--reason", " ").returncode == 1
    assert fleet(project, "remedy", "3509502", "resend", "--set", "x", "--reason", "y").returncode == 2
    assert fleet(project, "update", "hold", "--reason", "x").returncode == 2
    assert answer(project, "update", "list") == []


def test_a_rollout_is_started_held_resumed_and_rolled_back(project: Path) -> None:
    enrol(project)
    install(project, "3509502", seen=timedelta(minutes=2))
    [started] = answer(project, "update", "start", "1.1.0", "--reason", "nova", "--by", "ana")
    assert (started["version"], started["status"]) == ("1.1.0", "going")
    assert answer(project, "update", "hold", "--reason", "esperar")[0]["status"] == "held"
    assert answer(project, "update", "resume", "--reason", "seguir")[0]["status"] == "going"
    assert answer(project, "update", "roll-back", "--reason", "ruim")[0]["status"] == "rolled_back"
    assert "rolled_back" in fleet(project, "update", "list").stdout


def test_versions_and_lists_are_signed_by_the_projects_keys(project: Path) -> None:
    keys = {role: project / f"{role}.key" for role in ("assinatura", "landing", "root1", "root2", "diaria")}
    for path in keys.values():
        made = afluente(project, "hub", "key")
        path.write_text(made.stdout, encoding="ascii")
        path.chmod(0o600)
    daily = "secret:file:diaria.key"
    version = project / "versao"
    (version / "afluente_agent").mkdir(parents=True)
    (version / "afluente_agent" / "cli.py").write_text("print(1)\n", encoding="utf-8")
    (project / "afluente.yaml").write_text(
        f"{SETTINGS}fleet:\n  signing_key: secret:file:assinatura.key\n  landing_key: secret:file:landing.key\n"
        f"  update_keys: {{root: [secret:file:root1.key, secret:file:root2.key], targets: [{daily}],"
        f" snapshot: [{daily}], timestamp: [{daily}]}}\n",
        encoding="utf-8",
    )
    assert "update.no_repository" in fleet(project, "update", "add", "1.0.0", str(version)).stderr
    root = fleet(project, "update", "init")
    assert root.returncode == 0, root.stderr
    assert json.loads(root.stdout)["signed"]["_type"] == "root"
    added = answer(project, "update", "add", "1.0.0", str(version))
    assert (added["version"], added["platform"]) == ("1.0.0", "any")
    assert "fleet.version_folder" in fleet(project, "update", "add", "1.0.1", "nada").stderr
    lists = Path(__file__).parents[2] / "examples" / "transmissor" / "catalogo"
    first, second = (answer(project, "catalogue", str(lists))["version"] for _ in range(2))
    assert second == first + 1
    assert fleet(project, "catalogue", str(project)).returncode != 0


def test_the_keys_of_updates_are_changed_by_enough_of_those_of_before(project: Path) -> None:
    names = ("assinatura", "landing", "raiz1", "raiz2", "nova1", "nova2", "diaria")
    for name in names:
        path = project / f"{name}.key"
        path.write_text(afluente(project, "hub", "key").stdout, encoding="ascii")
        path.chmod(0o600)
    daily = "secret:file:diaria.key"

    def with_root(*roots: str) -> None:
        listed = ", ".join(f"secret:file:{name}.key" for name in roots)
        (project / "afluente.yaml").write_text(
            f"{SETTINGS}fleet:\n  signing_key: secret:file:assinatura.key\n  landing_key: secret:file:landing.key\n"
            f"  update_keys: {{root: [{listed}], targets: [{daily}], snapshot: [{daily}], timestamp: [{daily}]}}\n",
            encoding="utf-8",
        )

    def rotate(*olds: str) -> Ended:
        return fleet(project, "update", "rotate", *(word for old in olds for word in ("--old-root", old)))

    with_root("raiz1", "raiz2")
    first = json.loads(fleet(project, "update", "init").stdout)["signed"]
    with_root("nova1", "nova2")
    for wrong, code in (
        (["secret:file:raiz1.key"], "update.root_threshold"),
        (["secret:file:nova1.key", "secret:file:nova2.key"], "update.root_threshold"),
        (["raiz1.key"], "fleet.old_root"),
        (["secret:cofre:raiz1"], "fleet.old_root"),
    ):
        assert code in rotate(*wrong).stderr
    done = rotate("secret:file:raiz1.key", "secret:file:raiz2.key")
    assert done.returncode == 0, done.stderr
    second = json.loads(done.stdout)["signed"]
    assert (first["version"], second["version"]) == (1, 2)
    assert not set(first["roles"]["root"]["keyids"]) & set(second["roles"]["root"]["keyids"])


def test_check_tells_what_agents_would_refuse_of_the_catalogue(project: Path) -> None:
    lists = project / "catalogo"
    lists.mkdir()
    (project / "afluente.yaml").write_text(
        f"{SETTINGS}fleet: {{signing_key: secret:file:a.key, landing_key: secret:file:l.key, catalogue: catalogo}}\n",
        encoding="utf-8",
    )
    (lists / "gestantes.sql").write_text("SELECT 1 AS co\n", encoding="utf-8")
    whole = "{name: gestantes, sql: gestantes.sql, key: [co], purpose: p, most_rows: 9, most_seconds: 9, most_bytes: 9,"
    right = f"lists:\n  - {whole} columns: [{{name: co, type: integer, identity: key}}]}}\n"
    (lists / "catalogo.yaml").write_text(right.replace("identity: key", "identity: nome"), encoding="utf-8")
    wrong = afluente(project, "check")
    assert wrong.returncode == 2
    assert "catalogo/catalogo.yaml" in wrong.stderr
    assert "lists[0].columns[0].identity: not one of none, key, name" in wrong.stderr
    (lists / "catalogo.yaml").write_text(right, encoding="utf-8")
    assert afluente(project, "check").returncode == 0
