"""Is the time zone one of Brazil's: UTC-02:00 to UTC-05:00."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

ZONES = (-120, -180, -240, -300)


def check(situation: Situation) -> list[Finding]:
    minutes = situation.probes.wall.utc_offset_minutes()
    sign = "-" if minutes < 0 else "+"
    zone = f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return [finding("ok.time_zone" if minutes in ZONES else fact_codes.CLOCK_ZONE, zone=zone)]
