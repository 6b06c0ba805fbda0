"""Write docs/sql-functions.md from the table of allowed functions."""

from __future__ import annotations

from pathlib import Path

from afluente.models.allowed import markdown

if __name__ == "__main__":
    (Path(__file__).resolve().parent.parent / "docs" / "sql-functions.md").write_text(markdown(), encoding="utf-8")
