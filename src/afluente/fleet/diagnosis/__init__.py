"""Why a site is silent or failing: facts become one verdict with evidence, confidence, an action and a message."""

from afluente.fleet.diagnosis.conclude import diagnose
from afluente.fleet.diagnosis.verdict import Verdict

__all__ = ["Verdict", "diagnose"]
