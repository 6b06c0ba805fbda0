"""Sending what waits in the spool: a slot, then each transmission by chunks from where the hub stands.

    POST /v1/slot                     a slot, or how long to wait
    POST /v1/transmissions            the same id as often as needed: its state and offset
    PATCH /v1/transmissions/{id}      a chunk at `Upload-Offset`; 409 tells where the hub stands, `slot_needed` that
                                      the slot ended: another is asked for, and the sending goes on at its offset
    GET /v1/transmissions/{id}        until it has landed
    DELETE /v1/slot/{id}              whatever happened

Invariant: a transmission leaves the spool only after the hub said that it landed, or refused it for good - and then
it is set aside and told. The hub checks the digest of the whole, so its offset is followed wherever it stands.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from afluente_agent.bandwidth import ChunkSize, TokenBucket
from afluente_agent.errors import AgentError, HubError, RefusedError, SpoolError, UnreachableError
from afluente_agent.protocol.limits import CHUNK_BYTES, MAX_CHUNK_BYTES
from afluente_agent.protocol.messages import (
    MessageError,
    SlotAnswer,
    SlotRequest,
    TransmissionState,
    from_json,
    to_json,
)
from afluente_agent.protocol.refusal_codes import SLOT_NEEDED
from afluente_agent.protocol.signing import CONTENT_HEADER, OFFSET_HEADER, content_sha256
from afluente_agent.spool import trouble

if TYPE_CHECKING:
    from afluente_agent.client import Answer
    from afluente_agent.spool.manifest import Manifest
    from afluente_agent.spool.store import Spool

MOST_FAILURES = 4
"""Requests without an answer, one after the other, before the line is left alone."""
MOST_DETOURS = 12
"""Times the hub may stand elsewhere while nothing moves forward."""
MOST_ROUNDS = 4
"""Times a transmission is begun again: the hub forgot it, or its digest was wrong there."""
MOST_ASKED = 20
SLOT_AGAIN_SECONDS = 30.0
"""The wait after a slot in which nothing could be sent."""
LONGEST_PAUSE_SECONDS = 60.0
"""A longer wait asked for by the hub is the loop's affair."""
_HAS_IT = ("landed", "loading", "loaded")
_FINAL = (400, 409, 413, 422)
_JSON = {"Content-Type": "application/json"}


Message = TypeVar("Message")


class Hub(Protocol):
    """What sending needs of HubClient."""

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer: ...

    def refused(self, answer: Answer) -> RefusedError: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Bounds of sending, and its clocks. `now` is the hub's time in seconds, `monotonic` any that only grows."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    chunk_bytes: int = CHUNK_BYTES
    most_bytes_per_second: int = 0
    most_seconds: float = math.inf
    """After the slot in which this time is over, what is left waits for the next call."""


@dataclass(slots=True)
class Sent:
    """What came of it. `failure` ended it early; `retry_after_seconds` is what the hub asked to wait, and `reason` why.

    `has_more`: all went well, and the time was over before all was sent.
    `lists_to_read_whole` names lists of which a delta is of no more use to the hub.
    """

    transmissions: int = 0
    size_bytes: int = 0
    refused: int = 0
    lists_to_read_whole: set[str] = field(default_factory=set)
    retry_after_seconds: float = 0
    reason: str = ""
    failure: AgentError | None = None
    has_more: bool = False


class _DeferredError(Exception):
    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


class _SlotEndedError(Exception):
    pass


def send(spool: Spool, hub: Hub, pace: Pace) -> Sent:
    """Send all that waits, in its order, as far as slots and the line allow. What went wrong stands in it."""
    sent = Sent()
    begun = pace.monotonic()
    try:
        while waiting := spool.waiting():
            before = (sent.transmissions, sent.refused, sent.size_bytes)
            is_whole = _send_in_a_slot(spool, hub, pace, waiting, sent)
            if before == (sent.transmissions, sent.refused, sent.size_bytes):
                if not is_whole:
                    raise _DeferredError(SLOT_AGAIN_SECONDS, SLOT_NEEDED)
                break
            if pace.monotonic() - begun >= pace.most_seconds:
                sent.has_more = bool(spool.waiting())
                break
    except _DeferredError as deferred:
        sent.retry_after_seconds, sent.reason = deferred.seconds, deferred.reason
    except AgentError as error:
        sent.failure = error
        sent.retry_after_seconds = getattr(error, "retry_after_seconds", 0)
    return sent


