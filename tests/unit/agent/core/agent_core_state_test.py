from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente_agent import durable, logs, machine, schedule
from afluente_agent.client import Answer
from afluente_agent.clock_offset import HubClock, seconds_of_date
from afluente_agent.errors import SettingsError
from afluente_agent.identity import IdentityStore
from afluente_agent.protocol.messages import to_json
from afluente_agent.settings import DataFolder, Settings, SettingsStore


def test_settings_of_a_newer_version_are_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    store = SettingsStore(DataFolder(tmp_path))
    store.update(agent="a", site="s")
    content = json.loads((tmp_path / "settings.json").read_bytes())
    (tmp_path / "settings.json").write_text(json.dumps({**content, "later": {"x": [1]}}))
    assert store.load().agent == "a"


@given(st.binary(max_size=200))
def test_broken_settings_are_told_and_never_taken_for_new_ones(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "settings.json").write_bytes(content)
        try:
            SettingsStore(DataFolder(Path(folder))).load()
        except SettingsError as error:
            assert error.code == "folder.settings_changed"
        else:
            assert isinstance(json.loads(content), dict)


def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    def work() -> None:
        store = SettingsStore(DataFolder(tmp_path))
        for _ in range(10):
            store.change(lambda before: replace(before, sequence=before.sequence + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SettingsStore(DataFolder(tmp_path)).load().sequence == 40


def test_a_lock_is_let_go_when_its_process_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from afluente_agent import durable\n"
        "with durable.locked(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(BlockingIOError), durable.locked(lock, is_waiting=False):
            pass
        process.kill()
        process.wait()
    with durable.locked(lock, is_waiting=False):
        pass


def test_a_key_open_to_others_is_closed_when_it_is_read(tmp_path: Path) -> None:
    store = IdentityStore(tmp_path)
    made = store.ensure()
    (tmp_path / "current.json").chmod(0o644)
    assert store.load() == made
    assert (tmp_path / "current.json").stat().st_mode & 0o777 == 0o600
    assert made.seed not in repr(made)


@given(
    at=st.integers(1_700_000_000, 1_900_000_000),
    minutes=st.integers(0, 24 * 60 - 1),
    zone=st.integers(-5, 0),
    agent=st.text(max_size=5),
)
def test_a_planned_reading_comes_once_a_day(at: int, minutes: int, zone: int, agent: str) -> None:
    place = timezone(timedelta(hours=zone))
    for send_at in (f"{minutes // 60:02}:{minutes % 60:02}", ""):
        planned = schedule.planned_before(at, send_at=send_at, agent=agent, zone=place)
        assert 0 <= at - planned < 86400
        assert schedule.planned_before(planned, send_at=send_at, agent=agent, zone=place) == planned
        local = datetime.fromtimestamp(planned, UTC).astimezone(place)
        if send_at:
            assert (local.hour, local.minute) == divmod(minutes, 60)
        else:
            assert 7 <= local.hour < 11
        assert schedule.is_due(at, planned - 1, planned=planned)
        assert not schedule.is_due(at, planned, planned=planned)


def test_agents_do_not_all_read_at_the_same_minute() -> None:
    moments = {schedule.planned_before(1_800_000_000, send_at="", agent=f"agent-{n}") for n in range(500)}
    assert len(moments) > 150


@given(st.integers(0, 100), st.floats(0, 0.999), st.floats(0, 90_000))
def test_a_wait_grows_to_an_hour_and_is_never_less_than_asked(failures: int, dice: float, asked: float) -> None:
    wait = schedule.wait_after(failures, lambda: dice, asked_seconds=asked)
    assert wait >= asked
    assert 15 <= wait <= max(3600, asked + 60)


@given(st.integers(-(2**40), 2**40), st.integers(0, 4_000_000_000))
def test_the_hubs_time_is_learned_and_does_not_tremble(skew: int, hub_time: int) -> None:
    clock = HubClock(lambda: hub_time + skew)
    learned = clock.learn(hub_time)
    if clock.is_confirmed:
        assert abs(clock.time() - hub_time) < 30
        assert not clock.learn(hub_time + 29 * (clock.time() == hub_time))
    else:
        assert (learned, clock.offset_seconds) == (False, 0)


@given(st.text(max_size=60))
def test_whatever_stands_in_a_header_is_a_wait_or_none(text: str) -> None:
    assert 0 <= Answer(503, {"retry-after": text}, b"").retry_after_seconds(1_800_000_000) <= 86400
    seconds_of_date(text)


def test_the_machine_is_told_without_its_serials(tmp_path: Path) -> None:
    told = machine.describe(tmp_path, install_id="i")
    assert told == machine.describe(tmp_path, install_id="i")
    serial, number = machine.disk_serial(tmp_path), machine.machine_id()
    text = to_json(told).decode()
    assert (not serial or serial not in text) and (not number or number not in text)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["code", "rows", "seconds"]), st.text(max_size=20), max_size=3))
def test_a_log_line_is_one_line(fields: dict[str, str]) -> None:
    record = logging.makeLogRecord({"msg": "sent", "levelname": "INFO", "name": "x", **fields})
    assert "\n" not in logs.FieldFormatter().format(record)


def test_logs_rotate_and_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    logs.start(tmp_path)
    log = logging.getLogger("afluente_agent.test")
    for number in range(500):
        log.info("sent", extra={"rows": number})
    for handler in list(logging.getLogger("afluente_agent").handlers):
        logging.getLogger("afluente_agent").removeHandler(handler)
        handler.close()
    logging.getLogger("afluente_agent").propagate = True
    files = list(tmp_path.iterdir())
    assert len(files) == logs.FILES + 1
    assert all(file.stat().st_size <= 2000 for file in files)


def test_default_settings_have_nothing_secret() -> None:
    assert not any("seed" in name or "token" in name or "password" in name for name in Settings.__dataclass_fields__)
