from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from release_project import PREFIX, ToldGates, commit_facts, open_project, sales, write_product

from afluente.core.errors import DataRefused, StateError, UsageError
from afluente.products.partner_access import revoke_partner
from afluente.products.privacy.gated import Finding
from afluente.products.release.approve import approve_release
from afluente.products.release.build import ReleaseOutcome, build_release
from afluente.products.release.package import package_of
from afluente.products.release.plan import plan_release
from afluente.products.release.sshsig import NAMESPACE, public_key_of
from afluente.products.release.verify import verify_release
from afluente.products.release.withdraw import withdraw_release
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain, deliveries, events, releases

Opened = Callable[..., Workspace]
LARGE = Finding("privacy.cell_narrowed", "pt", "en", "2026-01 santos")


def release(workspace: Workspace, gates: ToldGates | None = None, **options: object) -> ReleaseOutcome:
    product = workspace.project.products[0]
    return build_release(workspace, product, actor="ana", gates=(gates or ToldGates()).gates(), **options)  # type: ignore[arg-type]


def folder_of(workspace: Workspace, outcome: ReleaseOutcome) -> Path:
    assert outcome.release is not None
    return workspace.project.root / outcome.release.folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def waiting(workspace: Workspace) -> list[tuple[int, str]]:
    with workspace.state.read() as connection:
        return [(one.number, one.row.name) for one in deliveries.find(connection, statuses=("waiting",))]


def kinds(workspace: Workspace) -> list[str]:
    with workspace.state.read() as connection:
        return [event.kind for event in events.after(connection, 0)]


def test_a_first_release_tells_every_complete_period(opened: Opened) -> None:
    workspace = opened()
    outcome = release(workspace)
    assert outcome.status == "released"
    folder = folder_of(workspace, outcome)
    assert sorted(bytes_of(folder)) == [
        f"{PREFIX}vendas_dia.csv",
        f"{PREFIX}vendas_dia.parquet",
        f"{PREFIX}vendas_mes.csv",
        f"{PREFIX}vendas_mes.jsonl",
        f"{PREFIX}vendas_mes.xlsx",
        "manifest.json",
        "manifest.json.sig",
    ]
    days = pq.read_table(folder / f"{PREFIX}vendas_dia.parquet").column("dia").to_pylist()
    assert (min(days), max(days)) == (date(2026, 1, 1), date(2026, 3, 9))
    months = (folder / f"{PREFIX}vendas_mes.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert sorted({line.split(",")[0] for line in months}) == ["2026-01", "2026-02"]
    assert waiting(workspace) == [(1, "copia"), (1, "so_mes")]
    assert kinds(workspace) == ["release.built", "release.released"]


def test_the_manifest_names_files_contracts_inputs_and_promises(opened: Opened) -> None:
    workspace = opened()
    outcome = release(workspace)
    folder = folder_of(workspace, outcome)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    product = workspace.project.products[0]
    assert manifest["product"] == "vendas"
    assert manifest["number"] == 1
    assert manifest["replaces"] is None
    assert manifest["inputs"] == {"gold.vendas": 0}
    assert manifest["period"] == ["2026-01-01", "2026-03-09"]
    assert manifest["legal_basis"] == product.legal_basis
    assert manifest["ledger_position"] == 0
    assert manifest["audit_head"] == audit_chain.GENESIS
    month = next(one for one in manifest["outputs"] if one["name"] == "vendas_mes")
    assert month["contract"]["version"] == "1.0.0"
    assert [column["name"] for column in month["columns"]][:2] == ["mes", "cidade"]
    assert {file["rows"] for file in manifest["files"] if file["output"] == "vendas_mes"} == {6}
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert not any(word in text for word in ("minimum", "percent", "protection", "bands", "competitors"))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_ssh_keygen_verifies_a_release(opened: Opened, tmp_path: Path) -> None:
    workspace = opened()
    folder = folder_of(workspace, release(workspace))
    private = (workspace.project.root / "chaves" / "assinatura").read_text(encoding="ascii")
    (tmp_path / "allowed").write_text(f"marca {public_key_of(private)}\n")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "marca", "-n", NAMESPACE]
    words += ["-s", str(folder / "manifest.json.sig")]
    manifest = (folder / "manifest.json").read_bytes()
    assert subprocess.run(words, input=manifest, capture_output=True).returncode == 0
    assert subprocess.run(words, input=manifest.replace(b"vendas", b"vendaz", 1), capture_output=True).returncode != 0


