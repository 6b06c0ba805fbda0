"""The service's main loop: heartbeat, reading, slot, sending, update, remedies, each in its time.

Invariant: a part that fails puts off itself alone, with a fact and a longer wait; a heartbeat goes out whatever else
is broken; nothing here keeps the machine from being switched off at any moment.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from afluente_agent import __version__, schedule
from afluente_agent.alive import Alive
from afluente_agent.client import HubClient
from afluente_agent.error_fact import leave_error, leave_refusal
from afluente_agent.errors import AgentError, HubError, RefusedError, SettingsError
from afluente_agent.facts import Journal, leaver
from afluente_agent.failure import Failure
from afluente_agent.heartbeat import beat
from afluente_agent.identity import IdentityStore
from afluente_agent.key_rotation import rotate
from afluente_agent.machine import describe
from afluente_agent.parts import MakeParts, Parts
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import CLOCK_TOLERANCE_SECONDS
from afluente_agent.protocol.messages import HeartbeatAnswer, Spool
from afluente_agent.remedies import Deeds, carry_out
from afluente_agent.settings import DataFolder, Settings, SettingsStore
from afluente_agent.shutdown import is_shutting_down

IDLE_SECONDS = 60.0
SOON_SECONDS = 30.0
FIRST_DOCTOR_SECONDS = 90.0
DOCTOR_SECONDS = 12 * 3600.0
DOCTOR_AGAIN_SECONDS = 3600.0
"""A reading that fails brings the doctor, at most this often."""
LONGEST_NAP_SECONDS = 8.0
LEAST_NAP_SECONDS = 0.5
REFUSED_WAIT_SECONDS = 900.0
"""After a 401 that the clock does not explain: the key is kept, and asked with again later."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Timer:
    """When a part is due, in seconds of the steady clock, and its failures in a row."""

    due: float = 0.0
    failures: int = 0
    since: int = 0


@dataclass(slots=True)
class Timers:
    heartbeat: Timer = field(default_factory=Timer)
    reading: Timer = field(default_factory=Timer)
    sending: Timer = field(default_factory=Timer)
    doctor: Timer = field(default_factory=Timer)

    def by_name(self) -> list[tuple[str, Timer]]:
        return [(one.name, getattr(self, one.name)) for one in fields(self)]


