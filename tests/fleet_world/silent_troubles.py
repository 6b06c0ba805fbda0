"""What may happen at a site in a morning, done to its agent and its machine, and the verdict that is right for it."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from afluente_agent.alive import Alive
from afluente_agent.bundle_files import bundle_files, write_bundle_list
from afluente_agent.identity import IdentityStore
from afluente_agent.loop import Loop
from afluente_agent.parts import Sending
from afluente_agent.service.program import Program
from afluente_agent.service.watchdog import watch
from afluente_agent.uptime import Uptime

from afluente.fleet.calendar import KnownDay, keep
from afluente.state.fleet_schema import AGENT_KEYS
from tests.fleet_world import doctor_line, doctor_pec
from tests.fleet_world.doctor_world import ToldDisk, ToldNetwork, probes
from tests.fleet_world.silent_sites import (
    DAY,
    OneTurn,
    SilentSites,
    Site,
    moment,
)

VERSIONS = {"a table is gone": "6.1.0", "too many rows": "6.2.0", "no list": "4.0.0"}
"""The versions of PEC for which the catalogue has a list that fails, or none."""


@dataclass(frozen=True)
class Trouble:
    """What happens at a site at ten past eight, and the verdict that is right.

    `is_cut_off` sites are heard again the next morning only; `prepare` is what stood there the day before.
    """

    name: str
    right: str
    happens: Callable[[SilentSites, Site], object]
    is_cut_off: bool = False
    prepare: Callable[[SilentSites, Site], object] | None = None
    municipality: str = "3550308"
    is_invited: bool = False


def see(**told: object) -> Callable[[SilentSites, Site], None]:
    """The doctor looks at a machine that is so, with the PEC that is there."""

    def happens(_all: SilentSites, site: Site) -> None:
        site.machine = partial(site.machine, **told)
        site.look()

    return happens


def nothing(_all: SilentSites, _site: Site) -> None:
    """Nothing is heard."""


def reads(_all: SilentSites, site: Site) -> None:
    site.read()


def in_pec(statement: str) -> Callable[[SilentSites, Site], None]:
    """Maintenance changed PEC's database; the agent reads it, and looks."""

    def happens(all_sites: SilentSites, site: Site) -> None:
        assert all_sites.server is not None
        with all_sites.server.admin(all_sites.give_pec(site)) as connection:
            connection.execute(statement)
        site.read()
        site.look()

    return happens


def credentials_changed(_all: SilentSites, site: Site) -> None:
    file = Path(site.store.load().pec_credentials)
    file.write_text(f"usuario={doctor_pec.READER}\nsenha=a-nova\n")
    site.read()


def credentials_gone(_all: SilentSites, site: Site) -> None:
    Path(site.store.load().pec_credentials).unlink()
    site.read()


def database_stopped(_all: SilentSites, site: Site) -> None:
    site.store.update(pec_port=doctor_line.closed_port())
    site.read()


def database_full(all_sites: SilentSites, site: Site) -> None:
    """Others took every connection."""
    assert all_sites.server is not None
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(all_sites.server.admin())
        site.read()


def port_changed(all_sites: SilentSites, site: Site) -> None:
    """PEC's configuration names a port where nobody listens, its server tells another."""
    assert all_sites.server is not None
    name = site.store.load().pec_database
    place = doctor_pec.install(site.home / "moved", port=doctor_line.closed_port(), database=name)
    (place / "database" / "data").mkdir(parents=True)
    (place / "database" / "data" / "postmaster.pid").write_text(f"1\n/\n1\n{all_sites.server.port}\n")
    site.store.update(pec_host="", pec_port=0, pec_database="", pec_credentials="", pec_folder=str(place))
    site.machine = partial(probes, pec_folders=[place])
    site.look()


def pec_gone(_all: SilentSites, site: Site) -> None:
    site.store.update(pec_host="", pec_port=0, pec_database="", pec_credentials="", pec_folder=str(site.home / "no"))
    site.machine = probes
    site.look()


