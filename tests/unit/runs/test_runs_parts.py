"""The small parts of a run: outcome, retry, process, resources, log."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.until import until

from afluente.core.clock import SetClock
from afluente.core.errors import CommitConflict, DataRefused, Place, ProjectError
from afluente.runs.log import RunLog
from afluente.runs.outcome import StepOutcome
from afluente.runs.process import Process, is_proved_dead, this_process
from afluente.runs.resources import Meter
from afluente.runs.retry import Retry
from afluente.state.quality_outcomes import QualityOutcome
from afluente.state.repairs import Repair

CPF = "529.982.247-25"


def test_an_outcome_survives_its_json_text_without_restricted_samples() -> None:
    shown = Repair(table="silver.a", column="uf", rule="synonym", rows=3, samples=(("São Paulo", "SP"),))
    hidden = Repair(table="silver.a", column="cpf", rule="zeros", rows=1, samples=((CPF, "x"),), is_restricted=True)
    quality = QualityOutcome(table="silver.a", rule="r", severity="error", status="passed", measured={"rows": 1})
    outcome = StepOutcome(rows_out=3, quality=(quality,), repairs=(shown, hidden), details={"files": 2})
    text = outcome.to_json()
    assert CPF not in text
    assert StepOutcome.from_json(text) == replace(outcome, repairs=(shown, replace(hidden, samples=())))


def test_an_error_of_ours_is_told_in_full() -> None:
    conflict = StepOutcome.of_error(CommitConflict("table silver.a moved", hint="again"))
    assert (conflict.status, conflict.error_code, conflict.is_retryable) == ("failed", "lake.commit_conflict", True)
    refused = StepOutcome.of_error(DataRefused("quality.refused", "too many nulls"))
    assert (refused.status, refused.is_finished) == ("refused", False)
    placed = StepOutcome.of_error(ProjectError("project.x", "wrong", place=Place("a.yaml", 3)))
    assert placed.error_message == "a.yaml:3: wrong"


def test_an_error_that_is_not_ours_is_told_without_its_text() -> None:
    try:
        int(CPF)
    except ValueError as error:
        outcome = StepOutcome.of_error(error)
    assert outcome.error_code == "runs.unexpected"
    assert "ValueError" in str(outcome.error_message)
    assert "test_runs_parts.py" in str(outcome.error_message)
    assert CPF not in outcome.to_json()
    assert not outcome.is_retryable


def test_waits_grow_to_their_limit_and_leave_a_share_to_chance() -> None:
    retry = Retry(max_attempts=9, first_seconds=1, factor=2, max_seconds=20, jitter=0.5)
    chance = random.Random(7)
    waits = [[retry.wait_seconds(failures, chance=chance) for _ in range(50)] for failures in range(1, 9)]
    for failures, many in enumerate(waits, 1):
        full = min(2.0 ** (failures - 1), 20)
        assert all(full / 2 <= wait <= full for wait in many)
        assert len(set(many)) > 1


@pytest.mark.parametrize("attempts", [0, 11])
def test_more_attempts_than_the_workflow_reserves_are_refused(attempts: int) -> None:
    with pytest.raises(ValueError, match="max_attempts"):
        Retry(max_attempts=attempts)


def test_a_process_is_dead_when_it_is_gone_unreaped_or_another_of_its_number() -> None:
    me = this_process()
    assert not is_proved_dead(me)
    assert is_proved_dead(replace(me, started="1"))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    process = Process(pid=child.pid, started=started, host=me.host)
    assert not is_proved_dead(process)
    child.kill()
    child.communicate()
    assert is_proved_dead(process)


def test_nothing_is_proved_of_a_process_of_another_host() -> None:
    assert not is_proved_dead(Process(pid=2**22 + 1, started="1", host="elsewhere"))


def test_a_meter_sees_cpu_and_the_peak_of_memory() -> None:
    with Meter(sample_seconds=0.005) as idle:
        pass
    before = idle.cost.peak_memory_bytes or 0
    with Meter(sample_seconds=0.005) as meter:
        block = bytearray(200_000_000)
        for position in range(0, len(block), 4096):
            block[position] = 1
        until(lambda: meter._peak_bytes > before + 150_000_000, "a look of the meter")  # noqa: SLF001
        del block
    assert meter.cost.cpu_seconds > 0
    assert meter.cost.seconds > 0
    assert before > 0
    assert (meter.cost.peak_memory_bytes or 0) > before + 100_000_000


def test_a_meter_counts_the_cpu_and_memory_of_children() -> None:
    with Meter(sample_seconds=0.005) as idle:
        pass
    before = idle.cost.peak_memory_bytes or 0
    code = "import sys\nb = bytearray(150_000_000)\nfor i in range(0, len(b), 4096): b[i] = 1\nsys.stdin.read()"
    with Meter(sample_seconds=0.005) as meter, subprocess.Popen([sys.executable, "-c", code], stdin=-1) as child:
        until(lambda: meter._peak_bytes > before + 100_000_000, "a look of the meter", by=child)  # noqa: SLF001
        child.communicate()
    assert meter.cost.cpu_seconds > idle.cost.cpu_seconds
    assert (meter.cost.peak_memory_bytes or 0) > before + 100_000_000


def test_a_log_line_has_its_time_run_step_sentence_and_fields(tmp_path: Path) -> None:
    stream = io.StringIO()
    clock = SetClock(datetime(2026, 3, 1, 9, tzinfo=UTC))
    log = RunLog(folder=tmp_path / "logs", run_id="r1", clock=clock, stream=stream)
    log.write("step ended", step="silver.a", rows_out=3, seconds=1.23456, error=None)
    log.write("run ended")
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "logs" / "r1.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "at": "2026-03-01T09:00:00.000+00:00",
        "run": "r1",
        "step": "silver.a",
        "message": "step ended",
        "rows_out": 3,
        "seconds": 1.23456,
    }
    assert "step ended: silver.a  rows_out=3  seconds=1.23" in stream.getvalue()
    assert stream.getvalue().count("\n") == 2


def test_a_log_that_cannot_be_written_does_not_fail_the_run(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file stands where the folder should be")
    log = RunLog(folder=tmp_path / "logs", run_id="r1", clock=SetClock(datetime(2026, 3, 1, tzinfo=UTC)))
    log.write("run ended")
    log.close()
