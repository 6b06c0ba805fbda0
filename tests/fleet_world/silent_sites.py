"""Sites with real agents before a real hub, on one working day: what happens at each, and what the hub says of it.

An agent here is the agent: its loop, its client, its reader of PEC, its doctor. What is not a municipality's is the
machine, which is told to the doctor's probes, and the hub's clock.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from afluente_agent.client import HubClient
from afluente_agent.default_parts import default_parts
from afluente_agent.doctor.probes import Probes
from afluente_agent.doctor.run import CHECKS, run_checks
from afluente_agent.doctor_call import leave_findings
from afluente_agent.enrol import enrol
from afluente_agent.loop import Loop
from afluente_agent.parts import Parts
from afluente_agent.settings import DataFolder, Settings, SettingsStore

from afluente.core.clock import SetClock
from afluente.fleet import documents, enrolment, sites
from afluente.fleet.diagnosis import diagnose
from afluente.fleet.diagnosis.verdict import Verdict
from tests.fleet_world import doctor_pec
from tests.fleet_world.doctor_world import ToldWall, probes
from tests.fleet_world.hub_world import HubWorld

ZONE = ZoneInfo("America/Sao_Paulo")
DAY = date(2026, 9, 16)
NEVER = float("inf")
ANSWER_SECONDS = 30.0
OF_THE_LINE = ("clock",)
"""Checks left out: the hub's own `Date` is of today, and the day that is played is another."""


def moment(text: str, *, day: date = DAY) -> datetime:
    hour, minute = map(int, text.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC)


def site_id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name)


class OneTurn(threading.Event):
    """A stop that comes a minute after the first turn of the loop."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(seconds=60)
        self.set()
        return True


@dataclass
class Site:
    """A site's agent. `skew` is how wrong its clock is, `machine` what the doctor sees of it."""

    name: str
    folder: DataFolder
    clock: SetClock
    machine: Callable[[], Probes]
    skew: float = 0.0
    home: Path = field(default_factory=Path)
    machine_hash: str = ""
    """Another machine than this one, which the agent tells of itself."""

    @property
    def store(self) -> SettingsStore:
        return SettingsStore(self.folder)

    def now(self) -> float:
        return self.clock.now().timestamp() + self.skew

    def loop(self, **changed: object) -> Loop:
        """A new process of the agent; parts may be replaced by name."""
        loop = Loop(
            self.folder,
            partial(self._parts, changed),
            now=self.now,
            connect=partial(HubClient, answer_seconds=ANSWER_SECONDS),
        )
        if self.machine_hash:
            loop._machine = replace(loop._machine, machine_hash=self.machine_hash, disk_hash="")
        return loop

    def _parts(self, changed: Mapping[str, object], folder: DataFolder, **named: object) -> Parts:
        leave = named["leave"]

        def look(settings: Settings) -> tuple[str, ...]:
            checks = [one for one in CHECKS if one.name not in OF_THE_LINE]
            machine = replace(self.machine(), wall=ToldWall(self.now()))
            return leave_findings(run_checks(settings, folder=folder, probes=machine, checks=checks), leave)

        return replace(default_parts(folder, **named), **{"diagnose": look, **changed})

    def turn(self, *parts: str, times: int = 1, is_start: bool = False, **changed: object) -> Loop:
        """A process that does these parts of its work, each once a turn; one that starts looks whether there is a gap."""
        loop = self.loop(**changed)
        if is_start:
            loop._alive.begin()
        try:
            for _ in range(times):
                for name, timer in loop.timers.by_name():
                    timer.due = 0.0 if name in parts else NEVER
                loop.tick()
        finally:
            loop.client.close()
        return loop

    def beat(self) -> None:
        self.turn("heartbeat", times=2)

    def read(self) -> None:
        self.store.update(last_extracted_at=0)
        self.turn("heartbeat", "reading")

    def look(self) -> None:
        self.turn("heartbeat", "doctor", times=2)

    def told_to(self, address: str, *parts: str, **settings: object) -> None:
        """A process that is led elsewhere than to the hub; afterwards the address is right again."""
        before = self.store.load()
        self.store.update(hub=address, **settings)
        try:
            self.turn(*(parts or ("heartbeat",)), times=2)
        finally:
            self.store.update(hub=before.hub, proxy=before.proxy, ca_file=before.ca_file)


@dataclass
class SilentSites:
    """The hub, its clock and the sites by name."""

    hub: HubWorld
    clock: SetClock
    folder: Path
    server: doctor_pec.PostgresServer | None = None
    sites: dict[str, Site] = field(default_factory=dict)
    shared: str = ""
    """A database of PEC that nobody changes."""

    def at(self, text: str, *, days: int = 0) -> None:
        self.clock.moment = moment(text, day=DAY + timedelta(days=days))

    def add(self, name: str, *, municipality: str = "3550308", is_invited: bool = False) -> Site:
        """A site whose agent is enrolled, with a PEC that is well, and has spoken once."""
        at, id_ = self.clock.now(), site_id(name)
        with self.hub.database.write() as connection:
            new = sites.NewSite(id_, municipality, "SP", f"Município {name}")
            sites.register(connection, [new], by="ana", at=at)
            token = enrolment.create_tokens(connection, [id_], by="ana", at=at, days=30)[0][1]
        home = self.folder / id_
        site = Site(id_, DataFolder(home / "agent"), self.clock, machine=probes, home=home)
        self.sites[name] = site
        if is_invited:
            return site
        enrol(site.folder, hub=self.hub.server.agents_address, token=token, now=site.now, proxy="none")
        if self.server is not None:
            self.shared = self.shared or doctor_pec.make_database(self.server)
            self._lead_to_pec(site, self.shared)
        site.beat()
        return site

    def give_pec(self, site: Site, **configured: str) -> str:
        """A PEC of the site's own, which says this of itself; the name of its database."""
        assert self.server is not None
        name = doctor_pec.make_database(self.server, configured={**doctor_pec.CONFIGURED, **configured})
        self._lead_to_pec(site, name)
        return name

    def _lead_to_pec(self, site: Site, name: str) -> None:
        assert self.server is not None
        place = doctor_pec.install(site.home / name, port=self.server.port, database=name)
        site.machine = partial(probes, pec_folders=[place])
        site.store.update(
            pec_folder=str(place),
            pec_host="127.0.0.1",
            pec_port=self.server.port,
            pec_database=name,
            pec_credentials=str(place / "webserver" / "config" / "credenciais.txt"),
        )

    def publish(self, lists: Sequence[object]) -> None:
        with self.hub.database.write() as connection:
            documents.publish(
                connection,
                kind="catalogue",
                name="default",
                content={"lists": [asdict(one) for one in lists]},
                by="ana",
                at=self.clock.now(),
                signer=self.hub.parts.signer,
            )

    def verdicts(self, *, day: date = DAY) -> dict[str, Verdict]:
        return {one.site: one for one in diagnose(self.hub.database, day=day, at=self.clock.now())}