def pec_is(**configured: str) -> Callable[[SilentSites, Site], None]:
    """PEC says something else of itself since this morning."""

    def happens(all_sites: SilentSites, site: Site) -> None:
        all_sites.give_pec(site, **configured)
        site.look()

    return happens


def pec_version(name: str) -> Callable[[SilentSites, Site], None]:
    def happens(all_sites: SilentSites, site: Site) -> None:
        all_sites.give_pec(site, VERSAOBANCODADOS=VERSIONS[name])
        site.read()

    return happens


def known_version(_all: SilentSites, site: Site) -> None:
    site.store.update(pec_version="5.2.1")
    site.beat()


def role_of_a_superuser(all_sites: SilentSites, site: Site) -> None:
    assert all_sites.server is not None
    with all_sites.server.admin() as connection:
        connection.execute(f"ALTER ROLE {doctor_pec.READER} SUPERUSER")
        try:
            site.read()
        finally:
            connection.execute(f"ALTER ROLE {doctor_pec.READER} NOSUPERUSER")


def spool_broken(_all: SilentSites, site: Site) -> None:
    """A list was read and waits; a byte of it changes on the disk before the next start."""
    site.store.update(last_extracted_at=0)
    site.turn("heartbeat", "reading", send=lambda *_: Sending())
    [segment, *_] = sorted(site.folder.spool.glob("waiting/*/*.segment"))
    content = bytearray(segment.read_bytes())
    content[-5] ^= 1
    segment.write_bytes(bytes(content))
    site.beat()


def recorded_until(day: date) -> Callable[[SilentSites, Site], None]:
    """The units recorded until this day; the lists are sent."""

    def happens(all_sites: SilentSites, site: Site) -> None:
        assert all_sites.server is not None
        number = f"{day:%Y%m%d}"
        with all_sites.server.admin(all_sites.give_pec(site)) as connection:
            connection.execute(
                f"INSERT INTO tb_dim_tempo VALUES ({number}, '{day}', {day.year}, {day.month}) ON CONFLICT DO NOTHING"
            )
            connection.execute(f"UPDATE tb_fat_visita_domiciliar SET co_dim_tempo = {number}")
            connection.execute(f"UPDATE tb_fat_atendimento_individual SET co_dim_tempo = {number}")
        site.read()

    return happens


