"""A workbench for outputs of rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rows_workbench import RowsBench


@pytest.fixture(scope="module")
def rows_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RowsBench]:
    made = RowsBench(tmp_path_factory.mktemp("rows"))
    yield made
    made.workspace.close()
