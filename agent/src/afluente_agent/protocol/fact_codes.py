"""The one vocabulary of facts: what agents leave behind and what the hub sees by itself.

Each code has its meaning and the keys of its evidence. Who leaves a fact, and who reads one, does it by these constants.

Invariant: a code is never given another meaning; evidence is short plain text, and never a name, a password, a token or
anything of a person; the same thing has the same key everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

LeftBy = Literal["agent", "hub"]


@dataclass(frozen=True, slots=True)
class FactKind:
    """What a code says. `evidence` are the keys that may be told with it, each or none of them."""

    meaning: str
    evidence: tuple[str, ...]
    left_by: LeftBy


_kinds: dict[str, FactKind] = {}


def _agent(code: str, meaning: str, *evidence: str) -> str:
    _kinds[code] = FactKind(meaning, evidence, "agent")
    return code


def _hub(code: str, meaning: str, *evidence: str) -> str:
    _kinds[code] = FactKind(meaning, evidence, "hub")
    return code


# fmt: off
NET_DNS: Final = _agent("net.dns", "the hub's name did not resolve", "host", "port", "proxy")
NET_PROXY: Final = _agent("net.proxy", "the HTTP proxy refused, asked for a password (407) or cannot be reached",
                          "host", "proxy", "status", "code", "origin")
NET_PROXY_OF_USER: Final = _agent("net.proxy_of_user", "the proxy stands in a user's settings, not in the service's",
                                  "proxy", "origin")
NET_PROXY_AUTOMATIC: Final = _agent("net.proxy_automatic", "Windows follows an automatic proxy script", "script")
NET_BLOCKED: Final = _agent("net.blocked", "a firewall or a filter stands between: something else answered for the hub",
                            "host", "port", "reason", "status", "code")
NET_REFUSED: Final = _agent("net.refused", "the connection was refused or reset", "host", "port", "reason", "proxy")
NET_TIMEOUT: Final = _agent("net.timeout", "nothing answered in time; stage is connect, read or write",
                            "host", "port", "seconds", "stage", "proxy")
NET_CONNECTION_LOST: Final = _agent("net.connection_lost", "the line broke in the middle", "host", "proxy")
NET_SLOW: Final = _agent("net.slow", "the hub's answer took long", "milliseconds")
NET_UNREACHABLE: Final = _agent("net.unreachable", "there is no route: the machine has no network", "host", "port")
NET_HUB_UNSET: Final = _agent("net.hub_unset", "the doctor was run before the agent knew the hub's address")
NET_TLS_INTERCEPTED: Final = _agent("net.tls_intercepted", "somebody else's certificate answered for the hub, or changed what was sent",
                                    "host", "issuer", "product", "reason", "proxy")
NET_TLS_EXPIRED: Final = _agent("net.tls_expired", "by this machine's clock the hub's certificate is out of its dates",
                                "host", "issuer", "reason", "proxy")
NET_TLS_NAME: Final = _agent("net.tls_name", "who answered for the hub has a certificate of another name",
                             "host", "issuer")
NET_TLS_FAILED: Final = _agent("net.tls_failed", "the TLS handshake was cut", "host", "port", "reason", "proxy")
NET_TLS_ISSUER_UNKNOWN: Final = _agent("net.tls_issuer_unknown", "the certificate is trusted, by no known authority",
                                       "host", "issuer")
NET_RESTORED: Final = _agent("net.restored", "the hub answers again after failures; since in seconds since 1970",
                             "failures", "since")

CLOCK_OFFSET: Final = _agent("clock.offset", "this machine's clock is wrong by more than the tolerance; ahead is positive",
                             "offset_seconds", "direction", "amount")
CLOCK_CORRECTED: Final = _agent("clock.corrected", "the agent learned the offset to the hub's time, which is small",
                                "before", "now")
CLOCK_ZONE: Final = _agent("clock.zone", "the machine's time zone is not one of Brazil's", "zone")

SERVICE_STARTED: Final = _agent("service.started", "the agent began", "version")
SERVICE_STOPPED_CLEANLY: Final = _agent("service.stopped_cleanly",
                                        "the agent was stopped in order; reason is update, shutdown or service",
                                        "version", "reason")
SERVICE_CRASHED: Final = _agent("service.crashed", "a part of the loop failed by an error of its own; code is its type",
                                "part", "code")
SERVICE_WATCHDOG_RESTORED_TASK: Final = _agent("service.watchdog_restored_task",
                                               "the watchdog put back a task or service that was removed", "name")
SERVICE_RESTORED: Final = _agent("service.restored", "the watchdog started the agent's stopped service", "name")
SERVICE_DISABLED: Final = _agent("service.disabled", "the agent's service or task is disabled by hand", "name")
SERVICE_STOPPED: Final = _agent("service.stopped", "the agent's service is installed and does not run", "name")
TASK_MISSING: Final = _agent("task.missing", "the scheduled task or unit is gone", "name")
AGENT_TASK_CHANGED: Final = _agent("agent.task_changed", "the agent's task was changed by hand", "name", "reason")
AGENT_OTHER: Final = _agent("agent.other", "another agent is installed on the machine", "folder")
AGENT_RUNTIME: Final = _agent("agent.runtime", "the agent's program is not whole", "part")

PEC_NOT_FOUND: Final = _agent("pec.not_found", "no PEC was found where it was", "folder")
PEC_STOPPED: Final = _agent("pec.stopped", "PEC is installed and a service of it does not run", "service")
PEC_PORT_CHANGED: Final = _agent("pec.port_changed", "PEC's database answers on another port", "before", "now")
PEC_VERSION_CHANGED: Final = _agent("pec.version_changed", "PEC has another version than before", "before", "now")
PEC_VERSION_UNKNOWN: Final = _agent("pec.version_unknown", "PEC's version cannot be told", "version")
PEC_CREDENTIALS_CHANGED: Final = _agent("pec.credentials_changed", "the kept credentials are no longer taken", "role")
PEC_CREDENTIALS_MISSING: Final = _agent("pec.credentials_missing", "the credentials file is gone or unreadable",
                                        "file", "reason")
PEC_ROLE_REFUSED: Final = _agent("pec.role_refused", "the role may do too much, and the agent refuses it",
                                 "role", "reason")
PEC_FOLDER_MOVED: Final = _agent("pec.folder_moved", "PEC's folder is elsewhere or was renamed", "before", "now")
PEC_TRAINING: Final = _agent("pec.training", "PEC says that it is a training installation")
PEC_SEVERAL: Final = _agent("pec.several", "several installations of PEC are on the machine", "folders")
PEC_KIND_UNKNOWN: Final = _agent("pec.kind_unknown", "PEC says a kind of installation that is not known", "kind")

DB_DOWN: Final = _agent("db.down", "PEC's database does not answer", "host", "port", "reason")
DB_NOT_READABLE: Final = _agent("db.not_readable", "the role may not read a table", "table", "role", "list")
DB_NOT_ALLOWED: Final = _agent("db.not_allowed", "the server takes no connection of the role from here (pg_hba)",
                               "role", "host", "port")
DB_RECOVERING: Final = _agent("db.recovering", "PEC's database is starting, recovering or being restored", "port")
DB_TOO_MANY_CONNECTIONS: Final = _agent("db.too_many_connections", "PEC's database takes no further connection", "port")
DB_CORRUPTED: Final = _agent("db.corrupted", "PEC's database says that a page or an index is damaged",
                             "sqlstate", "list")
DB_MISSING: Final = _agent("db.missing", "the server answers and has no such database", "database", "port")
DB_NOT_PEC: Final = _agent("db.not_pec", "the database answers and is not PEC's", "port", "table")

DISK_LOW: Final = _agent("disk.low", "little space is left", "where", "free", "free_bytes", "needed")
DISK_FULL: Final = _agent("disk.full", "no space is left: something could not be written",
                          "where", "free", "free_bytes", "needed", "reason")
DISK_ERROR: Final = _agent("disk.error", "the disk answered with an input/output error", "where", "reason")
FOLDER_NOT_WRITABLE: Final = _agent("folder.not_writable", "the agent's folder cannot be written", "folder", "reason")
FOLDER_SETTINGS_CHANGED: Final = _agent("folder.settings_changed", "the agent's settings were changed or removed by hand",
                                        "file")
AV_FILE_REMOVED: Final = _agent("av.file_removed", "a file of the agent vanished or is blocked, as an antivirus does",
                                "file", "files", "product")

SPOOL_FULL: Final = _agent("spool.full", "what waits reached the spool's bound; reading stands still", "waiting_bytes")
SPOOL_UNUSABLE: Final = _agent("spool.unusable", "the spool's folder cannot be read or written", "reason")
SPOOL_QUARANTINED: Final = _agent("spool.quarantined", "a transmission in the spool was broken and set aside",
                                  "transmission", "list", "reason", "segments")
SPOOL_UNFINISHED: Final = _agent("spool.unfinished", "a reading was cut before its commit, and removed", "transmissions")
SPOOL_GAVE_WAY: Final = _agent("spool.gave_way", "a superseded transmission made room", "transmission", "list")
SPOOL_KEY_LOST: Final = _agent("spool.key_lost", "the spool's key is gone; what waited is read again")

POWER_UNCLEAN_STOP: Final = _agent("power.unclean_stop",
                                   "the agent was not stopped in order: power, reset or kill; last_alive since 1970",
                                   "last_alive", "seen_at", "seen_by")
POWER_BOOT: Final = _agent("power.boot", "the machine started since the agent last ran; seconds since 1970", "booted_at")
POWER_OFF: Final = _agent("power.off", "nothing ran for a while and nobody stopped the agent; seconds since 1970",
                          "since", "until")
POWER_SUSPENDED: Final = _agent("power.suspended", "the machine slept; seconds since 1970", "since", "until")

UPDATE_STARTED: Final = _agent("update.started", "a new version is in place and on trial", "version", "before")
UPDATE_HEALTHY: Final = _agent("update.healthy", "the version on trial reached the hub and stays", "version")
UPDATE_ROLLED_BACK: Final = _agent("update.rolled_back",
                                   "the watcher went back; reason is crash, hang, no_hub, damaged or no_start",
                                   "version", "reason", "to")
UPDATE_RETURNED: Final = _agent("update.returned", "the hub's order to go back was followed", "version", "to")
UPDATE_REFUSED: Final = _agent("update.refused", "something offered was not taken", "code", "version")
UPDATE_METADATA_EXPIRED: Final = _agent("update.metadata_expired", "the update metadata is past its date", "version")
UPDATE_DOWNLOAD_FAILED: Final = _agent("update.download_failed", "a download broke off and goes on from there later",
                                       "code", "version", "bytes")
UPDATE_CRASH_LOOP: Final = _agent("update.crash_loop", "a version that was healthy ends again and again",
                                  "version", "exits", "status")
UPDATE_POINTER_DAMAGED: Final = _agent("update.pointer_damaged", "the pointer was unreadable; the installed version runs")

QUERY_SCHEMA_DRIFT: Final = _agent("query.schema_drift", "a table or column is not there or has another type",
                                   "list", "relation")
QUERY_TIMEOUT: Final = _agent("query.timeout", "a query took longer than its limit", "list", "seconds")
QUERY_REFUSED: Final = _agent("query.refused", "a query of the catalogue was refused by the agent", "list", "reason")
QUERY_FAILED: Final = _agent("query.failed", "PEC's database could not answer a query", "list", "reason")
QUERY_TOO_MANY_ROWS: Final = _agent("query.too_many_rows", "a query gave more than its limit", "list")
QUERY_CANCELLED: Final = _agent("query.cancelled", "somebody or the server cancelled a query", "list")
CATALOGUE_MISSING: Final = _agent("catalogue.missing", "the hub has given no catalogue yet")
CATALOGUE_NOT_FOR_VERSION: Final = _agent("catalogue.not_for_version", "no list of the catalogue fits PEC's version",
                                          "version")
CATALOGUE_REFUSED: Final = _agent("catalogue.refused", "the catalogue asks for what it may not, or is not well formed")
CATALOGUE_DOWNGRADE: Final = _agent("catalogue.downgrade", "the catalogue is older than one taken before")
DOCUMENT_REFUSED: Final = _agent("document.refused", "a configuration or catalogue that the hub did not sign",
                                 "kind", "version", "code")
READING_DONE: Final = _agent("reading.done", "lists were read from PEC", "lists", "rows")
READING_FAILED: Final = _agent("reading.failed", "lists could not be read, for a reason that has no fact of its own",
                               "code")
READING_MISSED: Final = _agent("reading.missed", "a planned reading was made up for later", "planned", "now")

SEND_DONE: Final = _agent("send.done", "everything that waited was sent", "transmissions", "bytes")
SEND_WAITING: Final = _agent("send.waiting", "the hub asked to wait", "seconds", "reason")
SEND_REFUSED: Final = _agent("send.refused", "the hub refused a request", "status", "code")
SEND_HUB_ERROR: Final = _agent("send.hub_error", "the hub answered with an error of its own (5xx)", "status", "code")
SEND_SET_ASIDE: Final = _agent("send.set_aside", "the hub refused a transmission for good; it was set aside",
                               "transmission", "list", "code", "segments")
SEND_FAILED: Final = _agent("send.failed", "sending stopped, for a reason that has no fact of its own", "code")
IDENTITY_REFUSED: Final = _agent("identity.refused", "the hub does not take the signature", "status", "code")
IDENTITY_KEY_ROTATED: Final = _agent("identity.key_rotated", "a new key is in use", "key")
IDENTITY_CLONE: Final = _agent("identity.clone", "at the enrolment the hub took this machine for a copied disk", "site")
REMEDY_ENDED: Final = _agent("remedy.ended", "a remedy was carried out, or not", "id", "kind", "outcome")
JOURNAL_DROPPED: Final = _agent("journal.dropped", "the journal was full, and the oldest facts gave way", "facts")
JOURNAL_DAMAGED: Final = _agent("journal.damaged", "lines of the journal were not whole", "lines")

HUB_ALIVE: Final = _hub("hub.alive", "when a hub process was last alive: one row, moved on with each beat")
HUB_DOWN: Final = _hub("hub.down", "no hub process was alive", "since", "seconds")
HUB_CERTIFICATE: Final = _hub("hub.certificate", "the hub's own certificate or name is wrong: nearly all sites say so", "sites")
HUB_LANDING_FULL: Final = _hub("hub.landing_full", "the landing folder has no space", "free_bytes")
HUB_CENTRAL_SLOW: Final = _hub("hub.central_slow", "the central database answers slowly: admission shrank to its least",
                               "latency_ms")
HUB_CENTRAL_DOWN: Final = _hub("hub.central_down", "the central database does not answer")
HUB_CENTRAL_RESTORED: Final = _hub("hub.central_restored", "the central database answers again")
HUB_UPLOAD_ABANDONED: Final = _hub("hub.upload_abandoned", "an upload was begun and not ended in its time",
                                   "transmission", "list", "offset")
HUB_UPLOAD_DAMAGED: Final = _hub("hub.upload_damaged", "what arrived is not what was announced; it is asked for again",
                                 "transmission", "list", "code")
HUB_UPLOAD_REFUSED: Final = _hub("hub.upload_refused", "an upload was refused for good", "transmission", "list", "code")
HUB_LOAD_REFUSED: Final = _hub("hub.load_refused", "a transmission could not be loaded", "transmission", "list", "code")
HUB_LOAD_STUCK: Final = _hub("hub.load_stuck", "loading a transmission failed again and again", "transmission", "list",
                             "code")
HUB_BUNDLE_RECEIVED: Final = _hub("hub.bundle_received", "a diagnostics bundle came", "bundle")

SITE_ENROLLED: Final = _hub("site.enrolled", "a first installation",
                            "machine", "system", "agent_version", "before", "was_alive", "findings")
SITE_REINSTALLED: Final = _hub("site.reinstalled", "the same machine was installed again",
                               "machine", "system", "agent_version", "before", "was_alive", "findings")
SITE_MIGRATION: Final = _hub("site.migration", "an installation took the place of another machine's",
                             "machine", "system", "agent_version", "before", "was_alive", "findings")
SITE_CLONE: Final = _hub("site.clone", "two machines speak with one identity",
                         "machine", "sequence", "system", "agent_version", "before", "was_alive", "findings")
SITE_MACHINE_CHANGED: Final = _hub("site.machine_changed", "the same installation speaks from another machine", "machine")
SITE_SEQUENCE_BACK: Final = _hub("site.sequence_back", "an installation's sequence went back: a restored disk or backup",
                                 "before", "now")
SITE_PEC_UPGRADED: Final = _hub("site.pec_upgraded", "the heartbeat tells another PEC version", "before", "now")
SITE_AGENT_UPDATED: Final = _hub("site.agent_updated", "the heartbeat tells another agent version", "before", "now")
SITE_KEY_ROTATED: Final = _hub("site.key_rotated", "the hub took a new key of the agent", "key")
# fmt: on

ALL_SITES: Final = "*"
"""The site of a fact that is of the whole hub."""

FACT_KINDS: Final[Mapping[str, FactKind]] = MappingProxyType(_kinds)
"""Every code there is."""
