"""Facts as the parts of the agent and of the hub word them, read into the one vocabulary that the rules know.

Invariant: reading never raises and never loses a fact: what has no other word keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from afluente_agent.protocol.fact_codes import CODES

WORDS: Mapping[str, str] = {
    "dns": "net.dns",
    "proxy": "net.proxy",
    "tls_interception": "net.tls_intercepted",
    "tls_failed": "net.tls_failed",
    "refused": "net.refused",
    "timeout": "net.timeout",
    "connection_lost": "net.timeout",
    "reached": "net.restored",
    "started": "service.started",
    "stopped": "service.stopped_cleanly",
    "was_off": "power.off",
    "crashed": "service.crashed",
    "task_restored": "service.watchdog_restored_task",
    "service_restarted": "service.restored",
    "sent": "send.done",
    "slot_deferred": "send.waiting",
    "spool_quarantined": "spool.quarantined",
    "spool_unfinished": "power.unclean_stop",
    "spool_key_lost": "spool.key_lost",
    "spool_full": "spool.full",
    "spool_broken": "spool.quarantined",
    "spool_unusable": "folder.not_writable",
    "disk_full": "disk.full",
    "document_refused": "catalogue.bad_signature",
    "agent_key_rotated": "identity.key_rotated",
    "remedy_ended": "remedy.done",
    "update.started": "update.downloaded",
    "update.healthy": "update.applied",
    "update.refused": "update.failed",
    "update.crash_loop": "service.crashed",
    "transmission_refused": "hub.load_refused",
    "upload_damaged": "hub.load_refused",
    "upload_refused": "hub.load_refused",
    "loading_stuck": "hub.load_stuck",
    "key_rotated": "identity.key_rotated",
    "catalogue.refused": "catalogue.bad_signature",
    "catalogue.downgrade": "catalogue.bad_signature",
    "catalogue.missing": "pec.version_unknown",
    "query.failed": "query.refused",
    "folder.missing": "folder.moved",
    "service.stopped": "service.disabled",
    "db.not_allowed": "db.not_readable",
    "db.missing": "pec.not_found",
    "db.not_pec": "pec.not_found",
    "agent.runtime": "av.file_removed",
    "agent.task_changed": "task.missing",
}
"""Where the doctor knows more kinds than there are verdicts, the nearest one."""
EVIDENCE: Mapping[str, str] = {"error": "code", "what": "name", "proxy_host": "proxy"}
CAUSED = ("extract_failed", "send_failed")
TIME_WORDS = ("expired", "not yet valid")
CLOCK_MATTERS_SECONDS = 3600


def read_fact(code: str, evidence: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The code and the evidence in the words of the vocabulary."""
    told = {EVIDENCE.get(key, key): value for key, value in evidence.items()}
    if code in CAUSED:
        return _caused(code, told), told
    if code == "http_status":
        return _answered(told), told
    if code == "clock_corrected":
        return _clock(told)
    if code == "tls_interception" and any(word in told.get("reason", "").lower() for word in TIME_WORDS):
        return "net.tls_expired", told
    return (WORDS.get(code, code), told)


def _caused(code: str, told: Mapping[str, str]) -> str:
    """A failure that names its reason by the code of an error."""
    reason = told.get("code", "")
    word = reason.removeprefix("spool.").removeprefix("hub.")
    if reason in WORDS or word in WORDS:
        return WORDS[reason if reason in WORDS else word]
    return reason if reason in CODES else code


def _answered(told: Mapping[str, str]) -> str:
    """An answer with a status, of the hub (its code is told) or of something on the way."""
    status, code = told.get("status", ""), told.get("code", "")
    if status == "401" or code in ("clock", "replay", "unknown_key", "bad_signature", "suspended"):
        return "identity.refused"
    if status == "407" or (not code and status in ("403", "451")):
        return "net.proxy" if status == "407" else "net.blocked"
    if status in ("429", "503"):
        return "send.waiting"
    return "send.hub_error" if status.startswith("5") else "send.refused"


def _clock(told: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The agent learned how wrong its clock is; it goes on, so only a large error is worth a word."""
    try:
        offset = int(told.get("now", "0"))
    except ValueError:
        offset = 0
    code = "clock.offset" if abs(offset) >= CLOCK_MATTERS_SECONDS else "clock.corrected"
    return code, {**told, "offset_seconds": str(offset)}
