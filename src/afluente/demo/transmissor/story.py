"""The whole demo of the fleet: from empty machines to explained silences and an update that took itself back.

Invariant: whatever fails, every server and process that was started has ended when `tell_fleet` returns.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from afluente.core.errors import AfluenteError
from afluente.demo.leaping_clock import LeapingClock
from afluente.demo.screen import Screen
from afluente.demo.transmissor.calendar_week import leap_to, plain_tuesday
from afluente.demo.transmissor.fleet_story import FleetStory, Load
from afluente.demo.transmissor.hub_world import HubWorld, open_hub
from afluente.demo.transmissor.municipal_servers import MunicipalServers
from afluente.demo.transmissor.postgres import central_postgres, execute, fetch, municipal_postgres
from afluente.demo.transmissor.river import play_river
from afluente.demo.transmissor.rush_hour import RushSize, play_rush
from afluente.demo.transmissor.silences import SITE_FAILURES, Silences
from afluente.demo.transmissor.site_agents import SiteAgent, agent_command, new_agent, together
from afluente.demo.transmissor.tell_fleet import fleet_as_json, tell_fleet, write_summary
from afluente.demo.transmissor.update_rings import RINGS, play_updates
from afluente.fleet.catalogue_files import read_catalogue_files
from afluente.fleet.municipality_file import read_municipalities
from afluente.fleet.sites import NewSite
from afluente.state.fleet_schema import TRANSMISSIONS

PICTURE, SUMMARY = "rush.png", "summary.json"
CHANGED, GONE = 6, 1
WATCHED_IN_RING = 2
LEAST_SITES = len(SITE_FAILURES) + 2 * WATCHED_IN_RING


@dataclass(frozen=True, slots=True)
class FleetSize:
    """How much is played. The first `sites` of the file of municipalities take part, those of the first ring too."""

    sites: int = 24
    rush: RushSize = field(default_factory=RushSize)


def play_fleet(folder: Path, console: Screen, size: FleetSize | None = None) -> FleetStory:
    """Play it in the folder of a copied project. AfluenteError."""
    for name in ("afluente", "afluente_agent"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    size = size or FleetSize()
    story, clock = FleetStory(), LeapingClock()
    began = time.monotonic()
    wanted = _sites(folder, size.sites)
    story.names = {site.id: site.name for site in wanted}
    tuesday = plain_tuesday(clock.now().date(), {site.uf for site in wanted})
    leap_to(clock, tuesday, "07:30")
    with ExitStack() as opened:
        console.note("starting the central PostgreSQL and the municipalities' PEC databases")
        central = opened.enter_context(central_postgres())
        servers = MunicipalServers(opened.enter_context(municipal_postgres()), folder / "pec")
        servers.build([site.id for site in wanted], today=tuesday)
        execute(central, "CREATE DATABASE listas", "CREATE DATABASE correria")
        hub = opened.enter_context(open_hub(folder, clock=clock, central=_in(central, "listas")))
        console.note(f"hub: agents at {hub.address}, operators at {hub.server.operators_address}")
        agents = _enrol(hub, servers, wanted, story, console)
        for agent in agents:
            opened.callback(agent.close)
        _first_load(hub, agents, story, console, central)
        _next_day(hub, servers, agents, story, console, central, tuesday + timedelta(days=1))
        console.note(f"8 o'clock: {size.rush.sites} simulated municipalities, with slots and then without")
        story.rush = play_rush(_in(central, "correria"), size.rush)
        _updates(hub, agents, wanted, story, console)
    story.seconds = time.monotonic() - began
    return story


def _sites(folder: Path, count: int) -> list[NewSite]:
    """Some of the file, the first ring always among them."""
    if count < LEAST_SITES:
        raise AfluenteError("demo.sites", f"{count} sites are too few: {LEAST_SITES} or more")
    wanted = read_municipalities(folder / "municipios.csv", rings=RINGS)
    pilots = [site for site in wanted if site.ring == RINGS[0]]
    others = [site for site in wanted if site.ring != RINGS[0]]
    return [*pilots, *others][:count]


def _enrol(
    hub: HubWorld, servers: MunicipalServers, wanted: list[NewSite], story: FleetStory, console: Screen
) -> list[SiteAgent]:
    document = hub.publish(read_catalogue_files(hub.project / "catalogo"))
    tokens = hub.invite(wanted)
    console.note(f"catalogue {document.version} signed; {len(tokens)} one-off install codes")
    agents = [new_agent(hub.project / "agentes", site.id, hub.clock) for site in wanted]
    first, *others = agents
    done = agent_command(
        first.folder, "enrol", "--hub", hub.address, "--proxy", "none", AFLUENTE_TOKEN=tokens[first.site]
    )
    if done.returncode:
        raise AfluenteError("demo.enrol", "the agent's process could not enrol")
    console.note(f"  {done.stdout.strip()}")
    together(others, lambda agent: agent.enrol(hub.address, tokens[agent.site]))
    for agent in agents:
        agent.find_pec(servers)
    story.doctor = agent_command(first.folder, "doctor").stdout
    console.note(f"{len(agents)} agents enrolled, one of them as a process of its own")
    return agents


def _first_load(hub: HubWorld, agents: list[SiteAgent], story: FleetStory, console: Screen, central: str) -> None:
    together(agents, SiteAgent.read_and_send)
    hub.until_loaded(_sent(hub))
    story.first = _load(hub, "full", agents, central)
    console.note(f"first load: {story.first.rows:,} rows of {len(agents)} sites, {story.first.size_bytes:,} bytes")


def _next_day(
    hub: HubWorld,
    servers: MunicipalServers,
    agents: list[SiteAgent],
    story: FleetStory,
    console: Screen,
    central: str,
    day: date,
) -> None:
    """Wednesday: changes and failures; Thursday: what was learned afterwards, and a hub that was down."""
    pilots = 2
    failing, well = (
        agents[pilots : pilots + len(SITE_FAILURES)],
        [*agents[:pilots], *agents[pilots + len(SITE_FAILURES) :]],
    )
    silences = Silences(hub, servers, failing)
    servers.work_a_day([agent.site for agent in agents], changed=CHANGED, gone=GONE)
    leap_to(hub.clock, day, "07:40")
    silences.break_down(day)
    together(well, SiteAgent.read_and_send)
    silences.try_to_send()
    hub.until_loaded(_sent(hub))
    story.delta = _load(hub, "delta", well, central)
    console.note(f"a day later: {story.delta.rows:,} changed rows, {story.delta.size_bytes:,} bytes")
    story.river = play_river(hub, _in(central, "listas"), console)
    leap_to(hub.clock, day, "10:30")
    before = silences.first_morning(day, well)
    story.wrongly_told = silences.wrongly_told(day)
    story.diagnosed = silences.next_morning(day + timedelta(days=1), before)
    story.hub_down = silences.hub_down(day + timedelta(days=1), agents)
    for one in story.diagnosed:
        code = "no verdict" if one.verdict is None else one.verdict.code
        console.note(f"  {story.names[one.site]:<24} {one.failure.name_en:<46} {code}")


def _updates(hub: HubWorld, agents: list[SiteAgent], wanted: list[NewSite], story: FleetStory, console: Screen) -> None:
    console.note("an update through the rings, then a bad one")
    rings = {site.id: site.ring for site in wanted}
    pilots = [agent for agent in agents if rings[agent.site] == RINGS[0]]
    others = [agent for agent in agents if rings[agent.site] != RINGS[0]][-WATCHED_IN_RING:]
    story.updates = play_updates(hub, pilots, others)


def _sent(hub: HubWorld) -> int:
    """How many transmissions the hub has begun to receive, refused ones left out."""
    return sum(count for state, count in hub.states().items() if state != "refused")


def _load(hub: HubWorld, kind: str, agents: list[SiteAgent], central: str) -> Load:
    """What arrived of a kind, by the hub's state and by the central database itself."""
    columns = TRANSMISSIONS.c
    of_kind = (columns.kind == kind, columns.state == "loaded")
    with hub.database.read() as connection:
        lists = connection.execute(sa.select(sa.func.count(columns.list_name.distinct()))).scalar_one()
        rows, size_bytes = connection.execute(
            sa.select(sa.func.sum(columns.rows), sa.func.sum(columns.size_bytes)).where(*of_kind)
        ).one()
    loads = fetch(
        _in(central, "listas"),
        f"SELECT site, list_name, count(*) FROM afluente_loads WHERE kind = '{kind}' GROUP BY site, list_name",
    )
    loaded = [row for row in loads if row[0] in {agent.site for agent in agents}]
    twice = sum(row[2] > 1 for row in loaded)
    return Load(len(agents), len(agents) * lists, len(loaded), twice, int(rows or 0), int(size_bytes or 0))


def _in(uri: str, database: str) -> str:
    """The address of another database of a server."""
    return urlsplit(uri)._replace(path=f"/{database}").geturl()


def run_story(folder: Path, *, into: Path | None, console: Screen, size: FleetSize | None = None) -> int:
    """Play it and say it; `rush.png` and `summary.json` stand in the folder afterwards. The exit status."""
    from afluente.demo.transmissor.rush_picture import draw_rush

    story = play_fleet(folder, console, size)
    if story.rush is not None:
        (folder / PICTURE).write_bytes(draw_rush(story.rush))
    write_summary(story, folder / SUMMARY)
    if console.is_json:
        console.json(fleet_as_json(story))
    else:
        tell_fleet(story, console, into=into)
    return story.exit_status
