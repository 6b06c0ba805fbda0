"""Silver over a list of the fleet: whole lists and deltas in any order of sites make what stands at each site."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from tests.fleet_world.fleet_river import CATALOGUE, River, SENDINGS, SITES, State, TABLE, write_project
from tests.spark_server import sail_server
from tests.unit.fleet.loading.fleet_loading_world import COLUMNS

from afluente.cli.fingerprint import fingerprint
from afluente.cli.table_owner import owner_and_maker
from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.fleet.bronze_rows import bronze_schema
from afluente.lake.lake import Lake
from afluente.project.load import check_project, load_project
from afluente.project.settings import EngineSettings
from afluente.runs.plan import Step
from afluente.runs.steps.conform_step import ConformStep
from afluente.runs.steps.workspace import Workspace

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: rede.pessoas
version: "1.0.0"
status: active
schema:
  - name: pessoas
    physicalName: silver.pessoas
    customProperties:
      - {property: from, value: bronze.pessoas}
      - {property: take, value: present}
    properties:
      - {name: municipio, logicalType: string, required: true, customProperties: [{property: from, value: site}]}
      - {name: cns, logicalType: string, required: true}
      - {name: peso, logicalType: integer}
"""


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with ExitStack() as opened:
        kept = EngineSettings(threads=1)
        if request.param == "spark":
            kept = EngineSettings(kind="spark", url=opened.enter_context(sail_server()))
        made = open_engine(kept, timezone="UTC", temp_folder=tmp_path_factory.mktemp("engine"))
        opened.callback(made.close)
        yield made


@settings(max_examples=15, deadline=None)
@given(SENDINGS)
def test_what_is_present_is_the_last_state_of_each_site(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    sendings: list[tuple[str, str, State, set[str]]],
) -> None:
    river = River(Lake(str(tmp_path_factory.mktemp("lake")), project_name="t"))
    river.whole("a", {"1": "0"})
    river.play(sendings)
    bronze = Path(river.lake.address(TABLE))
    before = {path.name for path in bronze.glob("*.parquet")}
    assert river.present(engine) == river.expected()
    assert {path.name for path in bronze.glob("*.parquet")} == before


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path, CONTRACT)
    return tmp_path


def silver(workspace: Workspace) -> list[tuple[object, ...]]:
    rows = DeltaTable(workspace.lake.address(TableName("silver", "pessoas"))).to_pyarrow_table().to_pylist()
    return sorted((row["municipio"], row["cns"], row["peso"]) for row in rows)


def test_a_contract_makes_silver_of_what_is_present_run_after_run(project: Path) -> None:
    chance = random.Random(5)
    with Workspace(load_project(project, environment={}, typed_in=project), environment={}) as workspace:
        river = River(workspace.lake)
        for day in range(6):
            for site in chance.sample(SITES, 2):
                rows = {str(key): str(chance.randrange(50)) for key in chance.sample(range(20), 6)}
                if chance.random() < 0.4:
                    river.whole(site, rows)
                else:
                    river.delta(site, rows, {str(key) for key in chance.sample(range(20), 6)})
            if day == 3:
                river.whole("b", {})
            river.keep()
            step = ConformStep(workspace, Step("silver.pessoas", "conform"), run_id="r")
            prepared = step.prepare()
            assert prepared is not None
            assert step.run(prepared).status == "done"
            assert silver(workspace) == [(site, key, int(value or 0)) for site, key, value in river.expected()]
            assert step.prepare() is None


def test_the_lists_of_the_catalogue_are_tables_of_the_project(project: Path) -> None:
    read = load_project(project, environment={}, typed_in=project)
    fleet = read.fleet
    assert fleet is not None
    assert [str(one.table) for one in fleet.lists] == ["bronze.pessoas", "bronze.outras"]
    assert list(fleet.lists[0].table_columns) == bronze_schema(COLUMNS).names
    assert owner_and_maker(read, TABLE) == ("", "the fleet's hub")


def test_a_catalogue_that_changes_makes_the_project_another(project: Path) -> None:
    before = fingerprint(project, environment={}, typed_in=project)
    catalogue = project / "catalogo" / "catalogo.yaml"
    catalogue.write_text(CATALOGUE.replace("outras", "novas"), encoding="utf-8")
    assert fingerprint(project, environment={}, typed_in=project) != before


def test_a_list_that_nobody_sent_yet_is_told_as_such(project: Path) -> None:
    with Workspace(load_project(project, environment={}, typed_in=project), environment={}) as workspace:
        with pytest.raises(LakeError) as caught:
            ConformStep(workspace, Step("silver.pessoas", "conform"), run_id="r").prepare()
    assert (caught.value.code, "hub" in caught.value.hint) == ("lake.input_missing", True)


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "told"),
    [
        ("contracts/pessoas.odcs.yaml", "bronze.pessoas", "bronze.pesoas", "project.unknown_table", "bronze.pesoas"),
        ("contracts/pessoas.odcs.yaml", "value: site", "value: sitio", "project.unknown_column", "sitio"),
        ("contracts/pessoas.odcs.yaml", "name: peso", "name: pezo", "project.unknown_column", "pezo"),
        (
            "contracts/pessoas.odcs.yaml",
            "      - {property: take",
            "      - {property: write, value: upsert}\n      - {property: take",
            "contract.write",
            "those that are gone",
        ),
        ("catalogo/catalogo.yaml", "columns: &colunas", "colunas: &colunas", "project.missing_key", "pessoas"),
        ("catalogo/catalogo.yaml", "name: pessoas", "name: Pessoas", "project.name", "name"),
        ("afluente.yaml", "catalogue: catalogo", "catalogue: ../x", "project.wrong_value", "../x"),
        ("afluente.yaml", "catalogue: catalogo", "catalogue: lugar", "project.unreadable", "cannot be read"),
        (
            "afluente.yaml",
            "fleet:",
            'sources:\n  s: {connector: files, path: "*.csv", format: csv, into: bronze.pessoas}\nfleet:',
            "project.repeated",
            "the fleet's hub makes",
        ),
    ],
)
def test_what_does_not_fit_the_catalogue_is_told(
    project: Path, file: str, old: str, new: str, code: str, told: str
) -> None:
    path = project / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    problems = check_project(project, environment={}, typed_in=project)
    assert any(one.code == code and told in one.message for one in problems), problems


def test_only_a_list_of_the_fleet_tells_what_is_present(project: Path) -> None:
    settings = (project / "afluente.yaml").read_text(encoding="utf-8")
    source = 'sources:\n  s: {connector: files, path: "*.csv", format: csv, into: bronze.outra}\nfleet:'
    (project / "afluente.yaml").write_text(settings.replace("fleet:", source), encoding="utf-8")
    contract = (project / "contracts/pessoas.odcs.yaml").read_text(encoding="utf-8")
    (project / "contracts/pessoas.odcs.yaml").write_text(
        contract.replace("bronze.pessoas", "bronze.outra"), encoding="utf-8"
    )
    found = check_project(project, environment={}, typed_in=project)
    assert [one.code for one in found] == ["contract.take"]
