"""How one person is followed: by documents, by references of references, through typed sources; what partners are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.models.graph import tables_read
from afluente.products.governance.certificate import Certificate
from afluente.products.governance.erase import erase_person
from afluente.products.governance.person import read_subject
from afluente.project.load import load_project
from afluente.project.product import Output, PrivacyPolicy, Product
from afluente.runs import workflow
from afluente.runs.execute import Runs
from afluente.runs.steps.planning import plan_tables
from afluente.runs.steps.runner import ProjectRunner
from afluente.runs.steps.workspace import Workspace
from afluente.state.release_schema import LEDGER, RELEASES

SETTINGS = """name: posto
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources:
  pacientes: {{connector: files, path: "{inbox}/pacientes.parquet", format: parquet, into: bronze.pacientes}}
  visitas: {{connector: files, path: "{inbox}/visitas.jsonl", format: jsonl, into: bronze.visitas}}
  notas: {{connector: files, path: "{inbox}/notas.csv", format: csv, into: bronze.notas}}
  avisos: {{connector: files, path: "{inbox}/avisos.csv", format: csv, into: bronze.avisos}}
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: posto.{name}
version: "1.0.0"
status: active
schema:
  - name: {name}
    physicalName: silver.{name}
    customProperties: [{{property: from, value: bronze.{name}}}, {{property: write, value: {write}}}]
    properties:
{columns}
"""
PATIENTS = """      - {name: numero, logicalType: integer, physicalType: bigint, primaryKey: true, required: true}
      - {name: nome, logicalType: string, classification: direct_identifier}
      - {name: cpf, logicalType: string, classification: direct_identifier, unique: true,
         logicalTypeOptions: {format: br.cpf}}
"""
VISITS = """      - {name: visita, logicalType: string, primaryKey: true, required: true}
      - {name: numero, logicalType: integer, physicalType: bigint}
    quality:
      - {type: custom, engine: afluente, implementation: {rule: references, columns: [numero],
         table: silver.pacientes, toColumns: [numero], onInvalid: keep}}
"""
NOTES = """      - {name: nota, logicalType: string, primaryKey: true, required: true}
      - {name: visita, logicalType: string}
      - {name: texto, logicalType: string, classification: direct_identifier}
    quality:
      - {type: custom, engine: afluente, implementation: {rule: references, columns: [visita],
         table: silver.visitas, toColumns: [visita], onInvalid: keep}}
"""
QUEUE = """      - name: senha
        logicalType: string
        transformLogic: lower(visita)
        customProperties: [{property: values, value: [a2]}]
"""
NOTICES = """      - {name: aviso, logicalType: string, primaryKey: true, required: true}
      - {name: documento, logicalType: string, classification: direct_identifier, logicalTypeOptions: {format: br.cpf}}
      - {name: assunto, logicalType: string}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    inbox = tmp_path / "enviados"
    inbox.mkdir()
    people = {"numero": [7, 8], "nome": ["Ana Beltrana", "Rui Sicrano"], "cpf": ["52998224725", "11144477735"]}
    pq.write_table(pa.table(people), inbox / "pacientes.parquet")
    visits = ['{"visita": "A1", "numero": 7}', '{"visita": "A2", "numero": 8}', '{"visita": "A3", "numero": 7}']
    (inbox / "visitas.jsonl").write_text("\n".join(visits) + "\n", encoding="utf-8")
    (inbox / "notas.csv").write_text(
        "nota,visita,texto\nN1,A1,Ana disse\nN2,A2,Rui disse\nN3,A3,Ana volta\n", encoding="utf-8"
    )
    notices = "aviso,documento,assunto\nX1,529.982.247-25,vacina\nX2,111.444.777-35,exame\n"
    (inbox / "avisos.csv").write_text(notices, encoding="utf-8")
    root = tmp_path / "posto"
    (root / "contracts").mkdir(parents=True)
    (root / "afluente.yaml").write_text(SETTINGS.format(inbox=inbox), encoding="utf-8")
    for name, columns in (("pacientes", PATIENTS), ("visitas", VISITS), ("notas", NOTES), ("avisos", NOTICES)):
        text = CONTRACT.format(name=name, write="append" if name == "visitas" else "replace", columns=columns.rstrip())
        (root / "contracts" / f"{name}.odcs.yaml").write_text(text, encoding="utf-8")
    queue = CONTRACT.format(name="fila", write="replace", columns=QUEUE.rstrip()).replace(
        "bronze.fila", "silver.visitas"
    )
    (root / "contracts" / "fila.odcs.yaml").write_text(queue, encoding="utf-8")
    project = load_project(root, environment={}, typed_in=root)
    with Workspace(project, environment={}) as opened:
        run(opened)
        yield opened
    workflow.shut_down()


def run(workspace: Workspace) -> None:
    runs = Runs(
        workspace.state,
        project_root=workspace.project.root,
        pipeline=workspace.project.name,
        runner=ProjectRunner(workspace),
    )
    report = runs.execute(plan_tables(workspace.project, tables_read, ()), engine="duckdb", engine_version="")
    assert report.run.status == "done", [(step.name, step.error_message) for step in report.steps]


