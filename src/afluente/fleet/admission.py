"""Who may send now: slots shared by every hub process, their number led by the central database's latency.

Invariant: slots are counted and given under one lock of the state, so that no two processes give the same one; a slot
whose holder died ends by itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.core.ids import new_id
from afluente.fleet import slots, window
from afluente.fleet.activity import hours_of
from afluente.fleet.due import LONGEST_WAIT, has_come
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.slots import Crowd, Granted, SlotSettings, Waiting
from afluente.fleet.window import Window, WindowSettings
from afluente.state.database import Database
from afluente.state.fleet_schema import ADMISSION, SITES, SLOT_QUEUE, SLOTS
from afluente.state.upsert import upsert
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest

CENTRAL = "central"
NOTHING_SECONDS = 60
KEEP_SHARE = 0.3
"""A holder that asks again gets its slot back while at least this share of it is left; after that it queues."""


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """`bytes_per_second` is what the hub takes in from all sites together; each slot gets its share."""

    window: WindowSettings = field(default_factory=WindowSettings)
    slots: SlotSettings = field(default_factory=SlotSettings)
    bytes_per_second: int = 64 << 20
    least_bytes_per_second: int = 64 << 10
    probe_seconds: float = 1.0


class Admission:
    """Gives slots. Any number of processes may, over one state."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: AdmissionSettings | None = None,
        *,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings or AdmissionSettings()
        self._chance = chance or random.random
        self._typical_seconds = self._settings.slots.typical_seconds

    def ask(self, identity: AgentIdentity, request: SlotRequest) -> SlotAnswer:
        """A slot, or when to ask again. Asking twice gives the same slot; nobody gets ahead by what it says it holds."""
        if request.transmissions < 1 and request.waiting_bytes < 1:
            return SlotAnswer("", 0, NOTHING_SECONDS, 0, "nothing_to_send")
        now = self._clock.now()
        with self._database.write() as connection:
            current = self._locked(connection, now)
            self._clear(connection, now)
            if (kept := self._kept(connection, identity.site, now, current)) is not None:
                return kept
            own = self._own(connection, identity.site)
            decision = slots.decide(
                identity.site,
                own,
                self._crowd(connection, identity.site, own, now),
                limit=current.slots,
                now=now,
                remaining=self._remaining(connection, identity.site, now),
                chance=self._chance(),
                typical_seconds=self._typical_seconds,
                settings=self._settings.slots,
            )
            match decision:
                case Granted():
                    return self._grant(connection, identity.site, now, current)
                case Waiting():
                    return self._queue(connection, decision, own, now, current)

    def holds(self, connection: sa.Connection, site: str) -> bool:
        """Whether a site holds a slot that has not ended."""
        query = sa.select(SLOTS.c.id).where(SLOTS.c.site == site, SLOTS.c.until > self._clock.now())
        return connection.execute(query).first() is not None

    def release(self, slot: str) -> None:
        """The holder, which the caller made sure of, has sent all. A slot that ended already is nothing to end."""
        now = self._clock.now()
        with self._database.write() as connection:
            granted_at = connection.execute(
                sa.select(SLOTS.c.granted_at).where(SLOTS.c.id == slot)
            ).scalar_one_or_none()
            if granted_at is None:
                return
            connection.execute(sa.delete(SLOTS).where(SLOTS.c.id == slot))
        held_seconds = min((now - granted_at).total_seconds(), self._settings.slots.slot_seconds)
        self._typical_seconds += 0.1 * (max(0.05, held_seconds) - self._typical_seconds)

    def observe(self, latency_ms: float) -> Window:
        """Move the window by a measurement of the central database's latency."""
        now = self._clock.now()
        with self._database.write() as connection:
            current = self._locked(connection, now)
            held = self._held(connection, now)
            moved = window.observe(current, latency_ms, is_idle=held == 0, settings=self._settings.window)
            self._store(connection, moved, now)
        return moved

    def begin_probe(self) -> bool:
        """Whether this process is the one to measure now: one of all of them, once each probe interval."""
        now = self._clock.now()
        with self._database.write() as connection:
            self._locked(connection, now)
            taken = connection.execute(
                sa.update(ADMISSION)
                .where(
                    ADMISSION.c.name == CENTRAL,
                    has_come(ADMISSION.c.updated_at, now - timedelta(seconds=self._settings.probe_seconds)),
                )
                .values(updated_at=now)
            )
            return taken.rowcount == 1

    def window(self) -> Window:
        """The window as it stands."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(ADMISSION).where(ADMISSION.c.name == CENTRAL)).first()
        if row is None:
            return Window(self._settings.window.first)
        return Window(row.limit, row.latency_ms, row.baseline_ms)

    def allowed_loads(self) -> int:
        """How many loads the central database bears at once: a share of the window, one while it is strained."""
        current = self.window()
        if current.is_strained(self._settings.window):
            return 1
        return max(1, current.slots // 4)

    def _locked(self, connection: sa.Connection, now: datetime) -> Window:
        """The window, with its row locked: whoever else asks waits until this transaction ends."""
        query = sa.select(ADMISSION).where(ADMISSION.c.name == CENTRAL).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            long_ago = now - timedelta(seconds=self._settings.probe_seconds)
            upsert(connection, ADMISSION, [_window_row(Window(self._settings.window.first), long_ago)])
            row = connection.execute(query).one()
        return Window(row.limit, row.latency_ms, row.baseline_ms)

    @staticmethod
    def _store(connection: sa.Connection, moved: Window, now: datetime) -> None:
        upsert(connection, ADMISSION, [_window_row(moved, now)])

    def _clear(self, connection: sa.Connection, now: datetime) -> None:
        connection.execute(sa.delete(SLOTS).where(has_come(SLOTS.c.until, now)))
        forgotten = now - timedelta(seconds=self._settings.slots.forget_seconds)
        reserved_for = SLOT_QUEUE.c.reserved_for
        is_void = sa.or_(reserved_for <= forgotten, reserved_for > now + LONGEST_WAIT)
        connection.execute(sa.delete(SLOT_QUEUE).where(is_void))

    def _kept(self, connection: sa.Connection, site: str, now: datetime, current: Window) -> SlotAnswer | None:
        row = connection.execute(sa.select(SLOTS).where(SLOTS.c.site == site)).first()
        if row is None:
            return None
        if (row.until - now).total_seconds() >= self._settings.slots.slot_seconds * KEEP_SHARE:
            return self._answer(row.id, row.until, current)
        connection.execute(sa.delete(SLOTS).where(SLOTS.c.id == row.id))
        return None

    @staticmethod
    def _own(connection: sa.Connection, site: str) -> Waiting | None:
        row = connection.execute(sa.select(SLOT_QUEUE).where(SLOT_QUEUE.c.site == site)).first()
        return None if row is None else Waiting(row.site, row.waiting_since, row.reserved_for, row.turned_away)

    @staticmethod
    def _held(connection: sa.Connection, now: datetime) -> int:
        query = sa.select(sa.func.count()).select_from(SLOTS).where(SLOTS.c.until > now)
        return int(connection.execute(query).scalar_one())

    def _crowd(self, connection: sa.Connection, site: str, own: Waiting | None, now: datetime) -> Crowd:
        queue, settings = SLOT_QUEUE.c, self._settings.slots
        is_before = queue.site != site
        if own is not None:
            since = own.waiting_since
            is_before = sa.or_(queue.waiting_since < since, sa.and_(queue.waiting_since == since, queue.site < site))
        is_alive = queue.reserved_for > now - timedelta(seconds=settings.lapse_seconds)
        is_protected = queue.turned_away >= settings.protected_after
        in_grace = queue.reserved_for > now - timedelta(seconds=settings.grace_seconds)
        is_due = sa.and_(~is_protected, queue.reserved_for <= now, in_grace)
        row = connection.execute(
            sa.select(
                sa.func.count().filter(is_due).label("due"),
                sa.func.count().filter(is_protected).label("protected"),
                sa.func.count().label("queued"),
            ).where(is_before, is_alive)
        ).one()
        return Crowd(self._held(connection, now), row.due, row.protected, row.queued)

    @staticmethod
    def _remaining(connection: sa.Connection, site: str, now: datetime) -> timedelta:
        timezone = connection.execute(sa.select(SITES.c.timezone).where(SITES.c.id == site)).scalar_one_or_none()
        return hours_of(connection, site, timezone or "UTC", at=now).remaining(now, most=slots.SPREAD_MOST)

    def _grant(self, connection: sa.Connection, site: str, now: datetime, current: Window) -> SlotAnswer:
        connection.execute(sa.delete(SLOT_QUEUE).where(SLOT_QUEUE.c.site == site))
        slot, until = new_id(now), now + timedelta(seconds=self._settings.slots.slot_seconds)
        connection.execute(sa.insert(SLOTS).values(id=slot, site=site, granted_at=now, until=until))
        return self._answer(slot, until, current)

    def _queue(
        self,
        connection: sa.Connection,
        waiting: Waiting,
        own: Waiting | None,
        now: datetime,
        current: Window,
    ) -> SlotAnswer:
        if waiting != own:
            row = {
                "site": waiting.site,
                "waiting_since": waiting.waiting_since,
                "reserved_for": waiting.reserved_for,
                "turned_away": waiting.turned_away,
            }
            upsert(connection, SLOT_QUEUE, [row])
        is_strained = current.is_strained(self._settings.window)
        return SlotAnswer(
            slot="",
            until=0,
            retry_after_seconds=max(1, math.ceil((waiting.reserved_for - now).total_seconds())),
            most_bytes_per_second=0,
            reason="central_busy" if is_strained else "queue",
        )

    def _answer(self, slot: str, until: datetime, current: Window) -> SlotAnswer:
        share = self._settings.bytes_per_second // max(1, current.slots)
        return SlotAnswer(
            slot=slot,
            until=int(until.timestamp()),
            retry_after_seconds=0,
            most_bytes_per_second=max(self._settings.least_bytes_per_second, share),
        )


def _window_row(current: Window, at: datetime) -> dict[str, object]:
    return {
        "name": CENTRAL,
        "limit": current.limit,
        "latency_ms": current.latency_ms,
        "baseline_ms": current.baseline_ms,
        "updated_at": at,
    }
