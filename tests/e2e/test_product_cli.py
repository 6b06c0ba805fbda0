"""`afluente product` from the command line: the life of a release, and what its exit status says."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from afluente.core.clock import SetClock
from tests.e2e.cli_project import Ended, afluente
from tests.unit.products.release.release_project import (
    NOW,
    commit_facts,
    make_project,
    open_project,
    sales,
    write_product,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = make_project(tmp_path / "banca")
    with open_project(root) as workspace:
        commit_facts(workspace, sales())
    return root


def product(project: Path, *words: str) -> Ended:
    return afluente(project, "product", *words)


def answer(project: Path, *words: str) -> object:
    ended = product(project, *words, "--json")
    return json.loads(ended.stdout)


def test_a_release_is_planned_built_sent_and_told_of(project: Path) -> None:
    assert product(project, "list").stdout.splitlines()[1].startswith("vendas")
    plan = answer(project, "plan")
    assert (plan["verdict"], plan["number"]) == ("released", 1)
    assert not (project / "releases").exists()
    built = product(project, "release", "--by", "ana")
    assert built.returncode == 0, built.stderr
    assert built.stdout.strip() == "releases/vendas/000001"
    assert "nothing new: vendas #1" in product(project, "release").stderr
    sent = answer(project, "deliver")
    assert [one["status"] for one in sent] == ["delivered", "delivered"]
    assert (project / "entregas" / "vendas-000001.ok").exists()
    ledger = answer(project, "ledger")
    assert [(one["partner"], one["release"], one["output"]) for one in ledger] == [
        ("marca", "vendas#1", "vendas_dia"),
        ("marca", "vendas#1", "vendas_mes"),
    ]
    audit = answer(project, "audit", "--subject", "product/vendas#1")
    assert audit["is_whole"]
    assert [(one["actor"], one["action"]) for one in audit["entries"]] == [("ana", "release.released")]
    assert product(project, "verify").returncode == 0
    assert answer(project, "verify", "1", "--delivery", "copia")["delivery"] == "copia"


def test_a_held_release_ends_with_3_until_it_is_approved_by_name_and_reason(project: Path) -> None:
    write_product(project, most_rows=5)
    held = product(project, "release")
    assert held.returncode == 3
    assert "hold[contract.rule]" in held.stderr
    assert product(project, "plan").returncode == 3
    assert product(project, "deliver").stderr.strip() == "nothing is due"
    assert product(project, "approve").returncode == 2
    approved = product(project, "approve", "1", "--reason", "conferido com a loja", "--by", "ana")
    assert approved.returncode == 0, approved.stderr
    assert answer(project, "list", "vendas")[0]["approved by"] == "ana"
    assert len(answer(project, "deliver")) == 2


def test_a_changed_file_makes_verify_end_with_3(project: Path) -> None:
    product(project, "release")
    path = project / "releases" / "vendas" / "000001" / "files" / "vendas-000001-vendas_mes.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    ended = product(project, "verify")
    assert ended.returncode == 3
    assert "[file.changed]" in ended.stdout


def test_a_paused_partner_gets_nothing_and_a_revoked_one_no_release(project: Path) -> None:
    product(project, "release")
    assert product(project, "pause", "marca", "--reason", "férias").stdout.strip() == "marca is paused"
    assert answer(project, "deliver") == []
    product(project, "resume", "marca", "--reason", "voltou")
    assert len(answer(project, "deliver")) == 2
    again = product(project, "redeliver", "--delivery", "copia", "--reason", "apagaram")
    assert again.returncode == 0, again.stderr
    assert [one["status"] for one in answer(project, "deliver")] == ["delivered"]
    product(project, "revoke", "marca", "--reason", "fim")
    refused = product(project, "release", "--from", "2026-01-01", "--to", "2026-01-31")
    assert refused.returncode == 3
    assert "release.partner_revoked" in refused.stderr


def test_a_correction_and_a_withdrawal(project: Path) -> None:
    product(project, "release", "--from", "2026-02-01", "--to", "2026-02-28")
    assert product(project, "withdraw", "vendas", "1", "--reason", "preço errado").returncode == 0
    with open_project(project) as workspace:
        commit_facts(workspace, sales(factor=3))
    corrected = answer(project, "release", "--replaces", "1")
    assert corrected["release"]["replaces"] == 1
    assert corrected["release"]["period"]["vendas_mes"] == ["2026-02-01", "2026-02-28"]


def test_a_refused_correction_names_releases_by_their_numbers_and_goes_nowhere(project: Path) -> None:
    first = answer(project, "release")
    with open_project(project) as workspace:
        rows = sales().to_pylist()
        changed = next(row for row in rows if row["marca"] == "Nossa")
        changed["quantidade"] += 5
        commit_facts(workspace, pa.Table.from_pylist(rows, sales().schema))
    plan = product(project, "plan", "--replaces", "1")
    assert plan.returncode == 3
    assert "privacy.correction_exposed" in plan.stderr
    assert "vendas #1" in plan.stderr
    assert first["release"]["id"] not in plan.stderr
    assert "would be refused" in plan.stderr
    assert "delivered to" not in plan.stderr
    assert "coarser places" in plan.stderr


def test_days_and_products_that_do_not_exist_are_named(project: Path) -> None:
    assert "YYYY" not in product(project, "release", "--from", "ontem").stderr
    assert product(project, "release", "--from", "ontem").returncode == 2
    assert product(project, "release", "--from", "2026-02-02", "--to", "2026-02-01").returncode == 2
    unknown = product(project, "release", "venda")
    assert unknown.returncode == 2
    assert "did you mean 'vendas'?" in unknown.stderr
    assert product(project, "verify", "9").returncode == 2


def test_releases_expire_by_policy(project: Path) -> None:
    path = project / "products" / "vendas.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "retention: {release_days: 30}\n", encoding="utf-8")
    product(project, "release")
    assert answer(project, "expire")["releases"] == []
    from afluente.products.governance.retention import expire

    later = SetClock(datetime.now(NOW.tzinfo) + timedelta(days=31))
    with open_project(project, clock=later) as workspace:
        done = expire(workspace, actor="ana")
    assert [one.number for one in done.releases] == [1]
    assert answer(project, "list", "vendas")[0]["status"] == "expired"


def test_two_versions_of_a_contract_are_compared_without_a_project(tmp_path: Path) -> None:
    make_project(tmp_path / "banca")
    old = tmp_path / "banca" / "contracts" / "vendas_mes.odcs.yaml"
    new = tmp_path / "new.odcs.yaml"
    text = old.read_text(encoding="utf-8").replace('version: "1.0.0"', 'version: "1.1.0"')
    new.write_text("\n".join(line for line in text.splitlines() if "name: receita" not in line), encoding="utf-8")
    diff = json.loads(afluente(tmp_path, "product", "diff", str(old), str(new), "--json").stdout)
    assert diff["needed"] == "2.0.0"
    assert "receita" in diff["notice"]["pt"]
    same = afluente(tmp_path, "product", "diff", str(old), str(old))
    assert (same.returncode, same.stdout) == (0, "")
    assert "nothing changed" in same.stderr


def test_help_of_product_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom afluente.cli.main import main\n"
        "try:\n    main(['product', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = [n for n in ('pyarrow', 'sqlalchemy', 'duckdb', 'cryptography') if n in sys.modules]\n"
        "print(heavy, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
