"""Inactivity: the rules over hours, days, migrations and silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from afluente.fleet.diagnosis.cause import Cause, rule_of
from afluente.fleet.diagnosis.verdict import Finding, Rule
from afluente.fleet.diagnosis.view import SILENT_AFTER, SiteView
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.refusal_codes import SUSPENDED

MIGRATION_DAYS = timedelta(days=3)
LONG_SILENCE = timedelta(days=14)
LEAST_OFF = timedelta(hours=1)
MOVES_WITHIN = timedelta(hours=2)
_HOLIDAYS = {
    "national": "inactivity.national_holiday",
    "state": "inactivity.state_holiday",
    "municipal": "inactivity.municipal_holiday",
}
_DAY_OFF_CONFIDENCE = {"holiday": 0.95, "optional": 0.8, "weekend": 0.92, "bridge": 0.6}


def not_installed(view: SiteView) -> Finding | None:
    if view.enrolled_at is not None or view.is_sent:
        return None
    return Finding("inactivity.not_installed", 0.97, {"status": view.status})


def cloned_disk(view: SiteView) -> Finding | None:
    """A suspended agent is one only where the clone was seen, and nothing was sent since."""
    if view.is_sent:
        return None
    seen = view.unsolved((fact_codes.SITE_CLONE, fact_codes.IDENTITY_CLONE))
    if seen:
        return Finding("inactivity.cloned_disk", 0.95, {"fact": seen[0].code, "seen_at": _moment(view, seen[0].at)})
    refused = [fact for fact in view.unsolved((fact_codes.IDENTITY_REFUSED,)) if fact.evidence.get("code") == SUSPENDED]
    if refused or view.is_suspended:
        return Finding("inactivity.cloned_disk", 0.75, {"agent": "suspended"})
    return None


def migration(view: SiteView) -> Finding | None:
    """A new machine took over within the last days and has not sent everything yet."""
    moved = view.unsolved((fact_codes.SITE_MIGRATION, fact_codes.SITE_MACHINE_CHANGED))
    seen = [fact for fact in moved if view.at - fact.at <= MIGRATION_DAYS]
    if view.is_sent or not seen:
        return None
    return Finding("inactivity.migration", 0.85, {"fact": seen[0].code, "seen_at": _moment(view, seen[0].at)})


def day_off(view: SiteView) -> Finding | None:
    """No sign on a holiday, an optional day, a bridge or a weekend."""
    kind = view.day_kind
    if view.is_sent or kind.is_work or (view.is_seen and view.is_alive):
        return None
    if kind.kind == "holiday":
        code = _HOLIDAYS.get(kind.level, "inactivity.national_holiday")
    else:
        code = {
            "optional": "inactivity.optional_day",
            "bridge": "inactivity.bridge_day",
            "weekend": "inactivity.weekend",
        }[kind.kind]
    return Finding(code, _DAY_OFF_CONFIDENCE[kind.kind], {"day": f"{view.day:%d/%m/%Y}", "holiday": kind.name})


def outside_hours(view: SiteView) -> Finding | None:
    """Silent before the hour in which the site is usually turned on."""
    if view.is_sent or view.is_alive or not view.usual_hours or not view.is_today:
        return None
    if view.at >= view.opens_at + SILENT_AFTER:
        return None
    evidence = {"opens": f"{view.opens_at:%H:%M}", "learned": "yes" if view.is_learned else "no"}
    return Finding("inactivity.outside_hours", 0.9 if view.is_learned else 0.7, evidence)


def never_on_this_weekday(view: SiteView) -> Finding | None:
    if view.is_sent or view.is_seen or not view.is_learned or view.usual_hours:
        return None
    return Finding("inactivity.never_on_this_weekday", 0.8, {"weekday": str(view.day.isoweekday())})


def power_cut(view: SiteView) -> Finding | None:
    """The machine told after it came back that it had not been stopped in order."""
    seen = view.unsolved((fact_codes.POWER_UNCLEAN_STOP, fact_codes.SPOOL_UNFINISHED))
    if view.is_sent or not seen or view.moment - seen[0].at > timedelta(hours=36):
        return None
    boots = view.unsolved((fact_codes.POWER_BOOT,))
    evidence = {"fact": seen[0].code, "times": str(len(seen)), "seen_at": _moment(view, seen[0].at)}
    return Finding("inactivity.power_cut", 0.85 if boots else 0.7, evidence)


def was_off(view: SiteView) -> Finding | None:
    """Nothing ran in the hours of the day, and the machine is back: it started only after them, or tells of the gap."""
    if view.is_sent:
        return None
    gap = _gap_in_hours(view, fact_codes.POWER_OFF)
    if gap is not None:
        return Finding("inactivity.was_off", 0.8, gap)
    boots = [fact for fact in view.told((fact_codes.POWER_BOOT,)) if fact.at >= view.closes_at]
    if view.is_today or view.is_seen or not boots:
        return None
    return Finding("inactivity.was_off", 0.75, {"fact": fact_codes.POWER_BOOT, "seen_at": _moment(view, boots[-1].at)})


def asleep(view: SiteView) -> Finding | None:
    """The machine slept in the hours of the day."""
    gap = None if view.is_sent else _gap_in_hours(view, fact_codes.POWER_SUSPENDED)
    return None if gap is None else Finding("inactivity.asleep", 0.7, gap)


def sending_now(view: SiteView) -> Finding | None:
    """A transmission of that day is being received, and moves."""
    if view.is_sent or not view.is_alive:
        return None
    going = [one for one in view.transmissions if one.state == "receiving"]
    if not going:
        return None
    newest = max(going, key=lambda one: one.moved_at)
    if view.at - newest.moved_at > MOVES_WITHIN:
        return None
    share = f"{newest.offset * 100 // max(newest.size_bytes, 1)}%"
    return Finding("inactivity.sending_now", 0.85, {"list": newest.list_name, "share": share})


def silence(view: SiteView) -> Finding | None:
    """No sign of life and no fact that says why."""
    if view.is_sent or view.is_alive:
        return None
    if not view.is_today and view.is_seen:
        return None
    seen = view.last_seen_at or view.enrolled_at
    silent = view.at - seen if seen is not None else LONG_SILENCE
    evidence = {"last_seen": _moment(view, seen) if seen is not None else "a instalação"}
    if seen is not None and seen >= view.ends_at:
        evidence = {"last_seen": "antes desse dia"}
    if silent >= LONG_SILENCE:
        return Finding("inactivity.long_silence", 0.7, evidence)
    if view.is_today and view.at < view.opens_at + timedelta(hours=2):
        return Finding("inactivity.off_or_no_internet", 0.4, evidence)
    return Finding("inactivity.off_or_no_internet", 0.5, evidence)


def _gap_in_hours(view: SiteView, code: str) -> Mapping[str, str] | None:
    """The first time, told by facts of this code, in which nothing ran and the site is usually on."""
    for fact in view.told((code,)):
        since, until = _told_moment(fact.evidence.get("since", "")), _told_moment(fact.evidence.get("until", ""))
        if since is None or until is None:
            continue
        overlap = min(until, view.closes_at) - max(since, view.opens_at)
        if overlap >= LEAST_OFF or (overlap > timedelta() and until >= view.closes_at):
            return {"since": _moment(view, since), "until": _moment(view, until)}
    return None


def _told_moment(text: str) -> datetime | None:
    """Seconds since 1970 as an agent tells them."""
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _moment(view: SiteView, moment: datetime) -> str:
    return moment.astimezone(view.timezone).strftime("%d/%m/%Y %H:%M")


RULES = (
    Rule("inactivity.not_installed", 5, not_installed),
    Rule("inactivity.cloned_disk", 100, cloned_disk),
    Rule("inactivity.migration", 455, migration),
    Rule("inactivity.sending_now", 390, sending_now),
    rule_of(
        Cause(
            "inactivity.turned_off",
            (fact_codes.SERVICE_STOPPED_CLEANLY,),
            620,
            0.8,
            ("reason",),
            where=(("reason", ("shutdown",)),),
            undone_by=(fact_codes.SERVICE_STARTED, fact_codes.POWER_BOOT),
        )
    ),
    Rule("inactivity.asleep", 630, asleep),
    Rule("inactivity.power_cut", 610, power_cut),
    Rule("inactivity.was_off", 640, was_off),
    Rule("inactivity.day_off", 600, day_off),
    Rule("inactivity.outside_hours", 605, outside_hours),
    Rule("inactivity.never_on_this_weekday", 607, never_on_this_weekday),
    Rule("inactivity.silence", 900, silence),
)
