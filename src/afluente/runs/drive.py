"""Walks through a plan: starts what is ready within the limits, skips what cannot run any more.

Invariant: a step starts only when everything it depends on has finished, and never twice.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from afluente.runs.limits import Limits, group_of
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step

LOOK_SECONDS = 0.1
STEP_THREAD = "step "
"""How the names of the threads begin in which steps run."""


class Interrupted(BaseException):
    """The run stops here and can be resumed. Not an Exception, so that the workflow stays unfinished."""

    def __init__(self, *, has_running_steps: bool = False) -> None:
        super().__init__("the run was interrupted")
        self.has_running_steps = has_running_steps


class Stop:
    """Asks a run to stop: no step starts any more, and running ones have `grace_seconds` to end."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.grace_seconds = 0.0

    def ask(self, *, grace_seconds: float) -> None:
        """Ask, or ask more urgently."""
        is_again = self.asked.is_set()
        self.grace_seconds = min(self.grace_seconds, grace_seconds) if is_again else grace_seconds
        self.asked.set()


def are_steps_running() -> bool:
    """Whether steps of an interrupted run still work in this process: what they use must not be closed."""
    return any(thread.name.startswith(STEP_THREAD) for thread in threading.enumerate())


@dataclass(frozen=True, slots=True)
class _Ended:
    step: Step
    outcome: StepOutcome | None
    error: BaseException | None


def drive(
    plan: Plan,
    *,
    limits: Limits,
    run_one: Callable[[Step], StepOutcome],
    skip_one: Callable[[Step, str], None],
    stop: Stop,
) -> Mapping[str, StepOutcome]:
    """Run every step that can run; returns the outcomes of those that did.

    `run_one` is called in a thread of its own with a copy of the caller's context; what it raises is raised here
    when the other running steps have ended. `skip_one` gets a step and the name of the one it waits for in vain.
    Raises Interrupted when asked to stop.
    """
    walk = _Walk(plan=plan, limits=limits, run_one=run_one, skip_one=skip_one)
    failure: BaseException | None = None
    asked_at: float | None = None
    while True:
        if stop.asked.is_set():
            asked_at = asked_at or time.monotonic()
            if not walk.running or time.monotonic() >= asked_at + stop.grace_seconds:
                raise Interrupted(has_running_steps=bool(walk.running))
        elif failure is None:
            walk.start_ready()
        if not walk.running:
            break
        ended = walk.next_ended()
        if ended is not None and ended.error is not None:
            failure = failure or ended.error
    if failure is not None:
        raise failure
    return walk.outcomes


class _Walk:
    """The state of one walk through a plan."""

    def __init__(
        self,
        *,
        plan: Plan,
        limits: Limits,
        run_one: Callable[[Step], StepOutcome],
        skip_one: Callable[[Step, str], None],
    ) -> None:
        self.outcomes: dict[str, StepOutcome] = {}
        self.running: dict[str, Step] = {}
        self._waiting = list(plan.steps)
        self._skipped: set[str] = set()
        self._limits = limits
        self._run_one = run_one
        self._skip_one = skip_one
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()

    def start_ready(self) -> None:
        """Start every waiting step whose time has come, and skip those whose time never will."""
        still_waiting: list[Step] = []
        busy = Counter(group_of(step) for step in self.running.values())
        for step in self._waiting:
            lost = next((name for name in step.depends_on if self._is_lost(name)), None)
            if lost is not None:
                self._skipped.add(step.name)
                self._skip_one(step, lost)
                continue
            group = group_of(step)
            is_ready = all(name in self.outcomes for name in step.depends_on)
            has_room = len(self.running) < self._limits.total and busy[group] < self._limits.capacity(group)
            if is_ready and has_room:
                busy[group] += 1
                self._start(step)
            else:
                still_waiting.append(step)
        self._waiting = still_waiting

    def next_ended(self) -> _Ended | None:
        """The next step to end, or None when none does for a moment."""
        try:
            ended = self._ended.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return None
        del self.running[ended.step.name]
        if ended.outcome is not None:
            self.outcomes[ended.step.name] = ended.outcome
        return ended

    def _is_lost(self, name: str) -> bool:
        if name in self._skipped:
            return True
        outcome = self.outcomes.get(name)
        return outcome is not None and not outcome.is_finished

    def _start(self, step: Step) -> None:
        self.running[step.name] = step
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._work, step), name=f"{STEP_THREAD}{step.name}", daemon=True
        )
        thread.start()

    def _work(self, step: Step) -> None:
        try:
            self._ended.put(_Ended(step, self._run_one(step), None))
        except BaseException as error:  # noqa: BLE001 - handed to the walk, which raises it
            self._ended.put(_Ended(step, None, error))
