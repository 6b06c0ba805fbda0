"""Whatever is lost, repeated, restarted or killed on either side: what was committed lands, once, as it was."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import sqlalchemy as sa
from afluente_agent.spool.bounds import SpoolLimits
from afluente_agent.spool.recovery import recover
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.fleet_world.spool_world import Facts, open_spool, packed_list, put
from tests.fleet_world.upload_world import LANDING_KEY, Clocks, Door, empty_state, landed_bytes, send_all

from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.uploads import Uploads
from afluente.state.database import open_state
from afluente.state.fleet_schema import FACTS

LIMITS = SpoolLimits(segment_bytes=1 << 14, record_bytes=1 << 10)
LISTS = ["a_lista", "b_lista"]
DEATHS = ["appended", "looked", "landed"]
FAULTS = ["", "lost", "unanswered", "twice", "503", *DEATHS]


class Died(BaseException):
    """The hub process is no more."""


class MortalLanding(LandingStore):
    """Lets its process die at one moment."""

    dies_at = ""

    def append(self, transmission: str, offset: int, chunk: bytes) -> None:
        super().append(transmission, offset, chunk)
        self._may_die("appended")

    def land(self, transmission: str) -> str:
        self._may_die("looked")
        path = super().land(transmission)
        self._may_die("landed")
        return path

    def _may_die(self, moment: str) -> None:
        if self.dies_at == moment:
            self.dies_at = ""
            raise Died


@dataclass
class HubClock:
    """The hub's time is the time of all."""

    clock: Clocks

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.at, UTC)


class MortalDoor(Door):
    """A hub process that was killed gives no answer, and another one takes its place."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except Died:
            raise httpx.RemoteProtocolError("gone", request=request) from None


packed = functools.cache(lambda rows, seed: packed_list(rows, seed=seed))


class SpoolToLanding(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "state.db").write_bytes(empty_state())
        self.database = open_state("sqlite:///state.db", self.folder)
        self.clock = Clocks()
        self.facts = Facts()
        self.committed: dict[str, bytes] = {}
        self.last: dict[str, str] = {}
        self.cuts = 0
        self.landing = self.new_landing()
        self.door = MortalDoor(self.new_uploads(), self.clock)
        self.restart_agent()

    def new_landing(self) -> MortalLanding:
        return MortalLanding(self.folder / "landing", LandingKeys(LANDING_KEY))

    def new_uploads(self) -> Uploads:
        return Uploads(self.database, self.landing, HubClock(self.clock))

    @rule()
    def restart_agent(self) -> None:
        self.spool = open_spool(self.folder, facts=self.facts, limits=LIMITS)
        assert recover(self.spool).quarantined == 0

    @rule(is_cut=st.booleans(), cut=st.integers(1, 40_000))
    def restart_hub(self, is_cut: bool, cut: int) -> None:
        """A new process; the files being received may have lost their end, whatever the disk promised."""
        self.landing = self.new_landing()
        self.door.uploads = self.new_uploads()
        if is_cut and self.cuts < 2:
            self.cuts += 1
            for path in (self.folder / "landing").rglob("*.part"):
                os.truncate(path, max(path.stat().st_size - cut, 0))

    @rule(
        rows=st.sampled_from([0, 1, 900, 2500]),
        seed=st.integers(0, 3),
        name=st.sampled_from(LISTS),
        is_delta=st.booleans(),
    )
    def commit(self, rows: int, seed: int, name: str, is_delta: bool) -> None:
        content = packed(rows, seed)
        of = {"kind": "delta", "base": self.last[name]} if is_delta and name in self.last else {}
        start = put(self.spool, content, rows, name=name, **of)
        self.committed[start.id] = content
        self.last[name] = start.id

    @rule(size=st.integers(0, 30_000))
    def power_cut_while_reading(self, size: int) -> None:
        sink = self.spool.new_sink()
        sink.write(bytes(size))
        if sink._segment is not None:
            sink._segment.discard()
        self.restart_agent()

    @rule(data=st.data(), chunk_bytes=st.sampled_from([16_384, 20_000, 65_536]))
    def send_over_a_poor_line(self, data: st.DataObject, chunk_bytes: int) -> None:
        """Requests and answers are lost, and the hub dies in the middle of its work."""
        self.commit(data.draw(st.sampled_from([1, 900, 2500])), 4, data.draw(st.sampled_from(LISTS)), is_delta=False)
        self.send(data.draw(st.lists(st.sampled_from(FAULTS), min_size=4, max_size=16)), chunk_bytes)

    def send(self, faults: list[str], chunk_bytes: int) -> None:
        left = list(faults)

        def fault(request: httpx.Request) -> str:
            now = left.pop(0) if left else ""
            if now in DEATHS:
                self.landing.dies_at = now
                return ""
            return now

        self.door.fault = fault
        sent = send_all(self.spool, self.door, chunk_bytes=chunk_bytes)
        assert sent.refused == 0
        assert sent.lists_to_read_whole == set()
        self.landing.dies_at = ""

    @rule(seconds=st.sampled_from([60, 1000, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.at += seconds
        self.door.uploads.settle()

    def teardown(self) -> None:
        if not hasattr(self, "database"):
            return
        try:
            for _ in range(8):
                self.send([], 65_536)
                self.clock.at += 1000
                if not self.spool.waiting():
                    break
            self.all_is_there()
        finally:
            self.database.close()
            shutil.rmtree(self.folder)

    def all_is_there(self) -> None:
        assert self.spool.waiting() == []
        assert list(self.spool.quarantine_folder.iterdir()) == []
        assert set(self.facts.codes) <= {"spool.unfinished"}
        assert dict(landed_bytes(self.database, self.folder / "landing")) == self.committed
        files = sorted(path.name for path in (self.folder / "landing").rglob("*") if path.is_file())
        assert files == sorted(f"{transmission}.landed" for transmission in self.committed)
        with self.database.read() as connection:
            told = set(connection.execute(sa.select(FACTS.c.code)).scalars())
        assert told <= ({"hub.upload_damaged"} if self.cuts else set())


SpoolToLanding.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestSpoolToLanding = SpoolToLanding.TestCase
