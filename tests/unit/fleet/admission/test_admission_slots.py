from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from afluente.core.clock import SetClock
from afluente.fleet.activity import hours_of, learn
from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.slots import SlotSettings
from afluente.fleet.window import WORST_MS, WindowSettings
from afluente.state.database import Database
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest

NOW = datetime(2026, 9, 1, 11, tzinfo=UTC)
REQUEST = SlotRequest(1000, 1, 0)


def asked(admission: Admission, site: str) -> SlotAnswer:
    return admission.ask(AgentIdentity("a", site, "k"), REQUEST)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def admission(database: Database, clock: SetClock) -> Admission:
    settings = AdmissionSettings(WindowSettings(first=3), SlotSettings(slot_seconds=100))
    return Admission(database, clock, settings, chance=lambda: 0.5)


def test_slots_are_given_up_to_the_limit_and_the_rest_are_told_when_to_come_back(admission: Admission) -> None:
    answers = [asked(admission, f"s{i}") for i in range(5)]
    assert [bool(one.slot) for one in answers] == [True, True, True, False, False]
    assert all(one.retry_after_seconds >= 1 and one.reason == "queue" for one in answers[3:])
    assert answers[4].retry_after_seconds >= answers[3].retry_after_seconds
    assert answers[0].until == int((NOW + timedelta(seconds=100)).timestamp())
    assert answers[0].most_bytes_per_second > 0


def test_a_site_with_nothing_to_send_takes_no_slot(admission: Admission) -> None:
    answer = admission.ask(AgentIdentity("a", "s1", "k"), SlotRequest(0, 0, 0))
    assert (answer.slot, answer.reason) == ("", "nothing_to_send")


def test_asking_twice_gives_the_same_slot(admission: Admission) -> None:
    assert asked(admission, "s1") == asked(admission, "s1")


def test_a_released_slot_goes_to_the_one_that_waits(admission: Admission, clock: SetClock) -> None:
    held = [asked(admission, f"s{i}") for i in range(3)]
    wait = asked(admission, "late").retry_after_seconds
    admission.release(held[0].slot)
    clock.advance(seconds=wait)
    assert asked(admission, "late").slot
    assert not asked(admission, "later").slot


def test_one_whose_moment_has_come_goes_before_a_newcomer(admission: Admission, clock: SetClock) -> None:
    held = [asked(admission, f"s{i}") for i in range(3)]
    wait = asked(admission, "first").retry_after_seconds
    admission.release(held[0].slot)
    clock.advance(seconds=wait + 1)
    assert not asked(admission, "newcomer").slot
    assert asked(admission, "first").slot


def test_the_slot_of_a_holder_that_died_is_free_again(admission: Admission, clock: SetClock) -> None:
    for i in range(3):
        asked(admission, f"s{i}")
    assert not asked(admission, "late").slot
    clock.advance(seconds=100)
    assert asked(admission, "late").slot


def test_a_holder_whose_time_runs_out_queues_behind_those_that_wait(admission: Admission, clock: SetClock) -> None:
    for i in range(3):
        asked(admission, f"s{i}")
    asked(admission, "waiting")
    clock.advance(seconds=80)
    asked(admission, "waiting")
    clock.advance(seconds=2)
    again = asked(admission, "s0")
    assert asked(admission, "waiting").slot or again.slot
    assert not asked(admission, "newcomer").slot


def test_a_site_that_never_comes_back_holds_nothing_back(admission: Admission, clock: SetClock) -> None:
    held = [asked(admission, f"s{i}") for i in range(3)]
    asked(admission, "gone")
    clock.advance(seconds=30)
    admission.release(held[0].slot)
    assert asked(admission, "newcomer").slot


def test_a_slow_database_closes_the_window_and_says_so(admission: Admission) -> None:
    for _ in range(10):
        admission.observe(2.0)
    assert asked(admission, "s0").slot
    for _ in range(20):
        admission.observe(100.0)
    assert admission.window().slots == 1
    assert asked(admission, "s1").reason == "central_busy"
    assert admission.allowed_loads() == 1
    for _ in range(60):
        admission.observe(2.0)
    assert admission.window().slots > 20
    assert admission.allowed_loads() > 4
    assert asked(admission, "s2").slot


def test_a_database_that_does_not_answer_closes_the_window(admission: Admission) -> None:
    admission.observe(2.0)
    for _ in range(10):
        admission.observe(WORST_MS)
    assert admission.window().limit == 1


def test_one_process_of_all_measures_each_second(database: Database, clock: SetClock) -> None:
    processes = [Admission(database, clock) for _ in range(3)]
    assert [one.begin_probe() for one in processes].count(True) == 1
    clock.advance(seconds=0.5)
    assert not any(one.begin_probe() for one in processes)
    clock.advance(seconds=0.6)
    assert [one.begin_probe() for one in processes].count(True) == 1


def test_many_that_ask_at_once_never_get_more_slots_than_there_are(database: Database, clock: SetClock) -> None:
    admissions = [Admission(database, clock, AdmissionSettings(WindowSettings(first=5))) for _ in range(4)]
    answers: list[SlotAnswer] = []

    def ask(place: int) -> None:
        answers.extend(asked(admissions[place], f"s{place}-{turn}") for turn in range(6))

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 24
    assert len({one.slot for one in answers if one.slot}) == 5


def test_hours_are_learned_from_heartbeats_and_fade(database: Database) -> None:
    tuesday = datetime(2026, 9, 1, 11, 5, tzinfo=UTC)
    with database.write() as connection:
        for week in range(4):
            for minutes in (0, 15, 30, 45):
                learn(connection, "s1", "America/Sao_Paulo", tuesday + timedelta(weeks=week, minutes=minutes))
        learn(connection, "s1", "America/Sao_Paulo", tuesday + timedelta(weeks=1, hours=9))
    with database.read() as connection:
        hours = hours_of(connection, "s1", "America/Sao_Paulo", at=tuesday + timedelta(weeks=4))
        unknown = hours_of(connection, "s2", "America/Sao_Paulo", at=tuesday)
    assert hours.hours_of_day(1) == [8]
    assert 2 < hours.weights[24 + 8] < 4
    assert hours.weights[24 + 17] < 1
    assert hours.remaining(tuesday + timedelta(weeks=4))
    assert not hours.remaining(tuesday + timedelta(hours=3))
    assert unknown.remaining(tuesday)


def test_a_site_that_will_soon_be_off_is_called_sooner(database: Database, clock: SetClock) -> None:
    from afluente.fleet.sites import NewSite, register

    admission = Admission(database, clock, AdmissionSettings(WindowSettings(first=1)), chance=lambda: 0.5)
    with database.write() as connection:
        register(connection, [NewSite(s, s, "SP", s, timezone="UTC") for s in ("short", "long")], by="test", at=NOW)
        learn(connection, "short", "UTC", NOW)
        for hour in range(11):
            learn(connection, "long", "UTC", NOW + timedelta(hours=hour))
    assert asked(admission, "holder").slot
    for i in range(30):
        asked(admission, f"other{i}")
    long, short = asked(admission, "long"), asked(admission, "short")
    assert short.retry_after_seconds < long.retry_after_seconds
