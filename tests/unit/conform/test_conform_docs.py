"""The code of docs/conform.md runs as it stands, and its table names every type."""

from __future__ import annotations

import re
from pathlib import Path

from afluente.conform.registry import type_names

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conform.md"


def test_the_code_of_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})  # noqa: S102 - the page's own code


def test_every_type_stands_in_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(type_names()) if f"`{name}`" not in text] == []
