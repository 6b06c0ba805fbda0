"""Conforming against a plain-Python model of it: every row counted once, the same rows whatever the chunks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.engines.engine import Engine
from afluente.project.contract import Bounds, Deduplicate
from tests.unit.conform.workbench import Tables, bronze, column, conform, contract

Keep = Literal["latest", "first", "most_complete"]
KEYS = st.sampled_from(["1", " 1 ", "2", "3", "x", "", None])
AMOUNTS = st.sampled_from(["1", "2", "9", "99", "y", "", None])
STATES = st.sampled_from(["SP", "sp", "RJ", "??", None])
FILES = st.lists(st.lists(st.tuples(KEYS, AMOUNTS, STATES), min_size=0, max_size=6), min_size=1, max_size=4)


@dataclass(frozen=True)
class Row:
    source: str
    number: int
    key: int | None
    amount: int | None
    state: str | None

    @property
    def content(self) -> tuple[int | None, int | None, str | None]:
        return self.key, self.amount, self.state


@dataclass(frozen=True)
class Modelled:
    silver: list[tuple[int | None, int | None, str | None]]
    quarantined: set[tuple[str, int]]
    dropped: int
    duplicates: int
    conflicts: int


def model(files: list[list[tuple[str | None, str | None, str | None]]], keep: Keep | None) -> Modelled:
    """id: required integer; amount: integer up to 50, its dirt drops the row; uf: a state, emptied when unknown."""
    rows, quarantined, dropped = [], set(), 0
    for index, content in enumerate(files):
        for number, (key, amount, state) in enumerate(content, 1):
            origin = (f"f{index}", number)
            if amount in ("99", "y"):
                dropped += 1
            elif key in ("x", "", None):
                quarantined.add(origin)
            else:
                known = {"SP": "SP", "sp": "SP", "RJ": "RJ"}.get(state or "")
                rows.append(Row(*origin, int(key.strip()), int(amount) if amount else None, known))
    kept: list[Row] = []
    conflicts = 0
    if keep is None:
        kept = rows
    for key in sorted({row.key for row in rows}, key=str) if keep else ():
        same = [row for row in rows if row.key == key]
        recent = sorted(same, key=lambda r: (r.amount is not None, r.amount or 0, r.source, r.number), reverse=True)
        oldest = sorted(same, key=lambda r: (r.amount is None, r.amount or 0, r.source, r.number))
        fullest = sorted(recent, key=lambda r: -sum(v is not None for v in r.content))
        best = {"latest": recent, "first": oldest, "most_complete": fullest}[keep or "latest"][0]
        kept.append(best)
        conflicts += sum(row.content != best.content for row in same)
    return Modelled(sorted((r.content for r in kept), key=str), quarantined, dropped, len(rows) - len(kept), conflicts)


def run(
    engine: Engine,
    files: list[list[tuple[str | None, str | None, str | None]]],
    keep: Keep | None,
    chunk_rows: int,
) -> Tables:
    asked = contract(
        column("id", None, "integer", required=True),
        column("n", None, "integer", on_invalid="drop", bounds=Bounds(maximum=50)),
        column("uf", "br.uf", on_invalid="set_null"),
        deduplicate=Deduplicate(("id",), keep, "n") if keep else None,
        repairs="log",
    )
    tables = [
        bronze(f"f{i}", id=[r[0] for r in rows], n=[r[1] for r in rows], uf=[r[2] for r in rows])
        for i, rows in enumerate(files)
    ]
    with tempfile.TemporaryDirectory() as folder:
        return conform(engine, asked, tables, Path(folder), chunk_rows=chunk_rows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, st.sampled_from(["latest", "first", "most_complete", None]), st.sampled_from([1, 3, 7, 1000]))
def test_conforming_does_what_its_model_does_whatever_the_chunks(
    engine: Engine, files: list[list[tuple[str | None, str | None, str | None]]], keep: Keep | None, chunk_rows: int
) -> None:
    done, told = run(engine, files, keep, chunk_rows), model(files, keep)
    report = done.conformed.report
    assert sorted(((r["id"], r["n"], r["uf"]) for r in done.silver), key=str) == told.silver
    assert {(r["_source"], r["_source_row"]) for r in done.quarantine} == told.quarantined
    assert len(done.quarantine) == len(told.quarantined) == report.quarantined
    assert report.dropped == told.dropped
    assert (report.duplicates.rows, report.duplicates.conflicting) == (told.duplicates, told.conflicts)
    assert report.accepted == len(done.silver)
    assert report.rows_in == report.accepted + report.quarantined + report.dropped + report.duplicates.rows


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES)
def test_quarantine_ids_are_unique_and_the_same_in_every_run(
    engine: Engine, files: list[list[tuple[str | None, str | None, str | None]]]
) -> None:
    first, second = run(engine, files, None, 1), run(engine, files, None, 1000)
    ids = {(r["_source"], r["_source_row"]): r["_quarantine_id"] for r in first.quarantine}
    assert ids == {(r["_source"], r["_source_row"]): r["_quarantine_id"] for r in second.quarantine}
    assert len(set(ids.values())) == len(ids)
