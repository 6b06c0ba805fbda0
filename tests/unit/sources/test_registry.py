"""The registry: names without importing, one connector at a time, and checks that stay light."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from afluente.core.errors import ProjectError
from afluente.project.settings import SourceSettings
from afluente.sources.registry import check_source, connector_names, load_connector

Settings = Callable[..., SourceSettings]
HEAVY = ("pyarrow", "numpy", "httpx", "asyncpg", "duckdb", "deltalake", "pandas")


def test_the_four_connectors_are_known() -> None:
    assert {"files", "http", "postgres", "simulator"} <= set(connector_names())


def test_an_unknown_connector_names_the_nearest(settings: Settings) -> None:
    with pytest.raises(ProjectError) as raised:
        load_connector("file")
    assert (raised.value.code, raised.value.hint) == ("source.connector_unknown", "did you mean 'files'?")
    (problem,) = check_source(settings({}, connector="postgre"))
    assert (problem.code, problem.place.line) == ("source.connector_unknown", 7)


def test_checking_options_imports_nothing_heavy() -> None:
    program = f"""
import sys
from afluente.core.errors import Place
from afluente.project.settings import SourceSettings
from afluente.sources.registry import check_source, connector_names
connector_names()
loaded = [name for name in sys.modules if name.startswith("afluente.sources.") and name.count(".") > 2]
assert not loaded, loaded
for name in ("files", "http", "postgres"):
    assert check_source(SourceSettings("s", name, (), {{"nada": 1}}, Place("afluente.yaml")))
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")
