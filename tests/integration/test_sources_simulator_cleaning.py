"""The contracts of `examples/ouchhungry` clean the simulated company as its truth says, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from afluente.conform.compile import compile_contract
from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.conform.execute import BronzeFile, Folders, conform_files
from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.project.load import load_project
from afluente.sources.simulator.company import Simulation
from afluente.sources.simulator.dirt import TABLES, Shares, TableKey
from afluente.sources.simulator.generate import simulate
from afluente.sources.simulator.score import Score, score
from afluente.sources.simulator.sheet import SimulatedFile

EXAMPLE = Path(__file__).parents[2] / "examples" / "ouchhungry"
DOUBLE_ENCODED_CITIES = ("clientes.municipio.utf8_dobrado", "transacoes.municipio.utf8_dobrado")


@dataclass
class Cleaning:
    """Cleans tables one after another on one engine; silver tables stay registered for the references of the next."""

    engine: Engine
    folder: Path

    def clean(self, table: TableKey, files: list[SimulatedFile]) -> Score:
        project = load_project(EXAMPLE, environment={}, typed_in=EXAMPLE)
        contract = next(one for one in project.contracts if one.table.name == table)
        bronze = [self._bronze(file) for file in files]
        schema = pyarrow.parquet.read_schema(bronze[0].path)
        compiled = compile_contract(
            contract, schema, DuckDbDialect(), timezone=project.timezone, translate=lambda text, *_: text
        )
        roots = {layer: self.folder / layer / table for layer in ("silver", "quarantine", "repairs")}
        folders = Folders(str(roots["silver"]), str(roots["quarantine"]), str(roots["repairs"]))
        done = conform_files(
            self.engine, compiled, bronze, schema, folders, run_id="r", moment="2026-07-01T00:00:00+00:00"
        )
        silver_paths = [str(roots["silver"] / file.path) for file in done.silver]
        self.engine.register(contract.table.view, silver_paths, done.schema)
        rejected = [
            pyarrow.parquet.ParquetFile(roots["quarantine"] / file.path).read(["_source", "_source_row"])
            for file in done.quarantine
        ]
        silver = [pyarrow.parquet.ParquetFile(path).read() for path in silver_paths]
        nothing = pa.table({"_source": pa.array([], pa.string()), "_source_row": pa.array([], pa.int64())})
        return score(
            table,
            silver=pa.concat_tables(silver),
            quarantine=pa.concat_tables(rejected) if rejected else nothing,
            truth=pa.concat_tables(file.truth for file in files),
        )

    def _bronze(self, file: SimulatedFile) -> BronzeFile:
        count = file.rows.num_rows
        path = self.folder / f"{file.name}.parquet"
        rows = (
            file.rows.append_column("_source", pa.repeat(file.name, count))
            .append_column("_source_row", file.truth["_source_row"])
            .append_column("_ingested_at", pa.repeat(pa.scalar(0, pa.timestamp("us", "UTC")), count))
            .append_column("_run_id", pa.repeat("r", count))
        )
        pyarrow.parquet.write_table(rows, path)
        return BronzeFile(str(path), count)


@pytest.fixture
def cleaning(tmp_path: Path) -> Iterator[Cleaning]:
    project = load_project(EXAMPLE, environment={}, typed_in=EXAMPLE)
    engine = open_engine(project.engine, timezone=project.timezone, temp_folder=tmp_path / "temp")
    yield Cleaning(engine, tmp_path)
    engine.close()


def assert_perfect(scored: Score) -> None:
    wrong = [(kind.column, kind.kind, kind.right, kind.cells) for kind in scored.kinds if kind.right != kind.cells]
    assert wrong == []
    assert (scored.precision, scored.recall, scored.repair_share) == (1, 1, 1)
    assert (scored.lost, scored.surplus, scored.clean_cells - scored.clean_cells_right) == (0, 0, 0)


def test_every_kind_of_dirt_meets_the_fate_it_should(cleaning: Cleaning) -> None:
    company = Simulation(seed=11, rows=40_000, months=2, shares=Shares(dict.fromkeys(DOUBLE_ENCODED_CITIES, 0)))
    for table in TABLES:
        assert_perfect(cleaning.clean(table, list(simulate(table, company))))


def test_a_city_encoded_twice_is_found_all_the_same(cleaning: Cleaning) -> None:
    company = Simulation(seed=11, rows=20_000, shares=Shares({DOUBLE_ENCODED_CITIES[0]: 0.5}, scale=0))
    assert_perfect(cleaning.clean("clientes", list(simulate("clientes", company))))


def test_clean_files_pass_untouched(cleaning: Cleaning) -> None:
    company = Simulation(seed=5, rows=5_000, months=1, shares=Shares({}, scale=0))
    for table in TABLES:
        scored = cleaning.clean(table, list(simulate(table, company)))
        assert_perfect(scored)
        assert scored.rejects_made == 0
