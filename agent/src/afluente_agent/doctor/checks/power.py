"""Did the machine or the agent stop without being shut down: by the agent's own sign of life and the system's log."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from afluente_agent.alive import GAP_SECONDS, STOPPED_WORD
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

ALIVE = "alive"
RECENT_SECONDS = 3 * 86_400
WINDOWS_QUERY = "*[System[(EventID=41 or EventID=6008)]]"
CREATED = re.compile(r"SystemTime=['\"](\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)")


def check(situation: Situation) -> list[Finding]:
    now = situation.probes.wall.now()
    last = last_alive(_alive_text(situation))
    hub_now = now + situation.settings.clock_offset_seconds
    if last is not None and hub_now - last > GAP_SECONDS:
        return [finding(fact_codes.POWER_UNCLEAN_STOP, last_alive=last, seen_at=_moment(last), seen_by="agent")]
    if situation.probes.system == "windows":
        text = situation.probes.commands.run(
            "wevtutil", "qe", "System", f"/q:{WINDOWS_QUERY}", "/c:1", "/rd:true", "/f:xml"
        )
        stopped = parse_event(text or "")
        if stopped is not None and 0 <= now - stopped < RECENT_SECONDS:
            return [
                finding(
                    fact_codes.POWER_UNCLEAN_STOP, last_alive=stopped, seen_at=_moment(stopped), seen_by="event log"
                )
            ]
    return [finding("ok.power")]


def last_alive(text: str) -> int | None:
    """When the agent was last seen running, by its file; None when it was stopped in order or tells nothing."""
    seconds, _, word = text.strip().partition(" ")
    if not seconds.isdecimal() or len(seconds) > 12 or word == STOPPED_WORD:
        return None
    return int(seconds)


def parse_event(text: str) -> int | None:
    """When the newest event in the XML of `wevtutil` was written; None when there is none."""
    found = CREATED.search(text)
    if found is None:
        return None
    try:
        return int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _alive_text(situation: Situation) -> str:
    try:
        return (situation.folder.root / ALIVE).read_text(encoding="ascii", errors="replace")[:100]
    except OSError:
        return ""


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%Y %H:%M UTC")
