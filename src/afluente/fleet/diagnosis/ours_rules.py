"""Ours: the rules over faults of the hub, silences shared by many, loading, the catalogue and updates.

Invariant: while a fault of ours covers a site's moment, no rule about the site is asked.
"""

from __future__ import annotations

from datetime import timedelta

from afluente.fleet.diagnosis.cause import Cause, rule_of
from afluente.fleet.diagnosis.inactivity_rules import day_off
from afluente.fleet.diagnosis.verdict import Finding, Rule
from afluente.fleet.diagnosis.view import SEND_PATIENCE, SILENT_AFTER, SeenFact, SiteView
from afluente_agent.protocol import fact_codes, refusal_codes

LEAST_PEERS = 5
ALL_SILENT = 0.6
REGION_SILENT = 0.8
STUCK_AFTER = timedelta(hours=4)
ROLLOUT_WITHIN = timedelta(hours=2)
FAULTS = {
    fact_codes.HUB_DOWN: ("ours.hub_down", 0.95),
    fact_codes.HUB_CERTIFICATE: ("ours.hub_certificate", 0.95),
    fact_codes.HUB_LANDING_FULL: ("ours.hub_disk_full", 0.95),
    fact_codes.HUB_CENTRAL_DOWN: ("ours.central_down", 0.9),
    fact_codes.HUB_CENTRAL_SLOW: ("ours.central_down", 0.7),
}
"""Facts of the whole hub that keep lists from arriving, the gravest first."""
DRIFT = (
    fact_codes.QUERY_SCHEMA_DRIFT,
    fact_codes.CATALOGUE_NOT_FOR_VERSION,
    fact_codes.CATALOGUE_MISSING,
    fact_codes.PEC_VERSION_UNKNOWN,
)
_IDENTITY_CODES = ("", refusal_codes.UNKNOWN_KEY, refusal_codes.BAD_SIGNATURE, refusal_codes.REPLAY)


def hub_fault(view: SiteView) -> Finding | None:
    """A fault of ours covers the moment in which the site could have sent; a day off stays one."""
    fault = view.fault
    if view.is_sent or fault is None:
        return None
    is_day_off = not view.day_kind.is_work and not view.is_seen
    if is_day_off and not any(fact.at >= view.begins_at for fact in view.facts):
        return day_off(view)
    code, confidence = FAULTS[fault.code]
    until = "" if fault.until is None else fault.until.astimezone(view.timezone).strftime("%d/%m/%Y %H:%M")
    evidence = {"fact": fault.code, "since": fault.since.astimezone(view.timezone).strftime("%d/%m/%Y %H:%M")}
    also = sorted({fact.code for fact in view.facts if fact.origin == "agent"})
    if until:
        evidence["until"] = until
    if also:
        evidence["also_seen"] = ", ".join(also)
    return Finding(code, confidence, evidence)


def shared_silence(view: SiteView) -> Finding | None:
    """The site is silent at an hour of work, and so are nearly all others, of the country or of its state."""
    if view.is_sent or view.is_alive or not view.is_today or not view.day_kind.is_work:
        return None
    if not view.opens_at + SILENT_AFTER <= view.at < view.closes_at:
        return None
    peers = view.peers
    if peers.fleet >= LEAST_PEERS and peers.fleet_silent >= ALL_SILENT * peers.fleet:
        share = peers.fleet_silent / peers.fleet
        return Finding("ours.all_silent", 0.5 + 0.4 * share, {"silent": f"{peers.fleet_silent}/{peers.fleet}"})
    if peers.uf >= LEAST_PEERS and peers.uf_silent >= REGION_SILENT * peers.uf:
        evidence = {"silent": f"{peers.uf_silent}/{peers.uf}", "uf": view.uf}
        return Finding("ours.region_silent", 0.3 + 0.4 * peers.uf_silent / peers.uf, evidence)
    return None


def load_refused(view: SiteView) -> Finding | None:
    """A list arrived that day and could not be loaded; a drift of its columns is told apart."""
    refused = [one for one in view.transmissions if one.state == "refused"]
    for one in sorted(refused, key=lambda one: one.started_at, reverse=True):
        later = [other for other in view.transmissions if other.list_name == one.list_name and other.state == "loaded"]
        if any(other.started_at > one.started_at for other in later):
            continue
        return Finding(_refused_as(one.error_code), 0.9, {"list": one.list_name, "code": one.error_code})
    told = view.told((fact_codes.HUB_LOAD_REFUSED, fact_codes.HUB_UPLOAD_REFUSED, fact_codes.HUB_UPLOAD_DAMAGED))
    standing = [fact for fact in told if not _came_after(view, fact)]
    if not standing:
        return None
    evidence = {key: standing[0].evidence[key] for key in ("list", "code") if standing[0].evidence.get(key)}
    return Finding(_refused_as(evidence.get("code", "")), 0.85, evidence | {"fact": standing[0].code})


def _refused_as(error_code: str) -> str:
    is_drift = any(word in error_code for word in ("schema", "column"))
    return "ours.schema_drift" if is_drift else "ours.load_refused"


