"""Is there space where the agent keeps its data and where PEC keeps its own."""

from __future__ import annotations

from pathlib import Path

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

FULL_BYTES = 200 * 1024**2
LOW_BYTES = 2 * 1024**3
LOW_PEC_BYTES = 10 * 1024**3


def check(situation: Situation) -> list[Finding]:
    found = _of(situation, situation.folder.root, "dados do agente", LOW_BYTES)
    for place in situation.places():
        if place.folder is not None:
            found += _of(situation, place.folder, "dados do PEC", LOW_PEC_BYTES)
    return found or [finding("ok.disk")]


def _of(situation: Situation, folder: Path, where: str, low_bytes: int) -> list[Finding]:
    try:
        free = situation.probes.disk.free_bytes(folder)
    except OSError as error:
        return [finding(fact_codes.DISK_ERROR, where=where, reason=error.strerror or type(error).__name__)]
    if free >= low_bytes:
        return []
    code = fact_codes.DISK_FULL if free < FULL_BYTES else fact_codes.DISK_LOW
    return [finding(code, where=where, free=in_words(free), free_bytes=free, needed=in_words(low_bytes))]


def in_words(size_bytes: int) -> str:
    """A size in GB or MB, with a decimal comma."""
    if size_bytes >= 1024**3:
        return f"{size_bytes / 1024**3:.1f} GB".replace(".", ",")
    return f"{size_bytes // 1024**2} MB"
