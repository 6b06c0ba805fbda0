"""Real files, read by the connector and by Python's csv module: the same rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from afluente.project.settings import SourceSettings
from afluente.sources.files.read import Files
from afluente.sources.source import SourceContext

DATA = Path(os.environ.get("AFLUENTE_DATA") or Path(__file__).parents[3].parent / "shared" / "data")
FILES = sorted(path.relative_to(DATA).as_posix() for path in DATA.glob("*/*.csv"))


@pytest.mark.skipif(not FILES, reason="no real data: set AFLUENTE_DATA to its folder")
@pytest.mark.parametrize("name", FILES)
def test_every_row_of_a_real_file_is_read(
    name: str, context: SourceContext, settings: Callable[..., SourceSettings]
) -> None:
    source = Files().open(settings({"path": str(DATA / name)}), context)
    (landed,) = source.read({})
    parsed = source.parse(landed)
    rows: list[list[str]] = []
    for batch in parsed.batches:
        assert batch.rejects == ()
        rows += map(list, zip(*(column.to_pylist() for column in batch.rows.columns[:-1]), strict=True))
    with (DATA / name).open(encoding="utf-8-sig", newline="") as stream:
        delimiter = ";" if ";" in stream.readline() else ","
        stream.seek(0)
        header, *expected = csv.reader(stream, delimiter=delimiter)
    assert parsed.schema.names[:-1] == [cell.strip() for cell in header]
    assert rows == expected
