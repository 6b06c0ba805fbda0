"""The trial of a version and the decisions of the pointer, by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from afluente_agent.errors import UpdateError
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.health import Health
from afluente_agent.update.pointer import (
    MOST_TRIES_WITHOUT_HUB,
    Pointer,
    PointerFile,
    confirmed,
    decided,
    rolled_back,
    switched,
)
from afluente_agent.update.status import STATES, UpdateStatus, parse_status
from afluente_agent.update.trial import LONGEST_GAP_SECONDS, Trial, TrialRule
from hypothesis import given, settings
from hypothesis import strategies as st

RULE = TrialRule(reach_hub_seconds=100, settle_seconds=20, hang_seconds=30, most_exits=3)
VERSIONS = st.sampled_from(["1.1.0", "1.2.0", "1.3.0"])


def look(trial: Trial, seconds: float, alive: int, reached: int = 0) -> str:
    while seconds > 0:
        trial.passed(min(seconds, 10))
        seconds -= 10
    return trial.seen(Health("x", 1, alive, reached))


def test_a_version_that_lives_and_reached_the_hub_is_healthy_after_settling() -> None:
    trial = Trial(RULE)
    trial.started()
    assert look(trial, 10, 1) == "wait"
    assert look(trial, 10, 2, 1) == "wait"
    assert look(trial, 20, 3, 1) == "healthy"


def test_a_version_without_life_hangs_and_one_without_hub_is_late() -> None:
    trial = Trial(RULE)
    trial.started()
    assert look(trial, 29, 0) == "wait"
    assert look(trial, 30, 0) == "hang"
    trial = Trial(RULE)
    trial.started()
    assert [look(trial, 10, alive) for alive in range(1, 11)] == ["wait"] * 9 + ["no_hub"]


def test_the_third_exit_is_the_last_and_coming_and_going_does_not_stretch_the_time() -> None:
    trial = Trial(RULE)
    assert [trial.ended() for _ in range(3)] == [False, False, True]
    trial = Trial(RULE)
    for _ in range(10):
        trial.started()
        trial.passed(10)
    assert trial.is_late()


def test_a_night_asleep_counts_little() -> None:
    trial = Trial(RULE)
    trial.started()
    trial.passed(8 * 3600)
    assert trial.seen(Health("x", 1, 1, 0)) == "wait"
    assert LONGEST_GAP_SECONDS < RULE.hang_seconds


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 5), st.integers(0, 1)), max_size=60))
def test_every_trial_ends(looks: list[tuple[float, int, int]]) -> None:
    trial = Trial(RULE)
    trial.started()
    seen = [look_once(trial, *one) for one in looks]
    final = "wait"
    for alive in range(100, 200):
        trial.passed(10)
        final = trial.seen(Health("x", 1, alive, 0))
        if final != "wait":
            break
    assert final != "wait" and set(seen) <= {"wait", "healthy", "hang", "no_hub"}


def look_once(trial: Trial, seconds: float, alive: int, reached: int) -> str:
    trial.passed(seconds)
    return trial.seen(Health("x", 1, alive, reached))


def test_a_version_that_missed_the_hub_is_bad_once_the_one_before_reached_it() -> None:
    pointer = switched(Pointer(installed="1.0.0"), "1.1.0", offer=1)
    pointer = rolled_back(pointer, "1.1.0", "no_hub")
    assert pointer.undecided() == "1.1.0" and pointer.is_bad("1.1.0") and pointer.version() == "1.0.0"
    assert decided(pointer, "1.1.0", "bad").is_bad("1.1.0")
    assert not decided(pointer, "1.1.0", "excused").is_bad("1.1.0")


def test_a_line_that_is_down_excuses_a_version_a_few_times_only() -> None:
    pointer = Pointer(installed="1.0.0")
    for _ in range(MOST_TRIES_WITHOUT_HUB):
        assert not pointer.is_bad("1.1.0")
        pointer = rolled_back(switched(pointer, "1.1.0", offer=1), "1.1.0", "no_hub")
        pointer = decided(pointer, "1.1.0", "excused")
    assert pointer.is_bad("1.1.0")


STEPS = st.lists(st.tuples(st.sampled_from(["switch", "confirm", "crash", "back"]), VERSIONS), max_size=12)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_happens_the_pointer_names_a_version_and_never_goes_to_a_bad_one(
    steps: list[tuple[str, str]],
) -> None:
    pointer = Pointer(installed="1.0.0")
    put_in_place = {""}
    for step, version in steps:
        before = pointer
        match step:
            case "switch":
                if pointer.is_bad(version) or pointer.is_on_trial:
                    continue
                put_in_place.add(version)
                pointer = switched(pointer, version, offer=0)
            case "confirm":
                pointer = confirmed(pointer, version)
            case "crash":
                pointer = rolled_back(pointer, version, "crash")
                assert pointer is before or pointer.is_bad(version)
            case "back":
                pointer = switched(pointer, "1.0.0", offer=0)
        assert pointer.current in put_in_place and pointer.previous in put_in_place
        assert pointer.version()


def test_a_pointer_that_cannot_be_read_is_an_error_and_the_next_change_begins_anew(tmp_path: Path) -> None:
    file = PointerFile(UpdateFolder(tmp_path))
    assert file.load() == Pointer()
    file.change(lambda pointer: switched(pointer, "1.1.0", offer=3))
    assert file.load().current == "1.1.0"
    file.folder.pointer.write_bytes(b"\0" * 40)
    with pytest.raises(UpdateError):
        file.load()
    file.change(lambda pointer: switched(pointer, "1.2.0", offer=4))
    assert (file.load().current, file.load().previous) == ("1.2.0", "")


@pytest.mark.parametrize("state", STATES)
def test_a_status_is_read_as_it_was_written(state: str) -> None:
    for detail in ("", "update.disk"):
        status = UpdateStatus(state, "1.1.0", detail)
        assert parse_status(status.text()) == status


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_other_texts_are_no_status(text: str) -> None:
    found = parse_status(text)
    assert found is None or found.text() == text
