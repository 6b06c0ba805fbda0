"""Conform: dirty rows in, typed rows out, and an explanation of every row that was refused or repaired.

`apply` cleans a frame in memory by a contract, for notebooks; the rest serves the runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.conform.apply import Applied, apply

__all__ = ["Applied", "apply"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from afluente.conform import apply as module

        return getattr(module, name)
    raise AttributeError(name)