def test_the_same_inputs_give_the_same_release(opened: Opened, tmp_path: Path) -> None:
    workspace = opened()
    first = bytes_of(folder_of(workspace, release(workspace)))
    root = tmp_path / "copy"
    shutil.copytree(workspace.project.root, root)
    shutil.rmtree(root / ".afluente")
    shutil.rmtree(root / "releases")
    other = open_project(root)
    try:
        assert bytes_of(folder_of(other, release(other))) == first
    finally:
        other.close()


def test_a_release_that_would_be_the_same_is_not_made_again(opened: Opened) -> None:
    workspace = opened()
    first = release(workspace)
    again = release(workspace)
    assert again.status == "unchanged"
    assert again.release == first.release
    explicit = release(workspace, days=(date(2026, 2, 1), date(2026, 2, 28)))
    assert explicit.release is not None
    assert explicit.release.number == 2
    assert release(workspace, days=(date(2026, 2, 1), date(2026, 2, 28))).status == "unchanged"


def test_the_next_release_tells_only_what_is_new(opened: Opened) -> None:
    workspace = opened()
    release(workspace)
    commit_facts(workspace, sales(last=date(2026, 3, 12)))
    workspace.clock.advance(seconds=2 * 86400)
    second = release(workspace)
    assert second.release is not None
    assert second.release.period == {"vendas_dia": ["2026-03-10", "2026-03-11"]}
    assert second.release.inputs == {"gold.vendas": 1}
    assert waiting(workspace) == [(2, "copia"), (1, "copia"), (1, "so_mes")]


def test_each_output_is_audited_with_all_told_before_and_beside_it(opened: Opened) -> None:
    workspace = opened()
    gates = ToldGates()
    release(workspace, gates)
    rows_of_days = 68 * 3
    assert gates.given == [("vendas_dia", 0), ("vendas_mes", rows_of_days)]
    later = ToldGates()
    release(workspace, later, days=(date(2026, 1, 1), date(2026, 1, 31)))
    assert later.given[0] == ("vendas_dia", rows_of_days + 6)


def test_a_correction_names_what_it_replaces_and_tells_the_same_periods(opened: Opened) -> None:
    workspace = opened()
    release(workspace, days=(date(2026, 2, 1), date(2026, 2, 28)))
    commit_facts(workspace, sales(factor=3))
    corrected = release(workspace, replaces=1)
    assert corrected.release is not None
    assert corrected.release.period == {
        "vendas_dia": ["2026-02-01", "2026-02-28"],
        "vendas_mes": ["2026-02-01", "2026-02-28"],
    }
    manifest = json.loads((folder_of(workspace, corrected) / "manifest.json").read_bytes())
    assert (manifest["number"], manifest["replaces"]) == (2, 1)
    assert verify_release(workspace, corrected.release).is_whole
    with pytest.raises(UsageError) as unknown:
        release(workspace, replaces=9)
    assert unknown.value.code == "release.nothing_to_replace"


def test_what_the_gate_refuses_leaves_no_file_and_nobody_can_let_it_through(opened: Opened) -> None:
    workspace = opened()
    outcome = release(workspace, ToldGates(findings=(LARGE,)))
    assert (outcome.status, outcome.exit_status) == ("refused", 3)
    assert [(reason.code, reason.cell) for reason in outcome.reasons][0] == ("privacy.cell_narrowed", "2026-01 santos")
    assert not folder_of(workspace, outcome).exists()
    assert waiting(workspace) == []
    with workspace.state.read() as connection:
        assert releases.ledger_of(connection, ("marca",)) == []
    with pytest.raises(DataRefused) as refused:
        approve_release(workspace, "vendas", 1, reason="preciso", actor="ana")
    assert refused.value.code == "release.refused"
    again = release(workspace, ToldGates(findings=(LARGE,)))
    assert (again.status, again.release) == ("refused", outcome.release)
    assert release(workspace).release is not None


