"""docs/sources.md: its examples are right, and its tables name every option of each connector and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from afluente.project.load import load_project
from afluente.project.settings import SourceSettings
from afluente.sources.registry import check_source
from tests.source_world import settings as settings  # noqa: PLC0414 - a fixture

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (files|postgres|http|simulator)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def known(connector: str, place: SourceSettings) -> set[str]:
    """The options that the connector lists when it is asked for one that does not exist."""
    wrong = SourceSettings(place.name, connector, (), {"zzzzzzzzzz": 1}, place.place)
    hints = [problem.hint for problem in check_source(wrong) if problem.code == "source.option_unknown"]
    return set(hints[0].removeprefix("known: ").split(", "))


@pytest.mark.parametrize("connector", SECTIONS)
def test_every_option_of_a_connector_stands_in_its_table(connector: str, settings: object) -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", SECTIONS[connector], re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == known(connector, settings({}))  # type: ignore[operator]


@pytest.mark.parametrize("connector", SECTIONS)
def test_the_examples_pass_the_check(connector: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[connector], re.DOTALL)
    (tmp_path / "afluente.yaml").write_text(f"name: x\ntimezone: America/Sao_Paulo\n{example}", encoding="utf-8")
    project = load_project(tmp_path, environment={}, typed_in=tmp_path)
    (source,) = project.sources
    assert source.connector == connector
    assert check_source(source) == []
    assert YAML(typ="safe").load(example)["sources"]
