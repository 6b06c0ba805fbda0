"""The rule for the number of an agent's version, as whoever names one is told it."""

from __future__ import annotations

from afluente.fleet.refusal import FleetError
from afluente_agent.update.version_number import is_version


def check_version(version: str) -> None:
    """FleetError where it is no number of a version."""
    if not is_version(version):
        raise FleetError(
            "update.version",
            "a version is three or four numbers, such as 1.4.0",
            pt="uma versão são três ou quatro números, como 1.4.0",
        )