def test_a_contract_that_is_broken_holds_the_release_until_somebody_answers_for_it(opened: Opened) -> None:
    workspace = opened(most_rows=5)
    outcome = release(workspace)
    assert (outcome.status, outcome.exit_status) == ("held", 3)
    assert {(reason.code, reason.output) for reason in outcome.reasons} == {
        ("contract.rule", "vendas_dia"),
        ("contract.rule", "vendas_mes"),
    }
    assert waiting(workspace) == []
    assert release(workspace).release == outcome.release
    with pytest.raises(UsageError):
        approve_release(workspace, "vendas", reason=" ", actor="ana")
    approved = approve_release(workspace, "vendas", reason="campanha de verão", actor="ana")
    assert (approved.status, approved.approved_by, approved.approved_reason) == ("released", "ana", "campanha de verão")
    assert waiting(workspace) == [(1, "copia"), (1, "so_mes")]
    assert kinds(workspace)[-2:] == ["release.approved", "release.released"]
    with workspace.state.read() as connection:
        last = audit_chain.entries(connection)[-1]
    assert (last.actor, last.action, last.payload["reason"]) == ("ana", "release.approved", "campanha de verão")


def test_a_held_release_whose_files_were_changed_is_not_let_through(opened: Opened) -> None:
    workspace = opened(most_rows=5)
    folder = folder_of(workspace, release(workspace))
    with (folder / f"{PREFIX}vendas_dia.csv").open("a", encoding="utf-8") as file:
        file.write("2026-01-01,santos,SP,cidade,1,1,1.00,1\n")
    with pytest.raises(DataRefused) as refused:
        approve_release(workspace, "vendas", reason="sim", actor="ana")
    assert refused.value.code == "release.changed"


def test_a_new_release_takes_the_place_of_a_held_one_and_its_ledger(opened: Opened) -> None:
    workspace = opened(most_rows=5)
    release(workspace)
    write_product(workspace.project.root)
    other = open_project(workspace.project.root)
    try:
        gates = ToldGates()
        outcome = release(other, gates)
        assert outcome.status == "released"
        assert gates.given[0] == ("vendas_dia", 0)
        with other.state.read() as connection:
            statuses = [(one.number, one.status) for one in releases.of_product(connection, "vendas")]
            ledger = releases.ledger_of(connection, ("marca",))
        assert statuses == [(2, "released"), (1, "withdrawn")]
        assert {row.release_id for row in ledger} == {outcome.release.id if outcome.release else ""}
    finally:
        other.close()


def test_a_column_that_the_contract_does_not_have_is_not_written(opened: Opened) -> None:
    workspace = opened()
    outcome = release(workspace, ToldGates(extra_column="cpf"))
    assert outcome.status == "held"
    assert {reason.code for reason in outcome.reasons} == {"contract.column_unknown"}
    folder = folder_of(workspace, outcome)
    assert "cpf" not in pq.read_table(folder / f"{PREFIX}vendas_dia.parquet").column_names


GUARDRAILS = (
    "{name: fresco, kind: freshness, on_breach: hold, max_age_hours: 1}",
    "{name: volume, kind: volume, on_breach: hold, output: vendas_mes, min_rows: 100000}",
    "{name: padrao, kind: anomaly, on_breach: hold, output: vendas_dia, measure: receita, z: 6}",
)