class Loop:
    """The loop of an enrolled agent. `now` is the machine's clock, `steady` one that never jumps."""

    def __init__(
        self,
        folder: DataFolder,
        make_parts: MakeParts,
        *,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
        connect: Callable[..., HubClient] = HubClient,
    ) -> None:
        """Opens the folder. AgentError."""
        self.store = SettingsStore(folder)
        self.identities = IdentityStore(folder.identity)
        self._steady, self._dice = steady, dice
        settings = self.store.load()
        self.client = connect(
            settings,
            self.identities.load(),
            now=now,
            on_offset=self._on_offset,
            on_failure=self._on_failure,
            on_answer=self._on_answer,
        )
        self.journal = Journal(folder.journal, clock=self.client.clock)
        self._leave = leaver(lambda: self.journal)
        self.parts: Parts = make_parts(folder, leave=self._leave, clock=self.client.clock)
        self.timers = Timers(doctor=Timer(due=steady() + FIRST_DOCTOR_SECONDS))
        self._looked_at = float("-inf")
        self._machine = describe(folder.root, install_id=settings.install_id)
        self._started_at = 0
        self._alive = Alive(folder.root / "alive", self.client.clock, self._leave)
        self._has_more_to_tell = False
        self._has_answer_to_obey = False
        self.must_restart = False

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, or until an update asks for a new process."""
        self._leave(fact_codes.SERVICE_STARTED, version=__version__)
        self._alive.begin()
        try:
            while not stop.is_set() and not self.must_restart:
                stop.wait(self.tick())
        finally:
            self._leave(fact_codes.SERVICE_STOPPED_CLEANLY, version=__version__, reason=self._reason_of_stop())
            self._alive.end()
            self.client.close()

    def _reason_of_stop(self) -> str:
        if self.must_restart:
            return "update"
        return "shutdown" if is_shutting_down() else "service"

    def tick(self) -> float:
        """Do what is due; the seconds until something is due again."""
        self.parts.alive()
        heartbeat = self.timers.heartbeat
        has_gap = self._alive.has_gap()
        if (has_gap or self._has_answer_to_obey) and heartbeat.failures == 0:
            heartbeat.due = min(heartbeat.due, self._steady())
        is_answered = self._part("heartbeat", heartbeat, self._heartbeat)
        if is_answered or not has_gap:
            self._alive.note()
            has_gap = False
        self._part("reading", self.timers.reading, self._read)
        self._part("sending", self.timers.sending, self._send)
        self._part("doctor", self.timers.doctor, self._look)
        if not has_gap:
            self._alive.touch()
        soonest = min(timer.due for _, timer in self.timers.by_name())
        return min(max(soonest - self._steady(), LEAST_NAP_SECONDS), LONGEST_NAP_SECONDS)

    def _part(self, name: str, timer: Timer, do: Callable[[Timer], float]) -> bool:
        """Run a part when it is due; it says the seconds to its next time. Whether it ran and did not fail."""
        if self.must_restart or self._steady() < timer.due:
            return False
        try:
            wait = do(timer)
        except HubError as error:
            wait = self._put_off(timer, error)
            _log.warning("%s put off", name, extra={"code": error.code, "seconds": int(wait)})
        except AgentError as error:
            timer.failures += 1
            wait = schedule.wait_after(timer.failures + 3, self._dice)
            if isinstance(error, SettingsError):
                leave_error(self._leave, error, otherwise=fact_codes.SERVICE_CRASHED)
            _log.error("%s failed", name, extra={"code": error.code, "seconds": int(wait)})
        except Exception as error:  # noqa: BLE001 - the boundary of the service: one part must not end the others
            timer.failures += 1
            wait = schedule.wait_after(timer.failures + 4, self._dice)
            self._leave(fact_codes.SERVICE_CRASHED, part=name, code=type(error).__name__)
            _log.exception("%s crashed", name)
        else:
            timer.failures = 0
        timer.due = self._steady() + wait
        return timer.failures == 0

    def _put_off(self, timer: Timer, error: HubError) -> float:
        if timer.failures == 0:
            timer.since = self.client.clock.time()
        timer.failures += 1
        if isinstance(error, RefusedError):
            leave_refusal(self._leave, error)
            if error.status in (401, 403):
                return schedule.jittered(REFUSED_WAIT_SECONDS, self._dice, share=0.3)
        return schedule.wait_after(timer.failures, self._dice, asked_seconds=error.retry_after_seconds)

    def _heartbeat(self, timer: Timer) -> float:
        answer = self._beat(timer)
        timer.due = self._steady() + self._next_in(answer)
        self._has_answer_to_obey = False
        self._obey(answer)
        wait = self._next_in(answer)
        is_more = self._has_more_to_tell or self.journal.waiting() > 0 or bool(self.store.load().untold_remedies)
        self._has_more_to_tell = False
        return min(wait, schedule.jittered(SOON_SECONDS, self._dice)) if is_more else wait

    def _beat_meanwhile(self) -> None:
        """A heartbeat in the middle of a long reading; what its answer asks for is asked for again by the next one."""
        self._part("heartbeat", self.timers.heartbeat, self._tell)

    def _tell(self, timer: Timer) -> float:
        answer = self._beat(timer)
        self._has_answer_to_obey |= bool(answer.remedies) or answer.update is not None or answer.needs_key_rotation
        return self._next_in(answer)

    def _next_in(self, answer: HeartbeatAnswer) -> float:
        seconds = answer.next_in_seconds if answer.next_in_seconds > 0 else self.store.load().heartbeat_seconds
        return schedule.jittered(seconds, self._dice)

    def _beat(self, timer: Timer) -> HeartbeatAnswer:
        if self._started_at == 0:
            self._started_at = self.client.clock.time()
        answer = beat(
            self.store,
            self.client,
            self.journal,
            machine=self._machine,
            spool=self._waiting(),
            started_at=self._started_at,
            update_status=self.parts.update_status(),
        )
        self.parts.reached_hub()
        if timer.failures:
            self._leave(fact_codes.NET_RESTORED, failures=timer.failures, since=timer.since)
        return answer

    def _obey(self, answer: HeartbeatAnswer) -> None:
        if answer.remedies:
            deeds = Deeds(self._resend, self._diagnose, self._rotate, self.parts.roll_back, self._ask_update)
            carry_out(self.store, answer.remedies, deeds, self._leave)
        if answer.needs_key_rotation or self.identities.has_next():
            try:
                self._rotate()
            except AgentError as error:
                _log.warning("the key was not rotated", extra={"code": error.code})
        if answer.update is not None:
            self.must_restart = self.parts.update(self.store.load(), self.client, answer.update)

    def _ask_update(self, version: str) -> str:
        """The order itself comes signed with a heartbeat; asking brings the next one forward."""
        self._has_more_to_tell = True
        return f"asked {version}".strip()

    def _read(self, _timer: Timer) -> float:
        settings, at = self.store.load(), self.client.clock.time()
        if not self.client.clock.is_confirmed and settings.last_extracted_at > at:
            return schedule.jittered(IDLE_SECONDS, self._dice)
        planned = schedule.planned_before(at, send_at=settings.send_at, agent=settings.agent, week=settings.week)
        if settings.catalogue_version == 0 or not schedule.is_due(at, settings.last_extracted_at, planned=planned):
            return schedule.jittered(IDLE_SECONDS, self._dice)
        if schedule.is_missed(at, settings.last_extracted_at, planned=planned):
            self._leave(fact_codes.READING_MISSED, planned=planned, now=at)
        self._extract(settings)
        return schedule.jittered(IDLE_SECONDS, self._dice)

    def _extract(self, settings: Settings, *, only: str = "", is_full: bool = False) -> str:
        at = self.client.clock.time()
        try:
            extraction = self.parts.extract(settings, only=only, is_full=is_full, meanwhile=self._beat_meanwhile)
        except AgentError as error:
            leave_error(self._leave, error, otherwise=fact_codes.READING_FAILED)
            self._bring_doctor()
            raise
        for failure in extraction.failed:
            leave_error(self._leave, failure, otherwise=fact_codes.READING_FAILED)
            self._bring_doctor()
        self._leave(fact_codes.READING_DONE, lists=extraction.lists, rows=extraction.rows)
        pec_version = extraction.pec_version or settings.pec_version
        if only:
            self.store.update(pec_version=pec_version)
        else:
            self.store.update(last_extracted_at=at, pec_version=pec_version)
        self.timers.sending.due = self._steady()
        return f"lists {extraction.lists} rows {extraction.rows}"

    def _send(self, _timer: Timer) -> float:
        if self._waiting().waiting_segments == 0:
            return schedule.jittered(IDLE_SECONDS, self._dice)
        sending = self.parts.send(self.store.load(), self.client)
        if sending.transmissions:
            self._leave(fact_codes.SEND_DONE, transmissions=sending.transmissions, bytes=sending.size_bytes)
            self.store.update(last_sent_at=self.client.clock.time())
        for name in sending.lists_to_read_whole:
            self._extract(self.store.load(), only=name, is_full=True)
        if sending.failure is not None:
            if not isinstance(sending.failure, RefusedError):
                leave_error(self._leave, sending.failure, otherwise=fact_codes.SEND_FAILED)
            raise sending.failure
        if sending.retry_after_seconds:
            seconds = sending.retry_after_seconds
            self._leave(fact_codes.SEND_WAITING, seconds=int(seconds), reason=sending.reason)
            return schedule.jittered(max(seconds, 5), self._dice, share=0.05)
        return 0.0 if sending.has_more else schedule.jittered(IDLE_SECONDS, self._dice)

    def _resend(self, name: str) -> str:
        return self._extract(self.store.load(), only=name, is_full=True)

    def _diagnose(self) -> str:
        codes = self.parts.diagnose(self.store.load())
        return f"findings {','.join(codes)}" if codes else "no findings"

    def _look(self, _timer: Timer) -> float:
        """What the doctor finds wrong is left as facts by the part itself."""
        self._looked_at = self._steady()
        self.parts.diagnose(self.store.load())
        return schedule.jittered(DOCTOR_SECONDS, self._dice)

    def _bring_doctor(self) -> None:
        soonest = max(self._steady(), self._looked_at + DOCTOR_AGAIN_SECONDS)
        self.timers.doctor.due = min(self.timers.doctor.due, soonest)

    def _rotate(self) -> str:
        key = rotate(self.identities, self.client).key
        self._leave(fact_codes.IDENTITY_KEY_ROTATED, key=key)
        return f"key {key}"

    def _waiting(self) -> Spool:
        return self.parts.waiting()

    def _on_offset(self, before: int, now: int) -> None:
        if abs(now) > CLOCK_TOLERANCE_SECONDS:
            self._leave(fact_codes.CLOCK_OFFSET, offset_seconds=-now)
        else:
            self._leave(fact_codes.CLOCK_CORRECTED, before=before, now=now)
        self.store.update(clock_offset_seconds=now)

    def _on_answer(self) -> None:
        self.parts.alive()

    def _on_failure(self, failure: Failure) -> None:
        self._leave(failure.code, **failure.evidence)