def _send_in_a_slot(spool: Spool, hub: Hub, pace: Pace, waiting: list[Manifest], sent: Sent) -> bool:
    """Send within one slot; whether it lasted for all that waits."""
    request = SlotRequest(
        waiting_bytes=sum(one.start.size_bytes for one in waiting),
        transmissions=len(waiting),
        oldest_at=min(one.committed_at for one in waiting),
    )
    line = _Line(hub, pace)
    slot = line.read(SlotAnswer, line.ask("POST", "/v1/slot", to_json(request), _JSON))
    if not slot.slot:
        raise _DeferredError(max(slot.retry_after_seconds, 1), slot.reason)
    try:
        rates = [rate for rate in (pace.most_bytes_per_second, slot.most_bytes_per_second) if rate > 0]
        sender = _Sender(spool, line, pace, slot, min(rates, default=0), sent)
        for one in waiting:
            try:
                sender.send(one)
            except SpoolError as error:
                if error.code == trouble.BROKEN:
                    spool.quarantine(one.id, what=error.message_en, name=one.start.list_name)
                    sent.lists_to_read_whole.add(one.start.list_name)
                elif error.code != trouble.MISSING:
                    raise
        return True
    except _SlotEndedError:
        return False
    finally:
        with contextlib.suppress(HubError):
            hub.request("DELETE", f"/v1/slot/{slot.slot}")


