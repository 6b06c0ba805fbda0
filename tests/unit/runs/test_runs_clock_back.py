"""A wall clock that is set back: no tick answered twice, none lost for good, one run at a time, history in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.core.clock import SetClock
from afluente.core.errors import RunError
from afluente.core.ids import new_id
from afluente.runs.cron import Cron
from afluente.runs.lock import PipelineLock
from afluente.runs.process import this_process
from afluente.runs.schedule import Timetable
from afluente.state import events, run_locks, runs_table
from afluente.state.database import Database, open_state
from afluente.state.run_locks import RunLock
from afluente.state.runs_table import Run

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 3, 1, 15, tzinfo=UTC)
YEARS = timedelta(days=5 * 365)
BEAT_SECONDS = 0.3


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_state("sqlite:///.afluente/state.db", tmp_path) as opened:
        yield opened


def serve(database: Database, table: Timetable, moments: list[datetime]) -> list[tuple[datetime, datetime]]:
    """What a scheduler that looks at these moments runs: when it looked, and the tick it answered."""
    fired = []
    for moment in moments:
        tick = table.due(database, at=moment)
        if tick is not None:
            with database.write() as connection:
                table.answer(connection, tick)
            fired.append((moment, tick))
    return fired


def looks(start: datetime, hours: int) -> list[datetime]:
    return [start + timedelta(hours=number) for number in range(hours)]


def daily(name: str = "diario") -> Timetable:
    return Timetable(pipeline="p", name=name, cron=Cron.parse("0 6 * * *"), zone=SAO_PAULO)


def test_a_clock_set_back_by_hours_answers_no_tick_again(database: Database) -> None:
    table = daily()
    table.begin(database, at=NOON)
    six = NOON + timedelta(hours=18)
    fired = serve(database, table, looks(NOON, 19) + looks(six - timedelta(hours=3), 30))
    assert [tick for _, tick in fired] == [six, six + timedelta(days=1)]


def test_a_clock_that_was_years_ahead_silences_no_schedule_when_it_is_set_right(database: Database) -> None:
    table = daily()
    table.begin(database, at=NOON)
    ahead = serve(database, table, looks(NOON + YEARS, 48))
    assert len(ahead) == 3, "years that were leapt over are one run, not one a day"
    right = serve(database, table, looks(NOON + timedelta(hours=2), 48))
    assert [tick for _, tick in right] == [NOON + timedelta(hours=18), NOON + timedelta(hours=42)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(leaps=st.lists(st.integers(-60 * 24 * 400, 60 * 24 * 3), max_size=4), data=st.data())
def test_no_tick_is_answered_twice_nor_in_a_storm_whatever_the_clock_does(
    database: Database, leaps: list[int], data: st.DataObject
) -> None:
    table = daily(f"s{data.draw(st.uuids())}")
    table.begin(database, at=NOON)
    now = NOON
    for leap in [0, *leaps]:
        now += timedelta(minutes=leap)
        moments = looks(now, 30)
        runs = serve(database, table, moments)
        ticks = [tick for _, tick in runs]
        assert len(set(ticks)) == len(ticks)
        assert all(tick <= moment for moment, tick in runs)
        assert len(runs) <= 3, "thirty hours hold two ticks at most, and one run stands for all that were missed"
        if leap < -2 * 60 * 24:
            assert runs, "a clock that was set right again goes on to tick"
        now = moments[-1]


def run_of(clock: SetClock) -> Run:
    me = this_process()
    return Run(
        id=new_id(clock.now()),
        pipeline="p",
        trigger="manual",
        status="running",
        started_at=clock.now(),
        engine="",
        engine_version="",
        asked_tables=(),
        plan="[]",
        executor_id="e",
        pid=me.pid,
        host=me.host,
        heartbeat_at=clock.now(),
    )


def test_the_history_is_in_the_order_the_runs_began(database: Database) -> None:
    clock = SetClock(NOON)
    begun = []
    for leap in (timedelta(), YEARS, -YEARS - timedelta(hours=5), timedelta(minutes=1)):
        clock.moment += leap
        run = run_of(clock)
        with database.write() as connection:
            runs_table.insert(connection, run)
            events.append(
                connection, at=clock.now(), kind="run.started", subject=run.id, key=f"{run.id}{runs_table.STARTED}"
            )
        begun.append(run.id)
    with database.read() as connection:
        assert [run.id for run in runs_table.newest(connection)] == begun[::-1]
        assert [run.id for run in runs_table.newest(connection, limit=1)] == begun[-1:]
        assert [run.id for run in runs_table.unfinished(connection, pipeline="p")] == begun


@pytest.fixture
def lock_at(database: Database) -> Callable[..., PipelineLock]:
    def make(moment: datetime, executor_id: str = "me") -> PipelineLock:
        return PipelineLock(
            database,
            pipeline="p",
            executor_id=executor_id,
            clock=SetClock(moment),
            on_lost=lambda: None,
            beat_seconds=BEAT_SECONDS,
        )

    return make


@pytest.mark.parametrize("leap", [timedelta(hours=-3), -YEARS, timedelta(hours=3), YEARS])
def test_a_holder_on_this_host_keeps_its_lock_whatever_the_clock_says(
    leap: timedelta, lock_at: Callable[..., PipelineLock]
) -> None:
    with lock_at(NOON, "first"), pytest.raises(RunError) as caught, lock_at(NOON + leap, "second"):
        pass
    assert caught.value.code == "runs.already_running"


def elsewhere(at: datetime) -> RunLock:
    return RunLock("p", "far", None, 1, "1", "elsewhere pid:[1]", at, at)


@pytest.mark.parametrize("leap", [timedelta(hours=-3), -YEARS, timedelta(hours=3), YEARS])
def test_a_living_holder_on_another_host_keeps_its_lock_whatever_the_clocks_say(
    leap: timedelta, database: Database, lock_at: Callable[..., PipelineLock]
) -> None:
    done = threading.Event()
    holder = elsewhere(NOON)
    with database.write() as connection:
        run_locks.take(connection, holder)

    def beat() -> None:
        moment = NOON
        while not done.wait(BEAT_SECONDS / 10):
            moment += timedelta(seconds=1)
            with database.write() as connection:
                run_locks.beat(connection, "p", executor_id="far", at=moment)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(RunError) as caught, lock_at(NOON + leap):
            pass
        assert caught.value.code == "runs.already_running"
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("leap", [-YEARS, timedelta(seconds=90)], ids=["its clock was ahead", "long silent"])
def test_a_lost_holder_on_another_host_gives_way(
    leap: timedelta, database: Database, lock_at: Callable[..., PipelineLock]
) -> None:
    with database.write() as connection:
        run_locks.take(connection, elsewhere(NOON))
    with pytest.raises(RunError), lock_at(NOON + timedelta(seconds=30)):
        pass
    with lock_at(NOON + leap), database.read() as connection:
        held = run_locks.find(connection, "p")
        assert held is not None
        assert replace(held, heartbeat_at=NOON).executor_id == "me"