def _came_after(view: SiteView, fact: SeenFact) -> bool:
    """The list of a fact arrived whole since."""
    name = fact.evidence.get("list", "")
    landed = (one.landed_at for one in view.transmissions if one.list_name == name and one.state != "refused")
    return any(at is not None and at >= fact.at for at in landed)


def load_stuck(view: SiteView) -> Finding | None:
    """A list waits in landing for hours."""
    waiting = [
        one
        for one in view.transmissions
        if one.state in ("landed", "loading") and one.landed_at is not None and view.at - one.landed_at >= STUCK_AFTER
    ]
    if waiting:
        oldest = min(waiting, key=lambda one: one.landed_at or one.started_at)
        hours = f"{(view.at - (oldest.landed_at or oldest.started_at)) // timedelta(hours=1)}"
        return Finding("ours.load_stuck", 0.93, {"list": oldest.list_name, "hours": hours, "lists": str(len(waiting))})
    told = view.told((fact_codes.HUB_LOAD_STUCK,))
    if told and any(one.state in ("landed", "loading") for one in view.transmissions):
        return Finding("ours.load_stuck", 0.8, {"fact": told[0].code})
    return None


def rollout_in_progress(view: SiteView) -> Finding | None:
    """The agent went silent while it updates."""
    step = view.rollout
    if view.is_sent or view.is_alive or step is None or step.status not in ("offered", "downloaded", "running"):
        return None
    last_seen = view.last_seen_at
    if not timedelta() <= view.at - step.at <= ROLLOUT_WITHIN or (last_seen is not None and last_seen > step.at):
        return None
    return Finding("ours.rollout_in_progress", 0.7, {"version": step.version, "status": step.status})


def unexplained(view: SiteView) -> Finding | None:
    """Alive, hours past its usual time, and no fact says why it did not send."""
    if view.is_sent or not view.is_seen:
        return None
    begins_at = max(view.opens_at, view.enrolled_at or view.opens_at)
    if view.is_today and (not view.is_alive or view.at < begins_at + SEND_PATIENCE):
        return None
    missing = sorted(view.expected_lists - view.sent_lists)
    evidence = {"missing": ", ".join(missing)} if missing else {}
    evidence["waiting_bytes"] = str(view.waiting_bytes)
    if view.clock_offset_seconds:
        evidence["clock_offset_seconds"] = str(view.clock_offset_seconds)
    return Finding("ours.unexplained", 0.45 if view.is_today else 0.35, evidence)


RULES = (
    Rule("ours.hub_fault", 10, hub_fault),
    Rule("ours.load_refused", 110, load_refused),
    Rule("ours.load_stuck", 115, load_stuck),
    rule_of(
        Cause(
            "ours.schema_drift",
            DRIFT,
            120,
            0.9,
            ("list", "relation", "version"),
        )
    ),
    rule_of(
        Cause(
            "ours.catalogue_refused",
            (
                fact_codes.QUERY_REFUSED,
                fact_codes.QUERY_FAILED,
                fact_codes.CATALOGUE_REFUSED,
                fact_codes.CATALOGUE_DOWNGRADE,
                fact_codes.DOCUMENT_REFUSED,
            ),
            130,
            0.9,
            ("list", "reason", "kind", "code"),
        )
    ),
    rule_of(
        Cause(
            "ours.transmission_refused",
            (fact_codes.SEND_REFUSED, fact_codes.SEND_HUB_ERROR, fact_codes.SEND_SET_ASIDE),
            140,
            0.85,
            ("code", "list", "status"),
        )
    ),
    rule_of(
        Cause(
            "ours.identity_refused",
            (fact_codes.IDENTITY_REFUSED,),
            145,
            0.8,
            ("code",),
            where=(("code", _IDENTITY_CODES),),
        )
    ),
    Rule("ours.rollout_in_progress", 150, rollout_in_progress),
    rule_of(
        Cause(
            "ours.update_rolled_back",
            (fact_codes.UPDATE_ROLLED_BACK,),
            160,
            0.75,
            ("version", "reason"),
            undone_by=(fact_codes.UPDATE_HEALTHY,),
        )
    ),
    Rule("ours.shared_silence", 190, shared_silence),
    rule_of(
        Cause(
            "ours.query_limit",
            (fact_codes.QUERY_TIMEOUT, fact_codes.QUERY_TOO_MANY_ROWS),
            360,
            0.85,
            ("list", "seconds"),
        )
    ),
    rule_of(Cause("ours.waiting_turn", (fact_codes.SEND_WAITING,), 465, 0.8, ("seconds", "reason"))),
    rule_of(
        Cause(
            "ours.schema_drift",
            DRIFT,
            720,
            0.85,
            ("list", "relation"),
            is_failure=False,
        )
    ),
    rule_of(
        Cause(
            "ours.update_rolled_back",
            (fact_codes.UPDATE_ROLLED_BACK, fact_codes.UPDATE_REFUSED),
            725,
            0.8,
            ("version", "reason", "code"),
            is_failure=False,
        )
    ),
    rule_of(
        Cause(
            "ours.update_metadata_expired",
            (fact_codes.UPDATE_METADATA_EXPIRED,),
            730,
            0.9,
            ("version",),
            is_failure=False,
        )
    ),
    Rule("ours.unexplained", 890, unexplained),
)
