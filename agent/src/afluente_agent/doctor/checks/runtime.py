"""Is the agent's program whole: Python and the few libraries it needs."""

from __future__ import annotations

import importlib
import platform
import sys

from afluente_agent import __version__
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

OLDEST = (3, 11)


def check(situation: Situation) -> list[Finding]:
    if sys.version_info < OLDEST:
        return [finding(fact_codes.AGENT_RUNTIME, part=f"Python {platform.python_version()}")]
    broken = [name for name in situation.probes.machine_modules if not _is_importable(name)]
    if broken:
        return [finding(fact_codes.AGENT_RUNTIME, part=", ".join(broken))]
    return [finding("ok.runtime", python=platform.python_version(), agent=__version__)]


def _is_importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ImportError, OSError, SyntaxError):
        return False
    return True
