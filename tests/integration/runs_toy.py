"""A toy pipeline run in a process of its own by the tests of runs; not a test itself.

    python runs_toy.py ROOT URL COMMAND [SECONDS_A_STEP]

Each step writes its effect to `effects/<run>/<step>` under a temporary name and renames it, and appends one line to
`begun.txt` and, last of all, one to `ended.txt`. A step whose name stands in the folder `held` waits until it is gone.
A stop that a signal asked for, once it is taken, leaves the file `stopping`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from afluente.core.errors import AfluenteError
from afluente.runs.execute import Runs
from afluente.runs.limits import Limits
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step
from afluente.runs.retry import Retry
from afluente.runs.signals import stopping_on_signals
from afluente.state.database import open_state
from afluente.state.json_value import Json

GRACE_SECONDS = 90.0
PLAN = Plan.in_order(
    [
        Step("source.a", "source", source="a"),
        Step("source.b", "source", source="b"),
        Step("silver.a", "conform", ("source.a",)),
        Step("silver.b", "conform", ("source.b",)),
        Step("gold.x", "model", ("silver.a", "silver.b")),
        Step("gold.y", "model", ("gold.x",)),
    ]
)


def hold(root: Path, *steps: str) -> None:
    (root / "held").mkdir(exist_ok=True)
    for step in steps:
        (root / "held" / step).touch()


def release(root: Path) -> None:
    for path in (root / "held").iterdir():
        path.unlink()


class Toy:
    """Each step's effect is a file; its version comes from `prepare` and must survive a crash."""

    def __init__(self, root: Path, seconds: float) -> None:
        self._root = root
        self._seconds = seconds

    def prepare(self, step: Step, *, run_id: str, attempt: int) -> Mapping[str, Json] | None:
        return {"token": f"{run_id}/{step.name}/{attempt}/{time.time_ns()}"}

    def run(self, step: Step, *, run_id: str, attempt: int, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        assert durable_input is not None
        token = str(durable_input["token"])
        self._append("begun.txt", f"{run_id} {step.name} {attempt} {token}")
        folder = self._root / "effects" / run_id
        folder.mkdir(parents=True, exist_ok=True)
        time.sleep(self._seconds / 2)
        effect = folder / step.name
        if effect.exists():
            assert effect.read_text() == token, "the durable input changed between repetitions"
        while (self._root / "held" / step.name).exists():
            time.sleep(0.01)
        temporary = folder / f".{step.name}.{os.getpid()}"
        temporary.write_text(token)
        temporary.rename(effect)
        time.sleep(self._seconds / 2)
        self._append("ended.txt", f"{run_id} {step.name} {attempt} {token}")
        return StepOutcome(rows_out=1, table_version=attempt)

    def _append(self, name: str, line: str) -> None:
        with (self._root / name).open("a") as file:
            file.write(line + "\n")


def leaving_a_sign(root: Path, stop: Callable[..., None]) -> Callable[[], None]:
    def work() -> None:
        stop(grace_seconds=GRACE_SECONDS)
        (root / "stopping").touch()

    return work


def main() -> int:
    root, url, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0.02
    with open_state(url, root) as database:
        runs = Runs(
            database,
            project_root=root,
            pipeline="toy",
            runner=Toy(root, seconds),
            limits=Limits(total=3),
            retry=Retry(first_seconds=0.01),
            beat_seconds=0.2,
        )
        try:
            with stopping_on_signals(leaving_a_sign(root, runs.stop)):
                if command == "recover":
                    reports = runs.recover()
                elif command == "execute":
                    reports = [runs.execute(PLAN)]
                else:
                    reports = [runs.resume(command)]
        except AfluenteError as error:
            print(error.code, error.message, file=sys.stderr)
            return error.exit_status
        for report in reports:
            print(report.run.id, report.run.status, report.run.takeovers)
        return reports[-1].exit_status if reports else 0


if __name__ == "__main__":
    raise SystemExit(main())