class _Line:
    """Requests that are patient: again after no answer, and when the hub asks for a short wait."""

    def __init__(self, hub: Hub, pace: Pace) -> None:
        self._hub = hub
        self._pace = pace

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        failures = 0
        while True:
            try:
                return self.once(method, path, body, headers)
            except UnreachableError as error:
                failures += 1
                self.pause_after(failures, error)

    def once(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request, and again after each short wait the hub asked for. UnreachableError, _DeferredError, _SlotEndedError."""
        for _ in range(MOST_FAILURES):
            answer = self._hub.request(method, path, body, headers)
            if answer.status not in (429, 503):
                return answer
            refused = self._hub.refused(answer)
            if refused.code == SLOT_NEEDED:
                raise _SlotEndedError
            seconds = max(refused.retry_after_seconds, 1)
            if seconds > LONGEST_PAUSE_SECONDS:
                raise _DeferredError(seconds, refused.code)
            self._pace.sleep(seconds)
        raise _DeferredError(seconds, refused.code)

    def pause_after(self, failures: int, error: UnreachableError) -> None:
        """Wait a little more after each failure; raises the error when it was one too many."""
        if failures >= MOST_FAILURES:
            raise error
        self._pace.sleep(min(2.0**failures, LONGEST_PAUSE_SECONDS))

    def refused(self, answer: Answer) -> RefusedError:
        return self._hub.refused(answer)

    def read(self, kind: type[Message], answer: Answer) -> Message:
        """The message of an answer. RefusedError when it is a refusal or nothing of the hub."""
        if answer.is_success:
            with contextlib.suppress(MessageError):
                return from_json(kind, answer.body)
        raise self._hub.refused(answer)


class _Sender:
    """Sends transmissions within one slot."""

    def __init__(self, spool: Spool, line: _Line, pace: Pace, slot: SlotAnswer, rate: int, sent: Sent) -> None:
        self._spool = spool
        self._line = line
        self._pace = pace
        self._until = slot.until
        self._sent = sent
        self._bucket = TokenBucket(rate, pace.monotonic, pace.sleep)
        most = min(pace.chunk_bytes, MAX_CHUNK_BYTES)
        self._chunk = ChunkSize(min(most, int(self._bucket.burst_bytes)) if rate else most)

    def send(self, one: Manifest) -> None:
        """One transmission, to its end: landed, refused, or an exception of the line, the slot or the spool."""
        for _ in range(MOST_ROUNDS):
            state = self._start(one)
            if state is not None and state.state == "receiving":
                self._push(one, state.offset)
                state = self._settled(one)
            if state is not None and self._is_over(one, state):
                return
        raise HubError(
            "upload.no_end",
            "o hub recebeu a remessa mas não a confirmou; o agente tenta de novo mais tarde",
            "the hub has not confirmed the transmission",
            retry_after_seconds=LONGEST_PAUSE_SECONDS,
        )

    def _start(self, one: Manifest) -> TransmissionState | None:
        self._check_slot()
        answer = self._line.ask("POST", "/v1/transmissions", to_json(one.start), _JSON)
        refusal = None if answer.is_success else answer.refusal()
        if refusal is not None and answer.status in _FINAL and refusal.code.startswith("transmission."):
            return TransmissionState(one.id, "refused", 0, needs_full=True, reason=refusal.code)
        return self._line.read(TransmissionState, answer)

    def _push(self, one: Manifest, offset: int) -> None:
        """Chunks until the hub stands at the end, or no longer knows the transmission or receives it."""
        failures = detours = 0
        furthest = offset
        path = f"/v1/transmissions/{one.id}"
        while 0 <= offset < one.start.size_bytes:
            self._check_slot()
            chunk = self._spool.read(one, offset, self._chunk.bytes_now)
            self._bucket.take(len(chunk))
            begun = self._pace.monotonic()
            headers = {
                OFFSET_HEADER: str(offset),
                CONTENT_HEADER: content_sha256(chunk),
                "Content-Type": "application/octet-stream",
            }
            try:
                answer = self._line.once("PATCH", path, chunk, headers)
            except UnreachableError as error:
                failures += 1
                self._chunk.lost()
                self._line.pause_after(failures, error)
                answer = self._line.ask("GET", path)
                if answer.status != 404:
                    state = self._line.read(TransmissionState, answer)
                    if state.state != "receiving":
                        return
                    offset = state.offset
            else:
                offset, is_known = self._after(answer, offset, len(chunk))
                if not is_known:
                    return
                if answer.is_success:
                    self._chunk.sent(len(chunk), self._pace.monotonic() - begun)
            if answer.status == 404:
                return
            if offset > furthest:
                self._sent.size_bytes += offset - furthest
                furthest, failures, detours = offset, 0, 0
                continue
            detours += 1
            if detours > MOST_DETOURS:
                break

    def _after(self, answer: Answer, offset: int, size_bytes: int) -> tuple[int, bool]:
        """Where the hub stands after a chunk, and whether it still receives this transmission."""
        told = answer.headers.get(OFFSET_HEADER.lower(), "")
        stands = int(told) if told.isdecimal() and len(told) < 16 else None
        if answer.is_success:
            return (offset + size_bytes if stands is None else stands), True
        if answer.status == 409:
            return (offset if stands is None else stands), stands is not None
        refusal = answer.refusal()
        if refusal is not None and refusal.code == "transmission.chunk_sha256":
            return offset, True
        if refusal is not None and (answer.status == 404 or refusal.code.startswith("transmission.")):
            return offset, False
        if answer.status == 413:
            self._chunk.lost()
            return offset, True
        raise self._line.refused(answer)

    def _settled(self, one: Manifest) -> TransmissionState | None:
        """The state once the hub has looked at the whole; None when there is nothing to wait for."""
        pause_seconds = 0.5
        for _ in range(MOST_ASKED):
            answer = self._line.ask("GET", f"/v1/transmissions/{one.id}")
            if answer.status == 404:
                return None
            state = self._line.read(TransmissionState, answer)
            if state.state != "receiving" or state.offset != one.start.size_bytes:
                return state
            self._pace.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS / 2)
        return None

    def _is_over(self, one: Manifest, state: TransmissionState) -> bool:
        if state.needs_full:
            self._sent.lists_to_read_whole.add(one.start.list_name)
        if state.state in _HAS_IT:
            self._spool.remove(one.id)
            self._sent.transmissions += 1
            return True
        if state.state == "refused":
            self._spool.refuse(one, code=state.reason or "refused")
            self._sent.refused += 1
            return True
        return False

    def _check_slot(self) -> None:
        if self._pace.now() >= self._until:
            raise _SlotEndedError
