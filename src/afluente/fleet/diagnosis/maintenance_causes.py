"""Maintenance: which facts show which situation. What explains others stands first.

Invariant: a full disk or an antivirus is found before the stopped database or the lost task that it caused.
"""

from __future__ import annotations

from afluente.fleet.diagnosis.cause import Cause, rule_of

CAUSES = (
    Cause("maintenance.antivirus", ("av.file_removed",), 200, 0.88, ("file", "product"), undone_by=("update.applied",)),
    Cause("maintenance.disk_error", ("disk.error",), 205, 0.88, ("where",)),
    Cause("maintenance.disk_full", ("disk.full",), 210, 0.92, ("free_bytes",)),
    Cause("maintenance.clock_wrong", ("net.tls_expired",), 220, 0.8, ("reason",), is_network=True),
    Cause("maintenance.clock_wrong", ("clock.offset",), 475, 0.75, ("offset_seconds",)),
    Cause("maintenance.clock_wrong", ("identity.refused",), 221, 0.7, ("code",), where=(("code", ("clock",)),)),
    Cause("maintenance.settings_changed", ("folder.settings_changed", "folder.moved"), 230, 0.82, ("folder", "file")),
    Cause("maintenance.folder_not_writable", ("folder.not_writable",), 235, 0.88, ("folder", "reason")),
    Cause(
        "maintenance.task_removed",
        ("task.missing", "service.watchdog_restored_task"),
        240,
        0.88,
        ("name",),
    ),
    Cause("maintenance.service_disabled", ("service.disabled",), 245, 0.9, ("name",), undone_by=("service.started",)),
    Cause("maintenance.restored_backup", ("identity.restored_backup", "sequence_back"), 250, 0.75, ("before", "now")),
    Cause("maintenance.pec_training", ("pec.training",), 300, 0.85),
    Cause(
        "maintenance.pec_role",
        ("pec.role_refused",),
        305,
        0.93,
        ("role", "reason"),
    ),
    Cause(
        "maintenance.pec_credentials",
        ("pec.credentials_changed", "pec.credentials_missing"),
        310,
        0.9,
        ("role", "file"),
    ),
    Cause("maintenance.db_corrupted", ("db.corrupted",), 315, 0.9, ("sqlstate",)),
    Cause("maintenance.db_not_readable", ("db.not_readable",), 320, 0.88, ("table", "role")),
    Cause("maintenance.pec_port", ("pec.port_changed",), 325, 0.85, ("before", "now")),
    Cause(
        "maintenance.pec_missing",
        ("pec.not_found", "pec.folder_moved"),
        330,
        0.82,
        ("folder", "port", "before", "now"),
    ),
    Cause("maintenance.db_down", ("db.down", "pec.stopped"), 335, 0.85, ("host", "port", "service")),
    Cause("maintenance.db_busy", ("db.recovering", "db.too_many_connections", "query.cancelled"), 340, 0.72, ("list",)),
    Cause("maintenance.agent_crashed", ("service.crashed",), 350, 0.75, ("code",), undone_by=("update.applied",)),
    Cause("maintenance.pec_upgraded", ("pec.version_changed", "pec_upgraded"), 460, 0.72, ("before", "now")),
    Cause("maintenance.spool_full", ("spool.full",), 470, 0.7, ("waiting_bytes",)),
    Cause("maintenance.service_stopped", ("service.restored",), 485, 0.65, ("name",)),
    Cause(
        "maintenance.service_stopped",
        ("service.stopped_cleanly",),
        480,
        0.75,
        ("reason",),
        where=(("reason", ("stopped", "service", "user", "manual", "uninstalled", "remedy")),),
        undone_by=("service.started", "service.restored"),
    ),
    Cause(
        "maintenance.spool_quarantined",
        ("spool.quarantined", "spool.key_lost"),
        740,
        0.8,
        ("segments",),
        is_failure=False,
    ),
    Cause("maintenance.disk_low", ("disk.low",), 750, 0.85, ("free_bytes",), is_failure=False),
)

RULES = tuple(map(rule_of, CAUSES))
