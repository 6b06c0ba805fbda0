"""Every semantic type gives the same answers on every engine, and they are the right ones."""

from __future__ import annotations

import pytest

from afluente.conform.registry import type_of
from afluente.engines.engine import Engine
from afluente.project.contract import Column
from tests.contract.conform.vectors import answers, expected_outcome, told
from tests.unit.conform.workbench import read

TABLE = list(answers())


@pytest.mark.parametrize(
    ("case", "texts", "expected"), TABLE, ids=[f"{type_of(case)}-{i}" for i, (case, _, _) in enumerate(TABLE)]
)
def test_each_text_is_read_repaired_missed_or_refused(
    engine: Engine, case: Column, texts: list[str | None], expected: list[object]
) -> None:
    outcomes = read(engine, case, texts)
    wrong = {
        text: (told(outcome), expected_outcome(answer))
        for text, outcome, answer in zip(texts, outcomes, expected, strict=True)
        if told(outcome) != expected_outcome(answer)
    }
    assert not wrong


@pytest.mark.parametrize(
    ("case", "texts"),
    [(case, texts) for case, texts, _ in TABLE],
    ids=[f"{type_of(c)}-{i}" for i, (c, _, _) in enumerate(TABLE)],
)
def test_both_engines_explain_alike(
    duckdb_engine: Engine, spark_engine: Engine, case: Column, texts: list[str | None]
) -> None:
    assert read(duckdb_engine, case, texts) == read(spark_engine, case, texts)