def erase(workspace: Workspace, **options: object) -> Certificate:
    given = {"silver.pacientes.cpf": "529.982.247-25"}
    return erase_person(workspace, identifiers=given, by="ana", reason="pedido", **options)  # type: ignore[arg-type]


def rows_of(workspace: Workspace, name: str) -> list[dict[str, object]]:
    rows = workspace.lake.snapshot(TableName.parse(name)).arrow().read_all().to_pylist()
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]


def test_rows_are_found_by_reference_by_document_and_by_what_they_refer_to(workspace: Workspace) -> None:
    erase(workspace)
    assert [row["numero"] for row in rows_of(workspace, "silver.pacientes")] == [8]
    assert [row["numero"] for row in rows_of(workspace, "bronze.pacientes")] == [8]
    assert {row["visita"]: row["numero"] for row in rows_of(workspace, "silver.visitas")}["A2"] == 8
    assert 7 not in {row["numero"] for row in rows_of(workspace, "silver.visitas")}
    notes = {row["nota"]: row["texto"] for row in rows_of(workspace, "silver.notas")}
    assert notes == {"N1": None, "N2": "Rui disse", "N3": None}
    notices = {row["aviso"]: (row["documento"], row["assunto"]) for row in rows_of(workspace, "silver.avisos")}
    assert notices == {"X1": (None, "vacina"), "X2": ("11144477735", "exame")}


def test_rejected_rows_of_a_table_made_from_silver_go_by_columns_that_it_has_not(workspace: Workspace) -> None:
    assert {row["numero"] for row in rows_of(workspace, "quarantine.fila")} == {"7"}
    erase(workspace)
    assert rows_of(workspace, "quarantine.fila") == []


def test_landed_parquet_and_json_lines_lose_their_records_too(workspace: Workspace) -> None:
    made = erase(workspace)
    assert {one.source: one.records for one in made.landing} == {"pacientes": 1, "visitas": 2, "notas": 2, "avisos": 1}
    landed = workspace.lake.landing.files("pacientes")
    assert len(landed) == 1
    with workspace.lake.landing.open(landed[0]) as stream:
        assert pq.read_table(pa.BufferReader(stream.read())).column("numero").to_pylist() == [8]


def test_the_operator_may_have_facts_deleted(workspace: Workspace) -> None:
    erase(workspace, policies={TableName("silver", "visitas"): "delete"})
    assert [row["visita"] for row in rows_of(workspace, "silver.visitas")] == ["A2"]
    assert [row["visita"] for row in rows_of(workspace, "bronze.visitas")] == ["A2"]


def test_a_run_afterwards_agrees_with_what_was_erased(workspace: Workspace) -> None:
    erase(workspace)
    run(workspace)
    assert [row["numero"] for row in rows_of(workspace, "silver.pacientes")] == [8]
    assert len(rows_of(workspace, "silver.visitas")) == 3


def test_partners_that_received_rows_are_named_and_those_of_cells_are_not(workspace: Workspace) -> None:
    place = Place("products/x.yaml")
    rows = Output(name="linhas", facts=TableName("silver", "visitas"), contract="release.linhas", place=place)
    product = Product(
        name="visitas",
        title="Visitas",
        version="1.0.0",
        partner="clinica",
        owner="dados",
        purpose="x",
        legal_basis="contract",
        outputs=(rows,),
        privacy=PrivacyPolicy(place),
        place=place,
        text_sha256="",
    )
    workspace.project = replace(workspace.project, products=(product,))
    now = workspace.clock.now()
    with workspace.state.write() as connection:
        connection.execute(
            sa.insert(RELEASES).values(
                id="r1",
                product="visitas",
                partner="clinica",
                number=4,
                status="released",
                created_at=now,
                product_version="1.0.0",
                product_sha256="",
                contract_versions={},
                inputs={},
                period={},
                folder="releases/visitas/000004",
                utility={},
                reasons=[],
            )
        )
        for output in ("linhas", "celulas"):
            row = {"partner": "clinica", "product": "visitas", "release_id": "r1", "output": output}
            connection.execute(sa.insert(LEDGER).values(**row, path="", sha256="", cells=1, at=now))
    made = erase(workspace)
    assert [(one.partner, one.product, one.number, one.output) for one in made.to_inform] == [
        ("clinica", "visitas", 4, "linhas")
    ]
    assert "clinica: visitas #4 (linhas)" in made.to_text("pt")


def test_identifiers_come_from_a_file(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "pessoa.json"
    path.write_text('{"silver.pacientes.numero": "7"}', encoding="utf-8")
    assert read_subject(path) == {"silver.pacientes.numero": "7"}
    made = erase_person(workspace, identifiers=path, by="ana", reason="pedido", is_dry_run=True)
    assert {str(one.table): one.rows for one in made.tables}["silver.pacientes"] == 1
    assert "nada foi" in made.to_text("pt")
