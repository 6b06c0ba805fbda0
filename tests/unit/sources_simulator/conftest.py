"""A simulated company small enough for every test, made once."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pytest

from afluente.sources.simulator.company import Simulation
from afluente.sources.simulator.dirt import TABLES, TableKey
from afluente.sources.simulator.generate import simulate
from afluente.sources.simulator.sheet import SimulatedFile

SMALL = Simulation(seed=7, rows=6_000, months=3)


@pytest.fixture(scope="session")
def company() -> Mapping[TableKey, list[SimulatedFile]]:
    return {table: list(simulate(table, SMALL)) for table in TABLES}


@pytest.fixture(scope="session")
def truths(company: Mapping[TableKey, list[SimulatedFile]]) -> Mapping[TableKey, pa.Table]:
    return {table: pa.concat_tables(file.truth for file in files) for table, files in company.items()}


@pytest.fixture(scope="session")
def rows(company: Mapping[TableKey, list[SimulatedFile]]) -> Mapping[TableKey, pa.Table]:
    return {table: pa.concat_tables(file.rows for file in files) for table, files in company.items()}
