"""The walk through a plan: order, limits, skips, stops."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.until import PATIENCE_SECONDS

from afluente.core.errors import RunError, StateError
from afluente.runs.drive import Interrupted, Stop, drive
from afluente.runs.limits import Limits
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step

DIAMOND = Plan.in_order(
    [
        Step("gold.x", "model", ("silver.a", "silver.b")),
        Step("silver.a", "conform", ("source.a",)),
        Step("silver.b", "conform", ("source.b",)),
        Step("source.a", "source", source="a"),
        Step("source.b", "source", source="b"),
    ]
)


def walk(
    plan: Plan, *, limits: Limits | None = None, bad: frozenset[str] = frozenset()
) -> tuple[list[str], dict[str, str]]:
    """Run a plan whose `bad` steps fail; returns the order steps ended in, and who was skipped because of whom."""
    order: list[str] = []
    skipped: dict[str, str] = {}

    def run_one(step: Step) -> StepOutcome:
        order.append(step.name)
        return StepOutcome(status="failed" if step.name in bad else "done")

    drive(
        plan,
        limits=limits or Limits(),
        run_one=run_one,
        skip_one=lambda step, lost: skipped.__setitem__(step.name, lost),
        stop=Stop(),
    )
    return order, skipped


def test_steps_run_after_what_they_depend_on() -> None:
    order, skipped = walk(DIAMOND)
    assert sorted(order) == sorted(step.name for step in DIAMOND)
    assert skipped == {}
    for step in DIAMOND:
        assert all(order.index(needed) < order.index(step.name) for needed in step.depends_on)


def test_what_depends_on_a_failed_step_is_skipped_and_the_rest_runs() -> None:
    order, skipped = walk(DIAMOND, bad=frozenset({"source.a"}))
    assert set(order) == {"source.a", "source.b", "silver.b"}
    assert skipped == {"silver.a": "source.a", "gold.x": "silver.a"}


@settings(max_examples=30, deadline=None)
@given(data=st.data(), size=st.integers(1, 9))
def test_every_step_runs_once_or_is_skipped_once(data: st.DataObject, size: int) -> None:
    steps = []
    for number in range(size):
        needed = data.draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        source = data.draw(st.sampled_from([None, "a", "b"]))
        steps.append(Step(f"s{number}", "k", tuple(f"s{one}" for one in sorted(needed)), source))
    bad = frozenset(data.draw(st.sets(st.sampled_from([step.name for step in steps]), max_size=2)))
    plan = Plan.in_order(data.draw(st.permutations(steps)))
    order, skipped = walk(plan, bad=bad)
    assert Counter([*order, *skipped]) == Counter(step.name for step in steps)
    lost = bad | set(skipped)
    for step in plan:
        assert (step.name in skipped) == any(needed in lost for needed in step.depends_on)


def test_steps_run_at_once_only_as_far_as_the_limits_allow() -> None:
    plan = Plan(
        tuple(
            [Step(f"a{n}", "source", source="a") for n in range(4)]
            + [Step(f"b{n}", "source", source="b") for n in range(4)]
            + [Step(f"e{n}", "model") for n in range(3)]
        )
    )
    lock = threading.Lock()
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    are_all_busy = threading.Event()

    def run_one(step: Step) -> StepOutcome:
        with lock:
            now[step.name[0]] += 1
            now["all"] += 1
            for key in (step.name[0], "all"):
                most[key] = max(most[key], now[key])
            if now["all"] == 4:
                are_all_busy.set()
        assert are_all_busy.wait(PATIENCE_SECONDS)
        time.sleep(0.02)
        with lock:
            now[step.name[0]] -= 1
            now["all"] -= 1
        return StepOutcome()

    drive(
        plan,
        limits=Limits(total=4, sources={"b": 2}),
        run_one=run_one,
        skip_one=lambda _step, _lost: None,
        stop=Stop(),
    )
    assert most == {"a": 1, "b": 2, "e": 1, "all": 4}


def test_a_stop_lets_running_steps_end_and_starts_no_other() -> None:
    stop = Stop()
    ended: list[str] = []

    def run_one(step: Step) -> StepOutcome:
        stop.ask(grace_seconds=30)
        time.sleep(0.05)
        ended.append(step.name)
        return StepOutcome()

    with pytest.raises(Interrupted) as caught:
        drive(DIAMOND, limits=Limits(total=1), run_one=run_one, skip_one=lambda _step, _lost: None, stop=stop)
    assert ended == ["source.a"]
    assert not caught.value.has_running_steps


def test_a_stop_without_patience_leaves_running_steps_behind() -> None:
    stop = Stop()
    release = threading.Event()

    def run_one(step: Step) -> StepOutcome:
        stop.ask(grace_seconds=0)
        release.wait(PATIENCE_SECONDS)
        return StepOutcome()

    with pytest.raises(Interrupted) as caught:
        drive(DIAMOND, limits=Limits(), run_one=run_one, skip_one=lambda _step, _lost: None, stop=stop)
    release.set()
    assert caught.value.has_running_steps


def test_what_a_step_could_not_write_down_is_raised_after_the_others_ended() -> None:
    ended: list[str] = []

    def run_one(step: Step) -> StepOutcome:
        if step.name == "source.a":
            raise StateError("state.disk_full", "full")
        time.sleep(0.05)
        ended.append(step.name)
        return StepOutcome()

    with pytest.raises(StateError, match="full"):
        drive(DIAMOND, limits=Limits(), run_one=run_one, skip_one=lambda _step, _lost: None, stop=Stop())
    assert ended == ["source.b"]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([Step("a", "k"), Step("a", "k")], "runs.plan_twice"),
        ([Step("a", "k", ("b",))], "runs.plan_missing"),
        ([Step("a", "k", ("b",)), Step("b", "k")], "runs.plan_order"),
    ],
)
def test_a_plan_without_an_order_is_refused(steps: list[Step], code: str) -> None:
    with pytest.raises(RunError) as caught:
        Plan(tuple(steps))
    assert caught.value.code == code


def test_steps_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(RunError, match="a, b") as caught:
        Plan.in_order([Step("a", "k", ("b",)), Step("b", "k", ("a",)), Step("c", "k")])
    assert caught.value.code == "runs.plan_cycle"


def test_a_plan_survives_its_json_text() -> None:
    plan = Plan((Step("a", "source", source="x", parameters={"n": [1, {"ç": None}]}), Step("b", "model", ("a",))))
    assert Plan.from_json(plan.to_json()) == plan


def test_a_plan_without_its_finished_steps_waits_for_them_no_more() -> None:
    rest = DIAMOND.without({"source.a", "silver.a"})
    assert [(step.name, step.depends_on) for step in rest] == [
        ("source.b", ()),
        ("silver.b", ("source.b",)),
        ("gold.x", ("silver.b",)),
    ]
