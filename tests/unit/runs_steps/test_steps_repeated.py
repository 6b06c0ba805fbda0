"""Steps cut off between their commits and repeated, or prepared anew: every row once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from afluente.core.errors import AfluenteError, LakeError, RunError
from afluente.core.tables import TableName
from afluente.project.load import load_project
from afluente.runs.plan import Step
from afluente.runs.steps.conform_step import ConformStep
from afluente.runs.steps.model_step import ModelStep
from afluente.runs.steps.source_step import SourceStep
from afluente.runs.steps.workspace import Workspace
from afluente.state import source_positions
from afluente.state.json_value import Json

BRONZE = TableName("bronze", "pedidos")
SILVER = TableName("silver", "pedidos")
QUARANTINE = TableName("quarantine", "pedidos")
GOLD = TableName("gold", "por_dia")
Deliver = Callable[..., None]


def bring(workspace: Workspace) -> str:
    step = SourceStep(workspace, Step("source.pedidos", "source", source="pedidos"), run_id="r")
    return step.run(step.prepare()).status


def die_before_the_position_was_saved(workspace: Workspace) -> None:
    """Leave in the state what the first commit of a source finds there: only where it will have read to."""
    with workspace.state.write() as connection:
        found = source_positions.find(connection, "pedidos")
        assert found is not None
        mark = found.position["saved"]
        assert isinstance(mark, dict)
        noted = {"saved": None, "next": {**mark, "table_id": ""}}
        source_positions.save(connection, replace(found, position=noted))


def conform(workspace: Workspace) -> ConformStep:
    return ConformStep(workspace, Step("silver.pedidos", "conform"), run_id="r")


def model(workspace: Workspace) -> ModelStep:
    return ModelStep(workspace, Step("gold.por_dia", "model"), run_id="r")


def prepared(step: ConformStep | ModelStep) -> Mapping[str, Json]:
    found = step.prepare()
    assert found is not None
    return found


def values(workspace: Workspace, table: TableName, column: str = "pedido") -> Counter[object]:
    return Counter(DeltaTable(workspace.lake.address(table)).to_pyarrow_table()[column].to_pylist())


def test_a_step_prepared_anew_after_its_quarantine_was_committed_does_not_repeat_it(
    workspace: Workspace, deliver: Deliver
) -> None:
    deliver("a", (1, 1), (2, "nunca"))
    bring(workspace)
    conform(workspace).run(prepared(conform(workspace)))
    deliver("b", (3, 2), (4, "jamais"))
    bring(workspace)
    task = prepared(conform(workspace))
    workspace.lake.optimize(SILVER)
    before = workspace.lake.snapshot(QUARANTINE).version
    conform(workspace).run(task)
    again = workspace.lake.snapshot(QUARANTINE)
    assert again.version == before + 1
    assert values(workspace, QUARANTINE) == {"2": 1, "4": 1}
    assert values(workspace, SILVER) == {1: 1, 3: 1}


def test_the_quarantine_of_a_failed_attempt_is_kept_once(workspace: Workspace, deliver: Deliver) -> None:
    """The attempt ends between both commits; the next one is prepared anew, with the same rows or with more."""
    deliver("a", (1, 1), (2, "nunca"))
    bring(workspace)
    conform(workspace).run(prepared(conform(workspace)))
    for first, extra in ((10, False), (20, True)):
        deliver(f"b{first}", (first, 2), (first + 1, "jamais"))
        bring(workspace)
        task = prepared(conform(workspace))
        log = Path(workspace.lake.address(SILVER)) / "_delta_log"
        in_the_way = log / f"{workspace.lake.snapshot(SILVER).version + 1:020}.json"
        in_the_way.mkdir()
        with pytest.raises(LakeError):
            conform(workspace).run(task)
        in_the_way.rmdir()
        if extra:
            deliver("c", (30, 3), (31, "nem"))
            bring(workspace)
        conform(workspace).run(prepared(conform(workspace)))
        assert conform(workspace).prepare() is None
    assert values(workspace, SILVER) == {1: 1, 10: 1, 20: 1, 30: 1}
    assert values(workspace, QUARANTINE) == {"2": 1, "11": 1, "21": 1, "31": 1}


def test_a_repeated_attempt_changes_nothing_more(workspace: Workspace, deliver: Deliver) -> None:
    deliver("a", (1, 1), (2, "nunca"))
    bring(workspace)
    task = prepared(conform(workspace))
    for _ in range(3):
        conform(workspace).run(task)
    assert values(workspace, SILVER) == {1: 1}
    assert values(workspace, QUARANTINE) == {"2": 1}
    gold = prepared(model(workspace))
    for _ in range(3):
        model(workspace).run(gold)
    assert values(workspace, GOLD, "pedidos") == {1: 1}


def test_a_contract_changed_since_the_step_was_prepared_is_planned_again(
    workspace: Workspace, deliver: Deliver, folder: Path
) -> None:
    deliver("a", (1, 1))
    bring(workspace)
    task = prepared(conform(workspace))
    contract = folder / "contracts" / "pedidos.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace('"1.0.0"', '"1.0.1"'), encoding="utf-8")
    with Workspace(load_project(folder, environment={}, typed_in=folder), environment={}) as changed:
        with pytest.raises(RunError) as caught:
            conform(changed).run(task)
        assert caught.value.code == "runs.plan_stale"
        assert caught.value.retryable


def test_new_rows_that_a_vacuum_took_away_are_planned_again_and_not_lost(
    workspace: Workspace, deliver: Deliver
) -> None:
    deliver("a", (1, 1))
    bring(workspace)
    conform(workspace).run(prepared(conform(workspace)))
    model(workspace).run(prepared(model(workspace)))
    deliver("b", (2, 2))
    bring(workspace)
    task = prepared(conform(workspace))
    deliver("b", (7, 1))
    bring(workspace)
    workspace.lake.vacuum(BRONZE, 0, dry_run=False)
    with pytest.raises(AfluenteError):
        conform(workspace).run(task)
    conform(workspace).run(prepared(conform(workspace)))
    assert values(workspace, SILVER) == {1: 1, 7: 1}
    model(workspace).run(prepared(model(workspace)))
    assert values(workspace, GOLD, "pedidos") == {2: 1}


def test_a_file_renamed_after_its_commit_and_before_its_position_was_saved_is_not_read_twice(
    workspace: Workspace, deliver: Deliver, folder: Path
) -> None:
    deliver("a", (1, 1))
    bring(workspace)
    die_before_the_position_was_saved(workspace)
    (folder / "dados" / "pedidos_a.csv").rename(folder / "dados" / "pedidos_b.csv")
    assert bring(workspace) == "unchanged"
    assert values(workspace, BRONZE) == {"1": 1}


def test_a_position_of_a_table_made_anew_is_not_believed(workspace: Workspace, deliver: Deliver) -> None:
    deliver("a", (1, 1))
    deliver("b", (2, 1))
    bring(workspace)
    shutil.rmtree(workspace.lake.address(BRONZE))
    assert bring(workspace) == "done"
    assert values(workspace, BRONZE) == {"1": 1, "2": 1}
    assert bring(workspace) == "unchanged"


def test_an_incremental_model_makes_only_the_touched_days_and_those_it_looks_back_to(
    workspace: Workspace, deliver: Deliver
) -> None:
    deliver("a", *((n, n) for n in range(1, 6)))
    bring(workspace)
    conform(workspace).run(prepared(conform(workspace)))
    model(workspace).run(prepared(model(workspace)))
    before = {file.partition_values["dia"]: file.path for file in workspace.lake.snapshot(GOLD).live}
    deliver("b", (9, 4))
    bring(workspace)
    conform(workspace).run(prepared(conform(workspace)))
    outcome = model(workspace).run(prepared(model(workspace)))
    after = {file.partition_values["dia"]: file.path for file in workspace.lake.snapshot(GOLD).live}
    assert outcome.details == {"mode": "replace_partitions", "partitions": 2}
    assert {day for day in after if after[day] != before[day]} == {"2026-03-03", "2026-03-04"}
    assert model(workspace).prepare() is None


def test_a_step_that_the_project_has_no_more_is_told(workspace: Workspace) -> None:
    for work, name in ((ConformStep, "silver.outra"), (ModelStep, "gold.outra")):
        with pytest.raises(RunError) as caught:
            work(workspace, Step(name, "conform"), run_id="r")
        assert caught.value.code == "runs.step_gone"
    with pytest.raises(RunError) as caught:
        SourceStep(workspace, Step("source.outra", "source", source="outra"), run_id="r")
    assert caught.value.code == "runs.step_gone"