def crashes(_all: SilentSites, site: Site) -> None:
    def extract(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    site.store.update(last_extracted_at=0)
    site.turn("heartbeat", "reading", extract=extract)


def task_removed(_all: SilentSites, site: Site) -> None:
    """The watchdog runs, and finds its task gone."""

    class Tools:
        what = "AfluenteAgente"

        def __init__(self) -> None:
            self.is_there = False

        def is_installed(self, _program: Program) -> bool:
            return self.is_there

        def is_running(self) -> bool:
            return self.is_there

        def install(self, _program: Program) -> None:
            self.is_there = True

        def start(self) -> None:
            self.is_there = True

    program = Program(("afluente-agent",), site.folder.root)
    loop = site.loop()
    watch(Tools(), program, loop.journal.leave)
    loop.client.close()
    site.beat()


def antivirus(_all: SilentSites, site: Site) -> None:
    bundle = site.home / "bundle"
    (bundle / "_internal").mkdir(parents=True)
    (bundle / "_internal" / "libpq.dll").write_bytes(b"x")
    write_bundle_list(bundle)
    (bundle / "_internal" / "libpq.dll").unlink()
    site.machine = partial(site.machine, own_files=bundle_files(bundle))
    site.look()


def clock_wrong(_all: SilentSites, site: Site) -> None:
    site.skew = 3 * 3600
    site.beat()


def backup_restored(_all: SilentSites, site: Site) -> None:
    copy = site.home / "backup"
    shutil.copytree(site.folder.root, copy)
    for _ in range(3):
        site.beat()
    shutil.rmtree(site.folder.root)
    shutil.copytree(copy, site.folder.root)
    site.beat()


def cloned(all_sites: SilentSites, site: Site) -> None:
    """The disk was copied to another machine, and both speak."""
    copy = Site(site.name, replace(site.folder, root=site.home / "copy"), site.clock, site.machine, home=site.home)
    shutil.copytree(site.folder.root, copy.folder.root)
    loops: list[Loop] = [site.loop(), copy.loop()]
    loops[1]._machine = replace(loops[1]._machine, machine_hash="of-the-other-machine", disk_hash="other")
    for _ in range(4):
        for loop in loops:
            all_sites.clock.advance(seconds=60)
            beaten(loop)
    for loop in loops:
        loop.client.close()


def moved(_all: SilentSites, site: Site) -> None:
    """The disk was put into another machine, which speaks alone."""
    site.machine_hash = "of-the-new-machine"
    site.beat()


def slept(all_sites: SilentSites, site: Site) -> None:
    """The agent's process sleeps with its machine from five past eight to twenty past ten."""
    told = [Uptime(on_seconds=86_400, slept_seconds=0)]
    loop = site.loop()
    loop._alive = Alive(site.folder.root / "alive", loop.client.clock, loop.journal.leave, uptime=lambda: told[0])
    beaten(loop)
    all_sites.at("10:20")
    told[0] = Uptime(on_seconds=86_400 + 7_800, slept_seconds=7_800)
    beaten(loop, times=2)
    loop.client.close()


def beaten(loop: Loop, *, times: int = 1) -> None:
    for _ in range(times):
        for name, timer in loop.timers.by_name():
            timer.due = 0.0 if name == "heartbeat" else float("inf")
        loop.tick()


def settings_changed(_all: SilentSites, site: Site) -> None:
    """Somebody edited a file of the agent while it ran; a copy is put back the day after."""
    loop = site.loop()
    before = site.folder.settings.read_bytes()
    site.folder.settings.write_bytes(before[: len(before) // 2])
    beaten(loop, times=2)
    loop.client.close()
    site.folder.settings.write_bytes(before)


def stopped_by_hand(_all: SilentSites, site: Site) -> None:
    """The service runs, and is stopped in order."""
    loop = site.loop()
    for _, timer in loop.timers.by_name():
        timer.due = float("inf")
    loop.timers.heartbeat.due = 0
    loop.run(OneTurn(site.clock))


def was_off(all_sites: SilentSites, site: Site) -> None:
    """Nothing ran from the afternoon before until ten; nobody had stopped the agent."""
    before = moment("16:50", day=DAY - timedelta(days=1))
    (site.folder.root / "alive").write_text(f"{int(before.timestamp())}\n")
    all_sites.at("10:20")
    site.turn("heartbeat", times=2, is_start=True)


def power_cut(_all: SilentSites, site: Site) -> None:
    """Windows wrote that it had not been shut down before."""
    text = (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>41</EventID>"
        f"<TimeCreated SystemTime='{moment('08:01').astimezone(UTC).isoformat()[:19]}Z'/></System></Event>"
    )
    site.machine = partial(site.machine, system="windows", printed={"wevtutil qe System": text})
    site.look()


def key_unknown(all_sites: SilentSites, site: Site) -> None:
    """The hub's database came back from a copy in which the key is not yet."""
    key = IdentityStore(site.folder.identity).load().key
    with all_sites.hub.database.write() as connection:
        row = connection.execute(sa.select(AGENT_KEYS).where(AGENT_KEYS.c.id == key)).mappings().one()
        connection.execute(sa.delete(AGENT_KEYS).where(AGENT_KEYS.c.id == key))
    site.beat()
    with all_sites.hub.database.write() as connection:
        connection.execute(sa.insert(AGENT_KEYS).values(**row))


def name_not_found(_all: SilentSites, site: Site) -> None:
    site.told_to("http://hub.municipio.invalid")


def port_closed(_all: SilentSites, site: Site) -> None:
    site.told_to(f"http://127.0.0.1:{doctor_line.closed_port()}")


def no_answer(_all: SilentSites, site: Site) -> None:
    with doctor_line.accepting() as port:
        site.told_to(f"http://127.0.0.1:{port}")


def proxy_wants_a_password(_all: SilentSites, site: Site) -> None:
    with doctor_line.proxy(lead_to=1, status=407) as seen:
        site.told_to("https://hub.municipio.invalid", proxy=f"http://127.0.0.1:{seen.port}")


def another_authority(_all: SilentSites, site: Site) -> None:
    """A firewall answers in the hub's place, with a certificate of its own."""
    folder = site.home / "authorities"
    folder.mkdir()
    ours = doctor_line.authority(folder, "Let's Encrypt")
    theirs = doctor_line.authority(folder, "Fortinet")
    certificate = theirs.issue(folder, name="localhost")
    with doctor_line.hub(doctor_line.Answering(), certificate=certificate) as port:
        site.told_to(f"https://localhost:{port}", ca_file=str(ours.file))


def certificate_of_the_future(_all: SilentSites, site: Site) -> None:
    """The machine's clock is two years behind: no certificate is good yet."""
    folder = site.home / "authorities"
    folder.mkdir()
    ours = doctor_line.authority(folder, "Let's Encrypt")
    certificate = ours.issue(folder, name="localhost", days=(100, 200))
    with doctor_line.hub(doctor_line.Answering(), certificate=certificate) as port:
        site.told_to(f"https://localhost:{port}", ca_file=str(ours.file))


def blocked_page(_all: SilentSites, site: Site) -> None:
    page = doctor_line.Answering(status=403, content_type="text/html", body=b"<html>bloqueado</html>")
    with posted(page) as port:
        site.told_to(f"http://127.0.0.1:{port}")


def hub_error(_all: SilentSites, site: Site) -> None:
    with posted(doctor_line.Answering(status=500, content_type="text/html", body=b"error")) as port:
        site.told_to(f"http://127.0.0.1:{port}")


def no_network(_all: SilentSites, site: Site) -> None:
    """The cable is out: the doctor of a machine that has no way to anywhere."""
    site.machine = partial(site.machine, network=ToldNetwork(is_connected=False))
    before = site.store.load().hub
    site.store.update(hub="http://hub.municipio.invalid")
    site.turn("doctor")
    site.store.update(hub=before)


def holiday(all_sites: SilentSites, _site: Site) -> None:
    with all_sites.hub.database.write() as connection:
        keep(connection, [KnownDay("3509502", DAY, "Padroeira", "holiday")], by="ana")


@contextlib.contextmanager
def posted(answering: doctor_line.Answering) -> Iterator[int]:
    """A server that answers a heartbeat so."""
    head = (
        f"HTTP/1.1 {answering.status} x\r\nContent-Type: {answering.content_type}\r\n"
        f"Content-Length: {len(answering.body)}\r\nConnection: close\r\n\r\n"
    )
    with doctor_line.accepting(first=head.encode() + answering.body, is_cut=True) as port:
        yield port


NO_SPACE = OSError(errno.ENOSPC, "No space left on device")
IO_ERROR = OSError(errno.EIO, "Input/output error")
DENIED = PermissionError(errno.EACCES, "Permission denied")
GONE = {"systemctl show afluente-agent.service": "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n"}
DISABLED = {"systemctl show afluente-agent.service": "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n"}
STOPPED_PEC = {
    "systemctl show e-SUS-AB-PostgreSQL.service": "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"
}

TROUBLES = (
    Trouble("all is well and lists are sent", "", recorded_until(date(2026, 9, 15))),
    Trouble("lists are sent and hold nothing new", "unit.all_stale", recorded_until(date(2026, 8, 20))),
    Trouble("the name does not resolve", "connectivity.dns", name_not_found, is_cut_off=True),
    Trouble("the port is closed", "connectivity.refused", port_closed, is_cut_off=True),
    Trouble("a filter shows its page", "connectivity.refused", blocked_page),
    Trouble("nothing answers", "connectivity.timeout", no_answer, is_cut_off=True),
    Trouble("the proxy asks for a password", "connectivity.proxy", proxy_wants_a_password, is_cut_off=True),
    Trouble("tls of another authority", "connectivity.tls_intercepted", another_authority, is_cut_off=True),
    Trouble("the cable is out", "connectivity.no_network", no_network, is_cut_off=True),
    Trouble("credentials changed", "maintenance.pec_credentials", credentials_changed),
    Trouble("credentials gone", "maintenance.pec_credentials", credentials_gone),
    Trouble("the database is stopped", "maintenance.db_down", database_stopped),
    Trouble("pec's service is stopped", "maintenance.db_down", see(printed=STOPPED_PEC)),
    Trouble("every connection is taken", "maintenance.db_busy", database_full),
    Trouble("the port changed", "maintenance.pec_port", port_changed),
    Trouble("pec is gone", "maintenance.pec_missing", pec_gone),
    Trouble("the database is another", "maintenance.pec_missing", in_pec("DROP TABLE tb_config_sistema CASCADE")),
    Trouble("a table may not be read", "maintenance.db_not_readable", in_pec(
        f"REVOKE SELECT ON tb_fat_cidadao_pec FROM {doctor_pec.READER}, PUBLIC")),
    Trouble("pec for training", "maintenance.pec_training", pec_is(TREINAMENTO="1")),
    Trouble("pec was upgraded", "maintenance.pec_upgraded", see(), prepare=known_version),
    Trouble("the role may do too much", "maintenance.pec_role", role_of_a_superuser),
    Trouble("the disk is full", "maintenance.disk_full", see(disk=ToldDisk(free=0, error=NO_SPACE))),
    Trouble("the disk dies", "maintenance.disk_error", see(disk=ToldDisk(error=IO_ERROR))),
    Trouble("little space is left", "maintenance.disk_low", see(disk=ToldDisk(free=1024**3))),
    Trouble("the folder is closed", "maintenance.folder_not_writable", see(disk=ToldDisk(error=DENIED))),
    Trouble("the settings were edited", "maintenance.settings_changed", settings_changed, is_cut_off=True),
    Trouble("the watchdog found the task gone", "maintenance.task_removed", task_removed),
    Trouble("the doctor found the unit gone", "maintenance.task_removed", see(printed=GONE)),
    Trouble("the service is disabled", "maintenance.service_disabled", see(printed=DISABLED)),
    Trouble("the service was stopped", "maintenance.service_stopped", stopped_by_hand, is_cut_off=True),
    Trouble("the antivirus took a file", "maintenance.antivirus", antivirus),
    Trouble("the clock is three hours off", "maintenance.clock_wrong", clock_wrong),
    Trouble("the clock is years off, before tls", "maintenance.clock_wrong", certificate_of_the_future, is_cut_off=True),
    Trouble("a backup was restored", "maintenance.restored_backup", backup_restored),
    Trouble("the agent crashes", "maintenance.agent_crashed", crashes),
    Trouble("a segment broke", "maintenance.spool_quarantined", spool_broken),
    Trouble("the disk was copied", "inactivity.cloned_disk", cloned),
    Trouble("the disk went into another machine", "inactivity.migration", moved),
    Trouble("the machine slept until ten", "inactivity.asleep", slept),
    Trouble("the machine was off until ten", "inactivity.was_off", was_off),
    Trouble("the power was cut", "inactivity.power_cut", power_cut),
    Trouble("not a sign", "inactivity.off_or_no_internet", nothing, is_cut_off=True),
    Trouble("a holiday of the town", "inactivity.municipal_holiday", holiday, is_cut_off=True, municipality="3509502"),
    Trouble("not installed", "inactivity.not_installed", nothing, is_cut_off=True, is_invited=True),
    Trouble("a table is gone", "ours.schema_drift", pec_version("a table is gone")),
    Trouble("no list", "ours.schema_drift", pec_version("no list")),
    Trouble("too many rows", "ours.query_limit", pec_version("too many rows")),
    Trouble("waits for its turn", "ours.waiting_turn", reads),
    Trouble("the hub does not know the key", "ours.identity_refused", key_unknown),
    Trouble("the hub answers 500", "ours.transmission_refused", hub_error),
)  # fmt: skip
