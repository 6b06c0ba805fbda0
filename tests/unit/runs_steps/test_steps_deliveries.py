"""What counts as one delivery, and the moment it says it came, whatever the machine's clock and crashes do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from afluente.core.clock import SetClock
from afluente.core.errors import AfluenteError
from afluente.core.tables import TableName
from afluente.project.load import load_project
from afluente.runs.plan import Step
from afluente.runs.steps import source_step
from afluente.runs.steps.conform_step import ConformStep
from afluente.runs.steps.source_step import SourceStep
from afluente.runs.steps.workspace import Workspace

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BRONZE = TableName("bronze", "pedidos")
SILVER = TableName("silver", "pedidos")
Deliver = Callable[..., None]


@pytest.fixture
def replaces_partitions(folder: Path) -> Path:
    path = folder / "contracts" / "pedidos.odcs.yaml"
    text = path.read_text(encoding="utf-8").replace("value: append", "value: replace_partitions")
    path.write_text(text.replace("{name: dia,", "{name: dia, partitioned: true,"), encoding="utf-8")
    return folder


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


def opened(folder: Path, clock: SetClock) -> Workspace:
    return Workspace(load_project(folder, environment={}, typed_in=folder), environment={}, clock=clock)


def bring(workspace: Workspace) -> None:
    step = SourceStep(workspace, Step("source.pedidos", "source", source="pedidos"), run_id="r")
    step.run(step.prepare())


def refine(workspace: Workspace) -> None:
    step = ConformStep(workspace, Step("silver.pedidos", "conform"), run_id="r")
    step.run(step.prepare())


def rows(workspace: Workspace, table: TableName) -> list[dict[str, object]]:
    return DeltaTable(workspace.lake.address(table)).to_pyarrow_table().to_pylist()


def orders(workspace: Workspace) -> Counter[object]:
    return Counter(row["pedido"] for row in rows(workspace, SILVER))


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=5 * 365)], ids=["hours", "years"])
@pytest.mark.parametrize("is_refined_between", [False, True])
def test_the_newest_delivery_stands_though_the_clock_was_set_back(
    back: timedelta, is_refined_between: bool, replaces_partitions: Path, clock: SetClock, deliver: Deliver
) -> None:
    with opened(replaces_partitions, clock) as workspace:
        deliver("maio", (1, 1), (2, 1), (9, 2))
        bring(workspace)
        if is_refined_between:
            refine(workspace)
        clock.moment -= back
        deliver("maio_de_novo", (3, 1))
        bring(workspace)
        refine(workspace)
        assert orders(workspace) == {3: 1, 9: 1}
        came = {str(row["_source"]): row["_ingested_at"] for row in rows(workspace, BRONZE)}
        assert len(set(came.values())) == 2
        assert list(came) and max(came, key=lambda name: str(came[name])).endswith("maio_de_novo.csv")


def test_a_file_sent_again_under_its_own_name_becomes_the_newest(
    replaces_partitions: Path, clock: SetClock, deliver: Deliver
) -> None:
    with opened(replaces_partitions, clock) as workspace:
        for name, day_rows in (("a", [(1, 1)]), ("b", [(2, 1)]), ("a", [(3, 1), (4, 2)])):
            deliver(name, *day_rows)
            bring(workspace)
            refine(workspace)
        assert orders(workspace) == {3: 1, 4: 1}


def test_what_one_run_brings_is_one_delivery_of_many_files(
    replaces_partitions: Path, clock: SetClock, deliver: Deliver
) -> None:
    with opened(replaces_partitions, clock) as workspace:
        deliver("parte1", (1, 1))
        deliver("parte2", (2, 1))
        bring(workspace)
        refine(workspace)
        assert orders(workspace) == {1: 1, 2: 1}


def test_files_of_one_run_are_deliveries_by_themselves_where_the_contract_says_so(
    replaces_partitions: Path, clock: SetClock, deliver: Deliver
) -> None:
    path = replaces_partitions / "contracts" / "pedidos.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(
            "      - {property: write,", "      - {property: delivery, value: file}\n      - {property: write,"
        ),
        encoding="utf-8",
    )
    with opened(replaces_partitions, clock) as workspace:
        deliver("parte1", (1, 1), (7, 2))
        deliver("parte2", (2, 1))
        bring(workspace)
        refine(workspace)
        assert orders(workspace) == {2: 1, 7: 1}


def test_the_rest_of_a_delivery_that_was_cut_comes_under_its_first_moment(
    replaces_partitions: Path, clock: SetClock, deliver: Deliver
) -> None:
    many = source_step.UNITS_A_COMMIT + 3
    with opened(replaces_partitions, clock) as workspace:
        for number in range(many):
            deliver(f"{number:04}", (number, 1))
        broken = replaces_partitions / "dados" / f"pedidos_{many - 2:04}.csv"
        whole = broken.read_bytes()
        broken.write_bytes(b"pedido,pedido\n1,2\n\xff\xfe" + b"\x00" * 64)
        with pytest.raises(AfluenteError):
            bring(workspace)
        assert len(rows(workspace, BRONZE)) == source_step.UNITS_A_COMMIT
        broken.write_bytes(whole)
        clock.advance(seconds=3600)
        bring(workspace)
        refine(workspace)
        assert orders(workspace) == dict.fromkeys(range(many), 1)
        clock.advance(seconds=3600)
        deliver("correcao", (5000, 1))
        bring(workspace)
        refine(workspace)
        assert orders(workspace) == {5000: 1}


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=5 * 365)], ids=["hours", "years"])
def test_a_clock_set_back_between_and_within_runs_loses_and_doubles_no_row(
    back: timedelta, folder: Path, clock: SetClock, deliver: Deliver
) -> None:
    with opened(folder, clock) as workspace:
        deliver("a", (1, 1), (2, "nunca"))
        bring(workspace)
        refine(workspace)
        clock.moment -= back
        deliver("b", (3, 1))
        bring(workspace)
        refine(workspace)
        deliver("a", (1, 1), (4, 1), (2, "nunca"))
        deliver("c", (5, 2))
        source = SourceStep(workspace, Step("source.pedidos", "source", source="pedidos"), run_id="r")
        prepared = source.prepare()
        clock.moment -= back
        source.run(prepared)
        refined = ConformStep(workspace, Step("silver.pedidos", "conform"), run_id="r")
        task = refined.prepare()
        clock.moment -= back
        refined.run(task)
        assert orders(workspace) == {1: 1, 3: 1, 4: 1, 5: 1}
        assert [row["pedido"] for row in rows(workspace, TableName("quarantine", "pedidos"))] == ["2"]
        came = {str(row["_source"]): row["_ingested_at"] for row in rows(workspace, BRONZE)}
        assert len(set(came.values())) == 2
        assert min(came, key=lambda name: str(came[name])) == "pedidos_b.csv"
        assert not SourceStep(workspace, Step("source.pedidos", "source", source="pedidos"), run_id="r").has_news()
        assert ConformStep(workspace, Step("silver.pedidos", "conform"), run_id="r").prepare() is None
