"""Projects in their grown forms, run by the command as a user runs them, and their tables compared as multisets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AFLUENTE_DATA", ROOT.parent / "shared" / "data"))
COMMAND = str(Path(sys.executable).with_name("afluente"))
IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
MOMENTS = frozenset({"_ingested_at", "_run_id", "quarantined_at", "replayed_at", "repaired_at"})
"""Columns that say when and by which run, the only ones that may differ between two runs of one project."""
LAYERS = ("bronze", "silver", "quarantine", "repairs", "gold")


def make_project(name: str, folder: Path, *, rows: int = 20_000, **settings: str) -> Path:
    """A copy of an example with other settings (`engine`, `lake`, `state`) and as many simulated rows."""
    shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("lake", ".afluente", "verdade"))
    file = folder / "afluente.yaml"
    lines = file.read_text(encoding="utf-8").replace("rows: 200000", f"rows: {rows}").splitlines()
    lines = [line for line in lines if line.split(":", 1)[0] not in settings]
    lines += [f"{key}: {value}" for key, value in settings.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def afluente(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a project's folder. What it says is checked by the caller."""
    return subprocess.run(
        [COMMAND, "-C", str(folder), *words],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def run(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> dict[str, object]:
    """`afluente run --json`, done without a failure; what it reports."""
    done = afluente(folder, "--json", "run", *words, env=env)
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    report: dict[str, object] = json.loads(done.stdout)
    return report


def tables(lake: str) -> dict[str, DeltaTable]:
    """Every table of a lake in a folder."""
    logs = sorted(Path(lake).glob("*/*/_delta_log"))
    return {f"{log.parent.parent.name}.{log.parent.name}": DeltaTable(str(log.parent)) for log in logs}


def content(table: DeltaTable) -> tuple[list[tuple[str, pa.DataType]], Counter[str]]:
    """The columns with their types, and the rows as a multiset, without what says when."""
    arrow = table.to_pyarrow_table()
    arrow = arrow.select([name for name in arrow.column_names if name not in MOMENTS])
    fields = [(field.name, field.type) for field in arrow.schema]
    return fields, Counter(repr(row) for row in zip(*(column.to_pylist() for column in arrow.columns), strict=True))


def assert_equal_lakes(ours: Mapping[str, DeltaTable], theirs: Mapping[str, DeltaTable]) -> None:
    """The same tables with the same columns, types and rows."""
    assert list(ours) == list(theirs)
    for name in ours:
        (our_fields, our_rows), (their_fields, their_rows) = content(ours[name]), content(theirs[name])
        assert our_fields == their_fields, name
        missing, extra = their_rows - our_rows, our_rows - their_rows
        assert not missing and not extra, (name, len(missing), len(extra), list(missing)[:2], list(extra)[:2])
