"""The list that docs/fleet.md shows is one the hub signs, and its table names every key."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from afluente.fleet.catalogue_files import read_catalogue_files
from afluente_agent.catalogue import ListQuery

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "fleet.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## A list of one's own")[2].partition("\n## ")[0]


def test_the_list_of_the_page_is_signed_as_it_stands(tmp_path: Path) -> None:
    (written,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    (sql,) = re.findall(r"```sql\n(.*?)```", SECTION, re.DOTALL)
    (tmp_path / "catalogo.yaml").write_text(written, encoding="utf-8")
    (tmp_path / "gestantes.sql").write_text(sql, encoding="utf-8")
    assert "gestantes" in str(read_catalogue_files(tmp_path))


def test_every_key_of_a_list_stands_in_the_table() -> None:
    told = {
        name for row in re.findall(r"^\| (`[^|]*) \|", SECTION, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert told == {one.name for one in fields(ListQuery)}
