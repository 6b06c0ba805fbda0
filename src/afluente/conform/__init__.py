"""Conform: dirty rows in, typed rows out, and an explanation of every row that was refused or repaired.

`apply` cleans a frame in memory by a contract and `column` one list, and `is_valid` gives the verdicts alone, for
notebooks; the rest serves the runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.conform.in_memory import Applied, Cleaned, apply, column
    from afluente.conform.verdict import is_valid

__all__ = ["Applied", "Cleaned", "apply", "column", "is_valid"]


def __getattr__(name: str) -> object:
    if name in __all__:
        module = "verdict" if name == "is_valid" else "in_memory"
        found: object = getattr(import_module(f"afluente.conform.{module}"), name)
        return found
    raise AttributeError(name)
