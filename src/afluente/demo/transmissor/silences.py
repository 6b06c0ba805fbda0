"""Failures put into the municipalities over two mornings, and the verdicts that are right for them.

Invariant: a failure is told by the agent's own code or by a fact as the agent writes it; the rules are not told which
verdict is right.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from afluente.demo.transmissor.calendar_week import leap_to
from afluente.demo.transmissor.hub_world import BY, HubWorld
from afluente.demo.transmissor.municipal_servers import MunicipalServers
from afluente.demo.transmissor.postgres import free_port
from afluente.demo.transmissor.site_agents import SiteAgent, together
from afluente.fleet.calendar import KnownDay, keep
from afluente.fleet.diagnosis import diagnose
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.fleet.diagnosis.verdicts import history
from afluente_agent.protocol import fact_codes
from afluente_agent.settings import SettingsStore

OURS = "ours.hub_down"


@dataclass(frozen=True, slots=True)
class Failure:
    """What happens at a site, and the verdict that is right for it."""

    name_pt: str
    name_en: str
    right: str


CREDENTIALS = Failure(
    "a manutenção trocou a senha do PEC", "maintenance changed PEC's password", "maintenance.pec_credentials"
)
STOPPED = Failure("o banco do PEC está parado", "PEC's database is stopped", "maintenance.db_down")
DISK = Failure("o disco encheu", "the disk is full", "maintenance.disk_full")
TASK = Failure("a tarefa agendada foi removida", "the scheduled task was removed", "maintenance.task_removed")
HOLIDAY = Failure("feriado municipal", "municipal holiday", "inactivity.municipal_holiday")
DNS = Failure("o DNS não acha a central", "DNS does not find the hub", "connectivity.dns")
SITE_FAILURES = (CREDENTIALS, STOPPED, DISK, TASK, HOLIDAY, DNS)
HUB_FAILURE = Failure("a central ficou fora das 7h35 às 10h20", "the hub was down from 7:35 to 10:20", OURS)


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A failure and the verdict that stands for it. `corrected` is the verdict that a later fact took back."""

    failure: Failure
    site: str
    verdict: Verdict | None
    corrected: str = ""

    @property
    def is_right(self) -> bool:
        return self.verdict is not None and self.verdict.code == self.failure.right


@dataclass(slots=True)
class Silences:
    """The failing sites, in the order of SITE_FAILURES."""

    hub: HubWorld
    servers: MunicipalServers
    failing: list[SiteAgent]

    def break_down(self, day: date) -> None:
        """What happens on the morning of the day, before anybody sends."""
        for failure, agent in zip(SITE_FAILURES, self.failing, strict=True):
            if failure is CREDENTIALS:
                self.servers.keep_credentials(agent.site, "outra")
            elif failure is STOPPED:
                SettingsStore(agent.folder).update(pec_port=free_port())
            elif failure is HOLIDAY:
                with self.hub.database.write() as connection:
                    keep(connection, [KnownDay(agent.site, day, "Padroeira", "holiday")], by=BY)

    def try_to_send(self) -> None:
        """The agents of the failing sites do what they can; those that are silent do nothing."""
        for failure, agent in zip(SITE_FAILURES, self.failing, strict=True):
            if failure in (CREDENTIALS, STOPPED):
                agent.read_and_send()
            elif failure is DISK:
                agent.leave(fact_codes.DISK_FULL, where="fila de remessas", free_bytes=0)
                agent.beat()
            elif failure is TASK:
                agent.leave(fact_codes.SERVICE_WATCHDOG_RESTORED_TASK, name="AfluenteAgente")
                agent.beat()
            elif failure is DNS:
                for _ in range(2):
                    agent.leave(fact_codes.NET_DNS, host="central.exemplo.org.br")

    def first_morning(self, day: date, others: Collection[SiteAgent]) -> list[Diagnosed]:
        """The verdicts of half past ten."""
        alive = [a for f, a in zip(SITE_FAILURES, self.failing, strict=True) if f not in (HOLIDAY, DNS)]
        together([*others, *alive], SiteAgent.beat)
        found = {one.site: one for one in diagnose(self.hub.database, day=day, at=self.hub.clock.now())}
        return [
            Diagnosed(failure, agent.site, found.get(agent.site))
            for failure, agent in zip(SITE_FAILURES, self.failing, strict=True)
        ]

    def wrongly_told(self, day: date) -> int:
        """Sites that sent all and have a verdict nevertheless."""
        failing = {agent.site for agent in self.failing}
        found = diagnose(self.hub.database, day=day, at=self.hub.clock.now())
        return sum(one.site not in failing for one in found)

    def next_morning(self, day: date, before: list[Diagnosed]) -> list[Diagnosed]:
        """The site that DNS had cut off is back, and what its journal kept explains the day before."""
        leap_to(self.hub.clock, day, "07:31")
        agent = self.failing[SITE_FAILURES.index(DNS)]
        agent.beat()
        diagnose(self.hub.database, day=day, at=self.hub.clock.now())
        yesterday = day - timedelta(days=1)
        with self.hub.database.read() as connection:
            told = [one for one in history(connection, agent.site) if one.day == yesterday]
        standing = next((one for one in told if one.status == "current"), None)
        was = next((one.code for one in told if one.status == "corrected"), "")
        return [Diagnosed(DNS, agent.site, standing, was) if one.failure is DNS else one for one in before]

    def hub_down(self, day: date, everybody: Collection[SiteAgent]) -> list[Diagnosed]:
        """The hub is away on a morning: a verdict for each site, and none of them is the site's fault."""
        leap_to(self.hub.clock, day, "07:35")
        self.hub.pulse.beat()
        leap_to(self.hub.clock, day, "10:20")
        self.hub.pulse.beat()
        together(everybody, SiteAgent.beat)
        found = {one.site: one for one in diagnose(self.hub.database, day=day, at=self.hub.clock.now())}
        return [Diagnosed(HUB_FAILURE, agent.site, found.get(agent.site)) for agent in everybody]
