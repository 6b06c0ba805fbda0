"""Two machines with one identity are found; one machine with an odd past is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.fleet.machine_check import Sighting, follow, is_same_machine

START = datetime(2026, 9, 1, 11, tzinfo=UTC)
HERE, THERE = ("machine-a", "disk-a"), ("machine-b", "disk-b")


def followed(beats: list[tuple[int, int, tuple[str, str]]], *, minutes: int = 15) -> list[str]:
    """What each heartbeat (sequence, process, machine) of an installation said, until a clone was found."""
    sighting, known, said = Sighting(), HERE, []
    for number, (sequence, started_at, seen) in enumerate(beats):
        continuity, sighting = follow(
            Sighting.from_json(sighting.to_json()),
            known,
            sequence=sequence,
            started_at=started_at,
            seen=seen,
            at=START + timedelta(minutes=minutes * number),
        )
        said.append(continuity)
        if continuity == "clone":
            break
        known = seen
    return said


def test_a_plain_life_is_next_after_next():
    assert followed([(n, 1000, HERE) for n in range(1, 6)]) == ["next"] * 5


def test_a_heartbeat_whose_answer_was_lost_is_a_repetition():
    assert followed([(1, 1000, HERE), (1, 1000, HERE), (2, 1000, HERE)]) == ["next", "repeated", "next"]


def test_a_restart_goes_on():
    assert followed([(1, 1000, HERE), (2, 9000, HERE), (3, 20000, HERE)]) == ["next"] * 3


def test_a_restored_backup_goes_back_once_and_is_no_clone():
    beats = [(n, 1000, HERE) for n in range(1, 9)] + [(n, 90000, HERE) for n in range(3, 12)]
    assert followed(beats).count("went_back") == 1
    assert "clone" not in followed(beats)


def test_a_disk_put_into_another_machine_is_a_changed_machine():
    assert followed([(1, 1000, HERE), (2, 9000, THERE), (3, 9000, THERE)]) == ["next", "machine_changed", "next"]


def test_a_disk_brought_back_to_its_machine_is_no_clone():
    beats = [(1, 1000, HERE), (2, 9000, THERE), (3, 9000, THERE), (4, 20000, HERE), (5, 20000, HERE)]
    assert followed(beats) == ["next", "machine_changed", "next", "machine_changed", "next"]


def test_two_machines_that_restart_all_the_time_show_by_taking_turns():
    beats = [(n, 10_000 * n, (HERE, THERE)[n % 2]) for n in range(1, 9)]
    assert followed(beats)[-1] == "clone"


def test_the_machine_left_behind_that_speaks_again_is_a_clone():
    assert followed([(1, 1000, HERE), (2, 9000, THERE), (2, 1000, HERE)])[-1] == "clone"


def test_a_virtual_machine_copied_with_its_ids_shows_by_its_processes():
    assert followed([(5, 1000, HERE), (5, 9000, HERE), (6, 9000, HERE), (6, 1000, HERE)])[-1] == "clone"


def test_copies_that_started_together_show_by_their_sequences():
    beats = [(n, 1000 + copy, HERE) for n in range(1, 5) for copy in (0, 1)]
    assert followed(beats, minutes=7)[-1] == "clone"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (HERE, HERE, True),
        (("m", ""), ("m", "d"), True),
        (("m", "d"), ("m", "e"), False),
        (("m", "d"), ("n", "d"), False),
        (("m", ""), ("n", ""), False),
    ],
)
def test_a_machine_is_its_system_id_and_a_disk_that_can_be_read(one, other, is_same):
    assert is_same_machine(one, other) is is_same
    assert is_same_machine(other, one) is is_same


@settings(max_examples=150, deadline=None)
@given(
    restarts=st.lists(st.integers(1, 12), max_size=6),
    repeats=st.sets(st.integers(0, 60), max_size=10),
    jitter=st.lists(st.integers(0, 1), min_size=80, max_size=80),
)
def test_no_single_machine_that_restarts_and_repeats_is_ever_called_a_clone(restarts, repeats, jitter):
    beats, sequence, started_at = [], 0, 10_000
    for life in [*restarts, 3]:
        started_at += 4000
        for _ in range(life):
            sequence += 1
            beats.append((sequence, started_at + jitter[len(beats) % 80], HERE))
            if len(beats) in repeats:
                beats.append(beats[-1])
    assert "clone" not in followed(beats)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(1, 1000), order=st.lists(st.booleans(), min_size=30, max_size=30))
def test_two_machines_that_both_live_on_are_always_found(start, order):
    counts = {True: start, False: start}
    beats = [(start, 1000, HERE)]
    for is_copy in [True, False, *order, True, False, True, False]:
        counts[is_copy] += 1
        beats.append((counts[is_copy], 500_000 if is_copy else 1000, THERE if is_copy else HERE))
    assert followed(beats)[-1] == "clone"
