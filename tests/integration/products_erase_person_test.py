"""One person erased from a whole project, which is then searched byte by byte; and everybody else still there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.core.errors import RunError, UsageError
from afluente.core.tables import TableName
from afluente.products.governance.certificate import Certificate
from afluente.products.governance.erase import erase_person, erase_returned, verify_erasures
from afluente.runs import workflow
from afluente.runs.lock import PipelineLock
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain, repairs, run_locks
from afluente.state.repairs import Repair
from afluente.state.schema import REPAIRS
from tests.e2e.cli_project import afluente
from tests.integration.products_erase_project import (
    CLIENT_HEADER,
    CLIENT_ROWS,
    CPF,
    NOT_LEFT,
    csv_of,
    make_inbox,
    make_shop,
    places_with_the_person,
    rows_of,
    run_shop,
)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return make_inbox(tmp_path / "enviados")


@pytest.fixture
def workspace(tmp_path: Path, inbox: Path) -> Iterator[Workspace]:
    with make_shop(tmp_path / "loja", inbox) as opened:
        yield opened
    workflow.shut_down()


@pytest.fixture
def run(workspace: Workspace) -> Callable[[], dict[str, str]]:
    """Runs the whole project; the status of each step."""
    return lambda: run_shop(workspace)


def erase(workspace: Workspace, **options: object) -> Certificate:
    given = {"silver.clientes.cpf": "529.982.247-25"}
    return erase_person(workspace, identifiers=given, by="ana", reason="pedido do titular", **options)  # type: ignore[arg-type]


def test_no_file_of_the_project_holds_the_person_any_more(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    assert places_with_the_person(workspace.project.root)
    certificate = erase(workspace)
    assert certificate.traces == ()
    assert places_with_the_person(workspace.project.root) == []


def test_everybody_else_is_still_there(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    erase(workspace)
    assert sorted(str(row["cliente_id"]) for row in rows_of(workspace, "silver.clientes")) == ["C-0002", "C-0003"]
    assert sorted(str(row["nome"]) for row in rows_of(workspace, "bronze.clientes")) == ["Carlos Prado", "Dora Lima"]
    landed = workspace.lake.landing.files("clientes")
    texts = [workspace.lake.landing.open(file) for file in landed if file.name == "clientes.csv"]
    with texts[0] as stream:
        assert stream.read() == csv_of(CLIENT_HEADER, CLIENT_ROWS[1:3])


def test_sales_are_kept_for_their_totals_without_the_person(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    before = rows_of(workspace, "gold.totais")
    erase(workspace)
    sales = {str(row["venda_id"]): row for row in rows_of(workspace, "silver.vendas")}
    assert sum(int(str(row["valor"])) for row in sales.values()) == 100
    assert sales["V1"]["contato"] is None
    assert sales["V1"]["cliente_id"] == sales["V3"]["cliente_id"]
    assert sales["V1"]["cliente_id"] not in ("C-0001", "C-0002", "C-0003")
    assert rows_of(workspace, "gold.totais") == before


def test_the_next_run_does_not_bring_the_person_back_nor_change_totals(
    workspace: Workspace, run: Callable[[], dict[str, str]]
) -> None:
    run()
    before = sorted(rows_of(workspace, "gold.totais"), key=str)
    erase(workspace)
    steps = run()
    assert steps["source.clientes"] == "unchanged"
    assert places_with_the_person(workspace.project.root) == []
    assert sorted(rows_of(workspace, "gold.totais"), key=str) == before
    assert verify_erasures(workspace) == ()


def test_old_versions_cannot_be_read_and_the_log_is_cut_behind_a_checkpoint(
    workspace: Workspace, run: Callable[[], object]
) -> None:
    run()
    erase(workspace)
    logs = Path(workspace.lake.address(TableName("silver", "clientes"))) / "_delta_log"
    text = "".join(path.read_text() for path in logs.glob("*.json"))
    assert CPF not in text
    assert list(logs.glob("*.checkpoint.parquet"))
    assert workspace.lake.snapshot(TableName("silver", "clientes")).rows == 2


def test_a_dry_run_counts_and_changes_nothing(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    before = {path: path.read_bytes() for path in Path(workspace.lake.location.root).rglob("*") if path.is_file()}
    planned = erase(workspace, is_dry_run=True)
    after = {path: path.read_bytes() for path in Path(workspace.lake.location.root).rglob("*") if path.is_file()}
    assert after == before
    assert not (workspace.folder / "erasures").exists()
    done = erase(workspace)
    assert [(one.table, one.rows) for one in planned.tables] == [(one.table, one.rows) for one in done.tables]
    assert {str(one.table): one.rows for one in done.tables if one.rows} == {
        "bronze.clientes": 3,
        "bronze.vendas": 3,
        "gold.fato": 2,
        "quarantine.bronze_clientes": 1,
        "quarantine.clientes": 1,
        "quarantine.vendas": 1,
        "repairs.clientes": 1,
        "silver.clientes": 1,
        "silver.vendas": 2,
    }


def test_the_certificate_tells_what_was_done_and_never_who(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    signed: list[bytes] = []

    def sign(content: bytes) -> bytes:
        signed.append(content)
        return b"signature"

    made = erase(workspace, sign=sign)
    folder = workspace.folder / "erasures"
    content = (folder / f"{made.id}.json").read_bytes()
    assert signed == [content]
    assert (folder / f"{made.id}.json.sig").read_bytes() == b"signature"
    assert (folder / f"{made.id}.key").stat().st_mode & 0o077 == 0
    assert not NOT_LEFT.search(content)
    assert not NOT_LEFT.search((folder / f"{made.id}.txt").read_bytes())
    told = json.loads(content)
    assert len(told["landing"]) == 3
    assert all(one["sha256_before"] != one["sha256_after"] for one in told["landing"])
    assert set(told["identifiers_hmac_sha256"]) == {"silver.clientes.cpf", "silver.clientes.cliente_id"}
    with workspace.state.read() as connection:
        log = audit_chain.entries(connection, subject=f"erasure/{made.id}")
    assert [(entry.action, entry.actor) for entry in log] == [("person.erased", "ana")]


def test_samples_and_texts_of_the_project_lose_the_person(workspace: Workspace, run: Callable[[], object]) -> None:
    run()
    with workspace.state.write() as connection:
        run_id = connection.execute(sa.text("SELECT id FROM runs")).scalar_one()
        sampled = Repair("silver.clientes", "email", "trim", 2, ((" bia.quintela@example.com", "x"), ("a", "b")))
        repairs.replace_for_step(connection, run_id, "teste", [sampled])
    log = workspace.folder / "runs.log"
    log.write_text(f"falhou em {CPF}\nfim\n", encoding="utf-8")
    erase(workspace)
    with workspace.state.read() as connection:
        query = sa.select(REPAIRS.c.samples).where(REPAIRS.c.step == "teste")
        assert connection.execute(query).scalar_one() == [["a", "b"]]
    assert log.read_text(encoding="utf-8") == "falhou em [apagado]\nfim\n"
    assert places_with_the_person(workspace.project.root) == []


def test_a_source_that_sends_the_person_again_is_noticed_and_erased_again(
    workspace: Workspace, run: Callable[[], object], inbox: Path
) -> None:
    run()
    first = erase(workspace)
    (inbox / "clientes_novos.csv").write_bytes(csv_of(CLIENT_HEADER, [CLIENT_ROWS[0]]))
    run()
    back = verify_erasures(workspace)
    assert [(one.certificate, str(one.table)) for one in back] == [(first.id, "silver.clientes")]
    assert CPF not in repr(back)
    told = afluente(workspace.project.root, "product", "erase", "--verify", "--json")
    assert (told.returncode, json.loads(told.stdout)[0]["certificate"], CPF in told.stdout) == (3, first.id, False)
    again = erase_returned(workspace, by="ana")
    assert again[0].reason == "pedido do titular"
    assert verify_erasures(workspace) == ()
    assert afluente(workspace.project.root, "product", "erase", "--verify").returncode == 0
    assert afluente(workspace.project.root, "product", "erase").returncode == 2
    nobody = workspace.project.root / "ninguem.json"
    nobody.write_text('{"silver.clientes.cpf": "987.654.321-00"}', encoding="utf-8")
    looked = afluente(workspace.project.root, "product", "erase", str(nobody), "--reason", "pedido")
    assert "nobody of these identifiers was found" in looked.stderr
    assert places_with_the_person(workspace.project.root) == []


def test_an_erasure_can_be_done_again_after_everything_else_is_gone(
    workspace: Workspace, run: Callable[[], object]
) -> None:
    run()
    erase(workspace)
    again = erase(workspace)
    assert again.rows == 0
    assert again.landing == ()


def test_identifiers_of_several_people_are_refused(
    workspace: Workspace, run: Callable[[], object], inbox: Path
) -> None:
    rows = [*CLIENT_ROWS[:3], "C-0004,Outro,390.533.447-05,carlos@example.com,,1990-01-01,2026-01-01"]
    (inbox / "clientes.csv").write_bytes(csv_of(CLIENT_HEADER, rows))
    run()
    with pytest.raises(UsageError, match="2 different values of silver.clientes.cliente_id") as refused:
        erase_person(workspace, identifiers={"silver.clientes.email": "carlos@example.com"}, by="ana", reason="x")
    assert refused.value.code == "erase.several_people"


def test_an_address_that_others_share_erases_nobody_else(
    workspace: Workspace, run: Callable[[], object], inbox: Path
) -> None:
    shared = "C-0004,Filho Quintela,390.533.447-05,bia.quintela@example.com,(11) 98765-4321,2010-01-01,2026-01-01"
    (inbox / "clientes.csv").write_bytes(csv_of(CLIENT_HEADER, [*CLIENT_ROWS, shared]))
    run()
    erase(workspace)
    assert "C-0004" in {row["cliente_id"] for row in rows_of(workspace, "silver.clientes")}
    assert "C-0004" in {row["cliente_id"] for row in rows_of(workspace, "bronze.clientes")}


@pytest.mark.parametrize(
    ("identifiers", "code"),
    [
        ({}, "erase.no_identifier"),
        ({"silver.clientes.cfp": "1"}, "erase.identifier_unknown"),
        ({"silver.cliente.cpf": "1"}, "erase.identifier_unknown"),
        ({"cpf": "1"}, "erase.identifier_unknown"),
        ({"silver.clientes.cpf": " "}, "erase.identifier_empty"),
        ({"silver.clientes.cpf": "52998224724"}, "erase.identifier_unreadable"),
    ],
)
def test_an_identifier_that_cannot_be_used_is_refused_without_its_value(
    workspace: Workspace, identifiers: dict[str, str], code: str
) -> None:
    with pytest.raises(UsageError) as refused:
        erase_person(workspace, identifiers=identifiers, by="ana", reason="pedido")
    assert refused.value.code == code
    assert "52998224724" not in refused.value.message


def test_a_reason_with_the_person_in_it_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="holds an identifier"):
        erase_person(workspace, identifiers={"silver.clientes.cpf": CPF}, by="ana", reason=f"pedido de {CPF}")


def test_nothing_is_erased_while_a_run_goes(workspace: Workspace) -> None:
    running = PipelineLock(
        workspace.state,
        pipeline=workspace.project.name,
        executor_id="outro",
        clock=workspace.clock,
        on_lost=lambda: None,
    )
    with running, pytest.raises(RunError, match="already running"):
        erase(workspace)
    with workspace.state.write() as connection:
        assert run_locks.find(connection, workspace.project.name) is None
