"""The code of docs/conform.md runs as it stands, and its table names every type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from afluente.conform.registry import type_names
from afluente.engines.engine import Engine
from tests.unit.conform.workbench import Outcome, column, read

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conform.md"


def test_the_code_of_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})  # noqa: S102 - the page's own code


def test_the_type_that_the_page_adds_reads_plates(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from afluente.conform.reading.*?)```", text, re.DOTALL)
    (points,) = re.findall(r"```toml\n\[project.entry-points.\"(afluente.types)\"\]\n(.*?)```", text, re.DOTALL)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[{}]\n{}".format(*points).replace('"', ""), encoding="utf-8")
    (tmp_path / "my_package.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert read(engine, column("v", "x.plate"), ["abc-1d23", "abc", None]) == [
        Outcome("ABC1D23", "value"),
        Outcome(None, "invalid", (), "placa inválida", "invalid plate"),
        Outcome(None, "missing"),
    ]


def test_every_type_stands_in_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(type_names()) if f"`{name}`" not in text] == []
