"""ODCS quality rules over a registered table: measured, compared, and each reported by itself."""

from afluente.conform.quality.evaluate import evaluate
from afluente.conform.quality.outcome import Outcome

__all__ = ["Outcome", "evaluate"]
