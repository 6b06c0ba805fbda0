"""The situations that the diagnosis is scored on: what happened, and the verdict that is right."""

from __future__ import annotations

from datetime import date

from afluente.fleet.calendar import KnownDay
from tests.unit.fleet.diagnosis.injected import DAY, SITE, Others, Sent, Situation, Told, moment

SATURDAY = date(2026, 9, 19)
FRESH = {"2000001": "20260915", "2000002": "20260915", "2000003": "20260914"}


def away(name: str, right: str, *facts: Told, **more: object) -> Situation:
    """Silent since the day before."""
    return Situation(name, right, seen="-1 15:40", facts=facts, **more)


def awake(name: str, right: str, *facts: Told, **more: object) -> Situation:
    """Alive, and nothing sent that day."""
    return Situation(name, right, facts=facts, **more)


def gap(since: str, until: str) -> dict[str, str]:
    """A time in which nothing ran, as an agent tells it."""
    return {"since": str(int(moment(DAY, since).timestamp())), "until": str(int(moment(DAY, until).timestamp()))}


CONNECTIVITY = (
    awake(
        "dns came back to tell", "connectivity.dns", Told("net.dns", "08:10", {"host": "hub"}), Told("net.dns", "08:40")
    ),
    away("dns told the day before", "connectivity.dns", Told("net.dns", "-1 14:00"), Told("net.dns", "-1 15:00")),
    awake("proxy asks for a password", "connectivity.proxy", Told("net.proxy", "08:10", {"status": "407"})),
    awake("proxy before its dns", "connectivity.proxy", Told("net.proxy", "08:10"), Told("net.dns", "08:11")),
    awake(
        "tls inspection", "connectivity.tls_intercepted", Told("net.tls_intercepted", "08:10", {"issuer": "Firewall"})
    ),
    awake("firewall refuses", "connectivity.refused", Told("net.refused", "08:10", {"port": "443"})),
    awake("firewall drops", "connectivity.timeout", *(Told("net.timeout", f"0{h}:10") for h in (8, 9))),
    awake("slow line", "connectivity.slow_link", Told("net.slow", "09:10"), Told("net.timeout", "09:50")),
    awake("cable out", "connectivity.no_network", Told("net.unreachable", "08:10"), Told("net.dns", "08:11")),
    awake(
        "dns was restored and the database is down",
        "maintenance.db_down",
        Told("net.dns", "08:10"),
        Told("net.restored", "09:00"),
        Told("db.down", "09:05"),
    ),
)
MAINTENANCE = (
    away(
        "task removed and put back",
        "maintenance.task_removed",
        Told("service.watchdog_restored_task", "08:10", {"name": "t"}),
    ),
    awake("task missing", "maintenance.task_removed", Told("task.missing", "08:10")),
    away(
        "service stopped by hand",
        "maintenance.service_stopped",
        Told("service.stopped_cleanly", "-1 15:40", {"reason": "service"}),
    ),
    awake("service disabled", "maintenance.service_disabled", Told("service.disabled", "08:10")),
    awake(
        "antivirus and its lost task",
        "maintenance.antivirus",
        Told("task.missing", "08:12"),
        Told("av.file_removed", "08:10"),
    ),
    awake(
        "full disk stops the database", "maintenance.disk_full", Told("db.down", "08:12"), Told("disk.full", "08:10")
    ),
    awake(
        "full disk and a folder",
        "maintenance.disk_full",
        Told("disk.full", "08:10"),
        Told("folder.not_writable", "08:11"),
    ),
    awake("dying disk", "maintenance.disk_error", Told("disk.error", "08:10"), Told("db.corrupted", "08:11")),
    awake("folder without permission", "maintenance.folder_not_writable", Told("folder.not_writable", "08:10")),
    awake("settings removed", "maintenance.settings_changed", Told("folder.settings_changed", "08:10")),
    awake(
        "clock off by three hours",
        "maintenance.clock_wrong",
        Told("clock.offset", "08:10", {"offset_seconds": "10800"}),
    ),
    awake("clock off by two years breaks tls", "maintenance.clock_wrong", Told("net.tls_expired", "08:10")),
    awake(
        "credentials changed",
        "maintenance.pec_credentials",
        Told("pec.credentials_changed", "08:10", {"role": "esus_leitura"}),
    ),
    awake("credentials file gone", "maintenance.pec_credentials", Told("pec.credentials_missing", "08:10")),
    awake("role too strong", "maintenance.pec_role", Told("pec.role_refused", "08:10")),
    awake(
        "port changed",
        "maintenance.pec_port",
        Told("pec.port_changed", "08:10", {"before": "5433", "now": "5434"}),
        Told("db.down", "08:11"),
    ),
    awake(
        "pec upgraded",
        "maintenance.pec_upgraded",
        Told("pec.version_changed", "08:10", {"before": "5.2", "now": "5.3"}),
    ),
    awake("pec gone", "maintenance.pec_missing", Told("pec.not_found", "08:10")),
    awake("database down", "maintenance.db_down", Told("db.down", "08:10"), Told("db.down", "09:10")),
    awake("database damaged", "maintenance.db_corrupted", Told("db.corrupted", "08:10", {"sqlstate": "XX001"})),
    awake("tables not readable", "maintenance.db_not_readable", Told("db.not_readable", "08:10")),
    awake("backup restored", "maintenance.restored_backup", Told("site.sequence_back", "08:10", origin="hub")),
    awake("agent crashes", "maintenance.agent_crashed", *(Told("service.crashed", f"0{h}:10") for h in (8, 9))),
    awake("a training pec", "maintenance.pec_training", Told("pec.training", "08:10")),
    awake("little space left", "maintenance.disk_low", Told("disk.low", "08:10"), sent=(Sent(),)),
)
INACTIVITY = (
    away("no sign and no fact", "inactivity.off_or_no_internet"),
    Situation("went silent at nine", "inactivity.off_or_no_internet", now="12:00", seen="09:00"),
    away(
        "shut down in order",
        "inactivity.turned_off",
        Told("service.stopped_cleanly", "-1 17:00", {"reason": "shutdown"}),
    ),
    awake(
        "power cut",
        "inactivity.power_cut",
        Told("power.unclean_stop", "08:00", received="10:00"),
        Told("power.boot", "10:00"),
    ),
    Situation(
        "shut down on Friday, silent on Monday",
        "inactivity.turned_off",
        day=date(2026, 9, 21),
        seen="-3 17:00",
        facts=(Told("service.stopped_cleanly", "-3 17:00", {"reason": "shutdown"}),),
    ),
    Situation(
        "the disk was full on Friday, silent on Monday",
        "maintenance.disk_full",
        day=date(2026, 9, 21),
        seen="-3 16:00",
        facts=(Told("disk.full", "-3 15:00"),),
    ),
    Situation("silent for three days of work", "inactivity.off_or_no_internet", seen="-6 16:00"),
    away("sleeps", "inactivity.asleep", Told("power.suspended", "09:10", gap("07:50", "09:10"))),
    Situation("national holiday", "inactivity.national_holiday", day=date(2026, 9, 7), seen="-3 16:00"),
    Situation("state holiday", "inactivity.state_holiday", day=date(2026, 7, 9), seen="-1 16:00"),
    Situation(
        "that day in another state", "inactivity.off_or_no_internet", day=date(2026, 7, 9), seen="-1 16:00", uf="MG"
    ),
    away("municipal holiday", "inactivity.municipal_holiday", days=(KnownDay(SITE, DAY, "Padroeira", "holiday"),)),
    away(
        "holiday of another town", "inactivity.off_or_no_internet", days=(KnownDay("1", DAY, "Padroeira", "holiday"),)
    ),
    away(
        "optional day told for a state",
        "inactivity.optional_day",
        days=(KnownDay("SP", DAY, "Luto oficial", "optional"),),
    ),
    Situation("corpus christi", "inactivity.optional_day", day=date(2026, 6, 4), seen="-1 16:00"),
    Situation("bridge", "inactivity.bridge_day", day=date(2026, 7, 10), seen="-2 16:00"),
    Situation("weekend", "inactivity.weekend", day=SATURDAY, seen="-1 16:00"),
    Situation(
        "a Saturday that is worked",
        "inactivity.off_or_no_internet",
        day=SATURDAY,
        seen="-1 16:00",
        weekdays=(0, 1, 2, 3, 4, 5),
        days=(KnownDay(SITE, SATURDAY, "Reposição", "workday"),),
    ),
    Situation(
        "holiday swapped for work",
        "inactivity.off_or_no_internet",
        day=date(2026, 9, 7),
        seen="-3 16:00",
        days=(KnownDay(SITE, date(2026, 9, 7), "Expediente", "workday"),),
    ),
    awake(
        "a real failure on a holiday",
        "maintenance.disk_full",
        Told("disk.full", "08:10"),
        days=(KnownDay(SITE, DAY, "Padroeira", "holiday"),),
    ),
    Situation("before its hour", "inactivity.outside_hours", now="07:30", seen="-1 16:50"),
    Situation("an afternoon machine", "inactivity.outside_hours", seen="-1 16:50", hours=(13, 14, 15, 16)),
    away("never on on Wednesdays", "inactivity.never_on_this_weekday", weekdays=(0, 1, 3, 4)),
    Situation(
        "acre, where it is still early",
        "inactivity.outside_hours",
        now="07:50",
        seen="-1 16:50",
        uf="AC",
        timezone="America/Rio_Branco",
    ),
    Situation("not installed", "inactivity.not_installed", status="invited", seen="", is_enrolled=False),
    awake("migration", "inactivity.migration", Told("site.migration", "08:10", origin="hub")),
    Situation(
        "cloned disk", "inactivity.cloned_disk", is_suspended=True, facts=(Told("site.clone", "08:10", origin="hub"),)
    ),
    Situation("silent for weeks", "inactivity.long_silence", seen="-20 16:00"),
    awake("sending now", "inactivity.sending_now", sent=(Sent(at="10:00", state="receiving", share=0.4),)),
)
UNIT = (
    awake("a unit lags", "unit.stale", sent=(Sent(freshness=FRESH | {"2000004": "20260828"}),)),
    awake("no unit records", "unit.all_stale", sent=(Sent(freshness={"2000001": "20260820", "2000002": "20260812"}),)),
)
OURS = (
    away("hub down now", "ours.hub_down", hub=(Told("hub.down", "10:20", {"seconds": "9000"}),)),
    awake(
        "refused while the hub was down",
        "ours.hub_down",
        Told("net.refused", "08:10"),
        Told("net.timeout", "09:10"),
        hub=(Told("hub.down", "10:00", {"seconds": "7800"}),),
    ),
    away("hub stopped and not started", "ours.hub_down", hub=(Told("hub.alive", "-1 20:00"),)),
    away(
        "certificate of ours",
        "ours.hub_certificate",
        Told("net.tls_expired", "08:10"),
        hub=(Told("hub.certificate", "10:00"),),
    ),
    awake(
        "landing full", "ours.hub_disk_full", Told("send.hub_error", "08:30"), hub=(Told("hub.landing_full", "10:00"),)
    ),
    awake(
        "central down",
        "ours.central_down",
        Told("send.waiting", "08:30"),
        hub=(Told("hub.central_down", "08:00"), Told("hub.central_down", "10:00")),
    ),
    awake("central slow", "ours.central_down", hub=(Told("hub.central_slow", "10:00", {"latency_ms": "900"}),)),
    away("all silent at once", "ours.all_silent", others=(Others(8, "MG", True), Others(1, "SP", False))),
    away("the state silent at once", "ours.region_silent", others=(Others(6, "SP", True), Others(20, "MG", False))),
    Situation("load stuck", "ours.load_stuck", now="15:00", seen="14:55", sent=(Sent(state="landed"),)),
    awake("load refused", "ours.load_refused", sent=(Sent(state="refused", error="loading.digest"),)),
    awake("columns not as agreed", "ours.schema_drift", sent=(Sent(state="refused", error="loading.schema"),)),
    awake(
        "table gone after an upgrade",
        "ours.schema_drift",
        Told("query.schema_drift", "08:10"),
        Told("pec.version_changed", "08:00"),
    ),
    awake(
        "one list of two drifted",
        "ours.schema_drift",
        Told("query.schema_drift", "08:21", {"list": "gestantes"}),
        sent=(Sent(("hipertensao",)),),
    ),
    awake(
        "one list of two is too slow, and the line was bad before",
        "ours.query_limit",
        Told("net.dns", "08:05"),
        Told("query.timeout", "08:10", {"list": "gestantes"}),
        sent=(Sent(("hipertensao",)),),
    ),
    awake("query too slow", "ours.query_limit", Told("query.timeout", "08:10")),
    awake("query refused", "ours.catalogue_refused", Told("query.refused", "08:10")),
    awake("send refused", "ours.transmission_refused", Told("send.refused", "08:10", {"code": "too_large"})),
    awake("key unknown", "ours.identity_refused", Told("identity.refused", "08:10", {"code": "unknown_key"})),
    awake("metadata expired", "ours.update_metadata_expired", Told("update.metadata_expired", "08:10"), sent=(Sent(),)),
    Situation("silent in a rollout", "ours.rollout_in_progress", seen="09:00", rollout=("running", "09:05")),
    awake("bad version undone", "ours.update_rolled_back", Told("update.rolled_back", "09:00"), sent=(Sent(),)),
    awake("waiting for its turn", "ours.waiting_turn", Told("send.waiting", "09:10")),
    Situation("alive without a word", "ours.unexplained", now="14:00", seen="13:55"),
)
NONE = (
    awake("sent, after a full disk of the day before", "", Told("disk.full", "-1 14:00"), sent=(Sent(),)),
    awake("all sent", "", sent=(Sent(freshness=FRESH),)),
    Situation("alive and in time", "", now="09:00", seen="08:55"),
    awake("sent after a failure", "", Told("net.dns", "08:05"), sent=(Sent(),)),
    Situation(
        "a short restart of the hub",
        "inactivity.off_or_no_internet",
        seen="-1 15:40",
        hub=(Told("hub.alive", "10:25"),),
    ),
    away(
        "a hub fault long over",
        "inactivity.off_or_no_internet",
        hub=(Told("hub.down", "-1 09:00", {"seconds": "600"}),),
    ),
    Situation("paused", "", status="paused", seen="-9 10:00"),
    Situation("sent and then switched off", "", now="15:00", seen="09:00", sent=(Sent(),)),
)
AS_AGENTS_TELL = (
    awake("the core's dns", "connectivity.dns", Told("net.dns", "08:10", {"host": "hub"})),
    awake("the core's proxy", "connectivity.proxy", Told("net.proxy", "08:10", {"status": "407", "code": ""})),
    awake("a filter's page", "connectivity.refused", Told("net.blocked", "08:10", {"status": "403", "code": ""})),
    awake(
        "the core's tls",
        "connectivity.tls_intercepted",
        Told("net.tls_intercepted", "08:10", {"reason": "self-signed"}),
    ),
    awake(
        "the core's tls with a wrong clock",
        "maintenance.clock_wrong",
        Told("net.tls_expired", "08:10", {"reason": "certificate is not yet valid"}),
        Told("clock.offset", "08:12", {"offset_seconds": "63072000"}),
    ),
    awake(
        "the core's answer again",
        "ours.query_limit",
        Told("net.connection_lost", "08:10"),
        Told("net.restored", "08:20"),
        Told("query.timeout", "08:30"),
    ),
    awake(
        "extraction that names its reason",
        "maintenance.pec_credentials",
        Told("pec.credentials_changed", "08:10", {"role": "esus_leitura"}),
    ),
    awake(
        "extraction without a catalogue",
        "ours.schema_drift",
        Told("catalogue.missing", "08:10"),
    ),
    awake("a spool without room", "maintenance.disk_full", Told("disk.full", "08:10", {"where": "fila de remessas"})),
    awake(
        "the hub does not know the key",
        "ours.identity_refused",
        Told("identity.refused", "08:10", {"status": "401", "code": "unknown_key"}),
    ),
    awake(
        "the hub answers 500",
        "ours.transmission_refused",
        Told("send.hub_error", "08:10", {"status": "500", "code": "internal"}),
    ),
    awake("told to wait", "ours.waiting_turn", Told("send.waiting", "08:30", {"seconds": "600"})),
    awake(
        "the core's watchdog",
        "maintenance.task_removed",
        Told("service.watchdog_restored_task", "08:10", {"name": "systemd"}),
    ),
    awake("the core's service", "maintenance.service_stopped", Told("service.restored", "08:10", {"name": "systemd"})),
    awake(
        "off until ten",
        "inactivity.was_off",
        Told(
            "power.off",
            "10:20",
            gap("-1 17:00", "10:20"),
        ),
    ),
    awake(
        "off at night only",
        "",
        Told(
            "power.off",
            "08:00",
            gap("-1 17:00", "08:00"),
        ),
    ),
    awake("slept at night only", "", Told("power.suspended", "08:00", gap("-1 17:00", "08:00"))),
    awake(
        "an upload that was damaged on its way and came again",
        "",
        Told("hub.upload_damaged", "08:10", {"list": "gestantes", "code": "transmission.digest"}, origin="hub"),
        sent=(Sent(),),
    ),
    awake(
        "an upload refused for good",
        "ours.load_refused",
        Told("hub.upload_refused", "08:30", {"list": "gestantes", "code": "transmission.rows"}, origin="hub"),
        Told("send.set_aside", "08:31", {"list": "gestantes", "code": "transmission.rows"}),
    ),
    awake("no list for this pec", "ours.schema_drift", Told("catalogue.not_for_version", "08:10", {"version": "6.0"})),
    awake("a clock that was put right", "", Told("clock.offset", "08:05"), Told("clock.corrected", "08:20")),
    awake("a service that stands still", "maintenance.service_stopped", Told("service.stopped", "08:10")),
    awake("a reading that was cut", "inactivity.power_cut", Told("spool.unfinished", "08:10", {"transmissions": "1"})),
    awake("a spool that cannot be used", "maintenance.folder_not_writable", Told("spool.unusable", "08:10")),
    awake("a role that may no longer enter", "maintenance.db_not_readable", Told("db.not_allowed", "08:10")),
    awake("another program in the agent's task", "maintenance.task_removed", Told("agent.task_changed", "08:10")),
    awake("a version that loops", "maintenance.agent_crashed", Told("update.crash_loop", "08:10")),
    awake(
        "loading told it is stuck",
        "ours.load_stuck",
        Told("hub.load_stuck", "10:00", {"list": "gestantes"}, origin="hub"),
        sent=(Sent(state="landed"),),
    ),
)
TABLE = (*CONNECTIVITY, *MAINTENANCE, *INACTIVITY, *UNIT, *OURS, *NONE, *AS_AGENTS_TELL)
