"""Maintenance: which facts show which situation. What explains others stands first.

Invariant: a full disk or an antivirus is found before the stopped database or the lost task that it caused.
"""

from __future__ import annotations

from afluente.fleet.diagnosis.cause import Cause, rule_of
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.refusal_codes import CLOCK

CAUSES = (
    Cause(
        "maintenance.antivirus",
        (fact_codes.AV_FILE_REMOVED, fact_codes.AGENT_RUNTIME),
        200,
        0.88,
        ("file", "product", "part"),
        undone_by=(fact_codes.UPDATE_HEALTHY,),
    ),
    Cause("maintenance.disk_error", (fact_codes.DISK_ERROR,), 205, 0.88, ("where",)),
    Cause("maintenance.disk_full", (fact_codes.DISK_FULL,), 210, 0.92, ("free_bytes",)),
    Cause("maintenance.clock_wrong", (fact_codes.NET_TLS_EXPIRED,), 220, 0.8, ("reason",), is_network=True),
    Cause(
        "maintenance.clock_wrong",
        (fact_codes.CLOCK_OFFSET,),
        475,
        0.75,
        ("offset_seconds",),
        undone_by=(fact_codes.CLOCK_CORRECTED,),
    ),
    Cause("maintenance.clock_wrong", (fact_codes.IDENTITY_REFUSED,), 221, 0.7, ("code",), where=(("code", (CLOCK,)),)),
    Cause("maintenance.settings_changed", (fact_codes.FOLDER_SETTINGS_CHANGED,), 230, 0.82, ("file",)),
    Cause(
        "maintenance.folder_not_writable",
        (fact_codes.FOLDER_NOT_WRITABLE, fact_codes.SPOOL_UNUSABLE),
        235,
        0.88,
        ("folder", "reason"),
    ),
    Cause(
        "maintenance.task_removed",
        (fact_codes.TASK_MISSING, fact_codes.SERVICE_WATCHDOG_RESTORED_TASK, fact_codes.AGENT_TASK_CHANGED),
        240,
        0.88,
        ("name", "reason"),
    ),
    Cause(
        "maintenance.service_disabled",
        (fact_codes.SERVICE_DISABLED,),
        245,
        0.9,
        ("name",),
        undone_by=(fact_codes.SERVICE_STARTED,),
    ),
    Cause("maintenance.restored_backup", (fact_codes.SITE_SEQUENCE_BACK,), 250, 0.75, ("before", "now")),
    Cause("maintenance.pec_training", (fact_codes.PEC_TRAINING,), 300, 0.85),
    Cause(
        "maintenance.pec_role",
        (fact_codes.PEC_ROLE_REFUSED,),
        305,
        0.93,
        ("role", "reason"),
    ),
    Cause(
        "maintenance.pec_credentials",
        (fact_codes.PEC_CREDENTIALS_CHANGED, fact_codes.PEC_CREDENTIALS_MISSING),
        310,
        0.9,
        ("role", "file"),
    ),
    Cause("maintenance.db_corrupted", (fact_codes.DB_CORRUPTED,), 315, 0.9, ("sqlstate",)),
    Cause(
        "maintenance.db_not_readable",
        (fact_codes.DB_NOT_READABLE, fact_codes.DB_NOT_ALLOWED),
        320,
        0.88,
        ("table", "role", "list"),
    ),
    Cause("maintenance.pec_port", (fact_codes.PEC_PORT_CHANGED,), 325, 0.85, ("before", "now")),
    Cause(
        "maintenance.pec_missing",
        (fact_codes.PEC_NOT_FOUND, fact_codes.PEC_FOLDER_MOVED, fact_codes.DB_MISSING, fact_codes.DB_NOT_PEC),
        330,
        0.82,
        ("folder", "port", "database", "before", "now"),
    ),
    Cause("maintenance.db_down", (fact_codes.DB_DOWN, fact_codes.PEC_STOPPED), 335, 0.85, ("host", "port", "service")),
    Cause(
        "maintenance.db_busy",
        (fact_codes.DB_RECOVERING, fact_codes.DB_TOO_MANY_CONNECTIONS, fact_codes.QUERY_CANCELLED),
        340,
        0.72,
        ("list",),
    ),
    Cause(
        "maintenance.agent_crashed",
        (fact_codes.SERVICE_CRASHED, fact_codes.UPDATE_CRASH_LOOP),
        350,
        0.75,
        ("part", "code", "version"),
        undone_by=(fact_codes.UPDATE_HEALTHY,),
    ),
    Cause(
        "maintenance.pec_upgraded",
        (fact_codes.PEC_VERSION_CHANGED, fact_codes.SITE_PEC_UPGRADED),
        460,
        0.72,
        ("before", "now"),
    ),
    Cause("maintenance.spool_full", (fact_codes.SPOOL_FULL,), 470, 0.7, ("waiting_bytes",)),
    Cause(
        "maintenance.service_stopped", (fact_codes.SERVICE_RESTORED, fact_codes.SERVICE_STOPPED), 485, 0.65, ("name",)
    ),
    Cause(
        "maintenance.service_stopped",
        (fact_codes.SERVICE_STOPPED_CLEANLY,),
        480,
        0.75,
        ("reason",),
        where=(("reason", ("service",)),),
        undone_by=(fact_codes.SERVICE_STARTED, fact_codes.SERVICE_RESTORED),
    ),
    Cause(
        "maintenance.spool_quarantined",
        (fact_codes.SPOOL_QUARANTINED, fact_codes.SPOOL_KEY_LOST),
        740,
        0.8,
        ("segments",),
        is_failure=False,
    ),
    Cause("maintenance.disk_low", (fact_codes.DISK_LOW,), 750, 0.85, ("free_bytes",), is_failure=False),
)

RULES = tuple(map(rule_of, CAUSES))