def test_a_guardrail_holds_or_warns(opened: Opened) -> None:
    held = opened(guardrails=GUARDRAILS[1])
    assert [reason.code for reason in release(held).reasons] == ["guardrail.volume"]
    warned = opened(guardrails=GUARDRAILS[1].replace("hold", "warn"))
    outcome = release(warned)
    assert (outcome.status, [reason.action for reason in outcome.reasons]) == ("released", ["warn"])


def test_a_day_out_of_the_pattern_holds_the_release(opened: Opened) -> None:
    workspace = opened(guardrails=GUARDRAILS[2])
    assert release(workspace).status == "released"
    usual = sales(last=date(2026, 3, 9))
    strange = sales(first=date(2026, 3, 10), last=date(2026, 3, 11))
    import pyarrow as pa

    commit_facts(workspace, pa.concat_tables([usual, *[strange] * 40]))
    workspace.clock.advance(seconds=2 * 86400)
    outcome = release(workspace)
    assert outcome.status == "held"
    assert [reason.code for reason in outcome.reasons] == ["guardrail.anomaly"]


def test_a_plan_says_why_and_writes_nothing(opened: Opened) -> None:
    workspace = opened(guardrails=GUARDRAILS[1])
    before = sorted(str(path) for path in workspace.project.root.rglob("*") if "releases" in str(path))
    plan = plan_release(workspace, workspace.project.products[0], gates=ToldGates().gates())
    assert (plan.verdict, plan.number) == ("held", 1)
    assert [(one.name, one.rows) for one in plan.outputs] == [("vendas_dia", 204), ("vendas_mes", 6)]
    assert plan.outputs[1].files[0] == "vendas-000001-vendas_mes.csv"
    assert [reason.code for reason in plan.reasons] == ["guardrail.volume"]
    assert plan.deliveries == {"copia": "folder", "so_mes": "folder"}
    assert sorted(str(path) for path in workspace.project.root.rglob("*") if "releases" in str(path)) == before
    with workspace.state.read() as connection:
        assert releases.of_product(connection) == []
        assert audit_chain.entries(connection) == []


def test_a_withdrawn_release_is_not_sent_and_stays_in_the_ledger(opened: Opened) -> None:
    workspace = opened()
    release(workspace)
    withdrawn = withdraw_release(workspace, "vendas", 1, reason="preço errado", actor="ana")
    assert withdrawn.status == "withdrawn"
    assert waiting(workspace) == []
    with workspace.state.read() as connection:
        assert len(releases.ledger_of(connection, ("marca",))) == 2
    with pytest.raises(UsageError):
        withdraw_release(workspace, "vendas", 1, reason="outra vez", actor="ana")
    assert release(workspace).release.number == 2  # type: ignore[union-attr]


def test_nothing_is_released_to_a_revoked_partner(opened: Opened) -> None:
    workspace = opened()
    revoke_partner(workspace, "marca", by="ana", reason="fim do contrato")
    with pytest.raises(DataRefused) as refused:
        release(workspace)
    assert refused.value.code == "release.partner_revoked"


def test_nothing_is_released_when_the_ledger_is_not_whole(opened: Opened) -> None:
    workspace = opened()
    release(workspace)
    ledger = next((workspace.project.root / ".afluente" / "ledger").rglob("*.parquet"))
    ledger.write_bytes(ledger.read_bytes() + b"x")
    with pytest.raises(StateError) as broken:
        release(workspace, days=(date(2026, 1, 1), date(2026, 1, 31)))
    assert broken.value.code == "release.ledger_changed"


def test_a_package_names_what_a_partner_sees(opened: Opened) -> None:
    workspace = opened()
    outcome = release(workspace)
    assert outcome.release is not None
    package = package_of(workspace, outcome.release)
    assert package.prefix == "vendas-000001"
    assert [file.name for file in package.files][0] == "vendas-000001-vendas_dia.csv"
    assert {file.format for file in package.files} == {"csv", "parquet", "jsonl", "xlsx"}
    assert package.columns["vendas_mes"][0] == "mes"
    assert package.period == ("2026-01-01", "2026-03-09")
    assert package.signature is not None
