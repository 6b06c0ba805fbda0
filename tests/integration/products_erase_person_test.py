"""One person erased from a whole project, which is then searched byte by byte; and everybody else still there."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from afluente.core.errors import RunError, UsageError
from afluente.core.tables import TableName
from afluente.products.governance.certificate import Certificate
from afluente.products.governance.erase import erase_person, erase_returned, verify_erasures
from afluente.project.load import load_project
from afluente.runs import workflow
from afluente.runs.execute import Runs
from afluente.runs.lock import PipelineLock
from afluente.runs.steps.planning import plan_tables
from afluente.runs.steps.runner import ProjectRunner
from afluente.runs.steps.workspace import Workspace
from afluente.models.graph import tables_read
from afluente.state import audit_chain, repairs, run_locks
from afluente.state.repairs import Repair
from afluente.state.schema import REPAIRS
from tests.e2e.cli_project import afluente

CPF = "52998224725"
SETTINGS = """name: loja
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources:
  clientes: {{connector: files, path: "{inbox}/clientes*", format: csv, into: bronze.clientes}}
  vendas: {{connector: files, path: "{inbox}/vendas*", format: csv, into: bronze.vendas}}
"""
CLIENTS = """apiVersion: v3.1.0
kind: DataContract
id: loja.clientes
version: "1.0.0"
status: active
schema:
  - name: clientes
    physicalName: silver.clientes
    customProperties:
      - {property: from, value: bronze.clientes}
      - {property: write, value: replace}
      - {property: repairs, value: log}
      - {property: deduplicate, value: {keys: [cliente_id], keep: latest, by: atualizado_em}}
    properties:
      - {name: cliente_id, logicalType: string, primaryKey: true, required: true, classification: quasi_identifier}
      - {name: nome, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: text},
         customProperties: [{property: repairEncoding, value: true}]}
      - {name: cpf, logicalType: string, required: true, unique: true, classification: direct_identifier,
         logicalTypeOptions: {format: br.cpf}}
      - {name: email, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: email},
         customProperties: [{property: onInvalid, value: set_null}]}
      - {name: telefone, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: br.phone},
         customProperties: [{property: onInvalid, value: set_null}]}
      - {name: nascimento, logicalType: date, classification: quasi_identifier,
         customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
      - {name: atualizado_em, logicalType: date, required: true,
         customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
"""
SALES = """apiVersion: v3.1.0
kind: DataContract
id: loja.vendas
version: "1.0.0"
status: active
schema:
  - name: vendas
    physicalName: silver.vendas
    customProperties:
      - {property: from, value: bronze.vendas}
      - {property: write, value: replace}
    properties:
      - {name: venda_id, logicalType: string, primaryKey: true, required: true}
      - {name: cliente_id, logicalType: string, required: true, classification: quasi_identifier}
      - {name: contato, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: text}}
      - {name: dia, logicalType: date, required: true, customProperties: [{property: formats, value: ["yyyy-MM-dd"]}]}
      - {name: valor, logicalType: integer, physicalType: bigint, required: true}
    quality:
      - {type: custom, engine: afluente, implementation: {rule: references, columns: [cliente_id],
         table: silver.clientes, toColumns: [cliente_id], onInvalid: keep}}
"""
FACTS = """/* ---
description: Vendas com quem comprou
owner: loja
columns:
  - {name: dia, type: date}
  - {name: cliente_id, type: string, classification: quasi_identifier}
  - {name: nome, type: string, classification: direct_identifier}
  - {name: valor, type: bigint}
--- */
SELECT v.dia, v.cliente_id, c.nome, v.valor FROM silver.vendas AS v
LEFT JOIN silver.clientes AS c ON c.cliente_id = v.cliente_id
"""
TOTALS = """/* ---
description: Totais
owner: loja
columns:
  - {name: dia, type: date}
  - {name: clientes, type: bigint}
  - {name: valor, type: bigint}
--- */
SELECT dia, count(DISTINCT cliente_id) AS clientes, CAST(sum(valor) AS BIGINT) AS valor FROM gold.fato GROUP BY dia
"""
CLIENT_HEADER = "cliente_id,nome,cpf,email,telefone,nascimento,atualizado_em"
CLIENT_ROWS = [
    "C-0001,Beatriz Quintela \u00c3\u2030vora,529.982.247-25,bia.quintela@example.com,(11) 98765-4321,1990-05-17,2026-01-01",
    "C-0002,Carlos Prado,111.444.777-35,carlos@example.com,(21) 99876-5432,1985-02-03,2026-01-01",
    "C-0003,Dora Lima,123.456.789-09,dora@example.com,(31) 99654-3210,1979-09-30,2026-01-01",
    "C-0001,Beatriz Quintela,52998224725,bia.quintela@example.com,11987654321,não sei,2026-01-02",
    '"C-0009,Beatriz Quintela;529.982.247-25;sem aspas no fim',
]
OLDER_ROWS = ["C-0001,BEATRIZ QUINTELA,529 982 247 25,BIA.QUINTELA@EXAMPLE.COM,+55 11 98765 4321,1990-05-17,2025-12-01"]
SALE_HEADER = "venda_id,cliente_id,contato,dia,valor"
SALE_ROWS = [
    "V1,C-0001,Beatriz Quintela,2026-01-05,10",
    "V2,C-0002,Carlos Prado,2026-01-05,20",
    "V3,C-0001,Beatriz Quintela,2026-01-06,30",
    "V4,C-0003,Dora Lima,2026-01-06,40",
    "V5,C-0001,Beatriz Quintela,sem dia,50",
]
NOT_LEFT = re.compile(rb"quintela|529\D{0,2}982\D{0,2}247\D{0,2}25|98765\D{0,2}4321|C-0001", re.IGNORECASE)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "enviados"
    folder.mkdir()
    (folder / "clientes_antigos.csv.gz").write_bytes(gzip.compress(_csv(CLIENT_HEADER, OLDER_ROWS)))
    (folder / "clientes.csv").write_bytes(_csv(CLIENT_HEADER, CLIENT_ROWS))
    (folder / "vendas.csv").write_bytes(_csv(SALE_HEADER, SALE_ROWS))
    return folder


def _csv(header: str, rows: list[str]) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


@pytest.fixture
def workspace(tmp_path: Path, inbox: Path) -> Iterator[Workspace]:
    root = tmp_path / "loja"
    for part in ("contracts", "models"):
        (root / part).mkdir(parents=True)
    (root / "afluente.yaml").write_text(SETTINGS.format(inbox=inbox), encoding="utf-8")
    (root / "contracts" / "clientes.odcs.yaml").write_text(CLIENTS, encoding="utf-8")
    (root / "contracts" / "vendas.odcs.yaml").write_text(SALES, encoding="utf-8")
    (root / "models" / "fato.sql").write_text(FACTS, encoding="utf-8")
    (root / "models" / "totais.sql").write_text(TOTALS, encoding="utf-8")
    project = load_project(root, environment={}, typed_in=root)
    with Workspace(project, environment={}) as opened:
        yield opened
    workflow.shut_down()


@pytest.fixture
def run(workspace: Workspace) -> Callable[[], dict[str, str]]:
    """Runs the whole project; the status of each step."""

    def carry_out() -> dict[str, str]:
        runs = Runs(
            workspace.state,
            project_root=workspace.project.root,
            pipeline=workspace.project.name,
            runner=ProjectRunner(workspace),
        )
        report = runs.execute(plan_tables(workspace.project, tables_read, ()), engine="duckdb", engine_version="")
        assert report.run.status == "done", [(step.name, step.error_message) for step in report.steps]
        return {step.name: step.status for step in report.steps}

    return carry_out


def rows_of(workspace: Workspace, table: str) -> list[dict[str, object]]:
    return workspace.lake.snapshot(TableName.parse(table)).arrow().read_all().to_pylist()


def erase(workspace: Workspace, **options: object) -> Certificate:
    given = {"silver.clientes.cpf": "529.982.247-25"}
    return erase_person(workspace, identifiers=given, by="ana", reason="pedido do titular", **options)  # type: ignore[arg-type]


def places_with_the_person(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}: {found.group()!r}"
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for content in readable(path.read_bytes())
        if (found := NOT_LEFT.search(content))
    ]


def readable(content: bytes) -> Iterator[bytes]:
    """The bytes, what they unpack to, and every value of a Parquet file."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for name in packed.namelist():
                yield from readable(packed.read(name))
    if content[:4] == b"PAR1":
        yield json.dumps(pq.read_table(pa.BufferReader(content)).to_pylist(), default=str, ensure_ascii=False).encode()


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
        assert stream.read() == _csv(CLIENT_HEADER, CLIENT_ROWS[1:3])


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
    (inbox / "clientes_novos.csv").write_bytes(_csv(CLIENT_HEADER, [CLIENT_ROWS[0]]))
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
    (inbox / "clientes.csv").write_bytes(_csv(CLIENT_HEADER, rows))
    run()
    with pytest.raises(UsageError, match="2 different values of silver.clientes.cliente_id") as refused:
        erase_person(workspace, identifiers={"silver.clientes.email": "carlos@example.com"}, by="ana", reason="x")
    assert refused.value.code == "erase.several_people"


def test_an_address_that_others_share_erases_nobody_else(
    workspace: Workspace, run: Callable[[], object], inbox: Path
) -> None:
    shared = "C-0004,Filho Quintela,390.533.447-05,bia.quintela@example.com,(11) 98765-4321,2010-01-01,2026-01-01"
    (inbox / "clientes.csv").write_bytes(_csv(CLIENT_HEADER, [*CLIENT_ROWS, shared]))
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
