"""A workbench for the gate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gate_workbench import Workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    made = Workbench(tmp_path_factory.mktemp("gate"))
    yield made
    made.workspace.close()
