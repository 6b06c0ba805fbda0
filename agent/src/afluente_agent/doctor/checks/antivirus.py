"""Are the agent's own files all here and readable: an antivirus takes them away without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.service_state import parse_sc
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

PRODUCTS = {
    "AVP": "Kaspersky",
    "avast! Antivirus": "Avast",
    "AVG Antivirus": "AVG",
    "ekrn": "ESET",
    "VSSERV": "Bitdefender",
    "mfemms": "McAfee",
    "Sophos Endpoint Defense Service": "Sophos",
    "WinDefend": "Microsoft Defender",
}
"""Services of antivirus programs on Windows, and how people call the program."""


def check(situation: Situation) -> list[Finding]:
    files = situation.probes.own_files()
    lost = [path for path in files if not _is_whole(path)]
    if not lost:
        return [finding("ok.antivirus", files=len(files))]
    product = _product(situation)
    return [finding(fact_codes.AV_FILE_REMOVED, file=_named(lost), files=len(lost), product=product)]


def _is_whole(path: Path) -> bool:
    """Whether a file is there and can be opened: a quarantined one may stand there and refuse."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


def _named(lost: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in lost[:3])
    return f"{names} e mais {len(lost) - 3}" if len(lost) > 3 else names


def _product(situation: Situation) -> str:
    if situation.probes.system == "windows":
        for service, product in PRODUCTS.items():
            state = parse_sc(situation.probes.commands.run("sc", "query", service) or "")
            if state is not None and state.is_running:
                return product
    return "deste computador"
