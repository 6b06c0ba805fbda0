"""PEC databases for the tests: those of the demo."""

from __future__ import annotations

from afluente.demo.transmissor.pec import (
    PecSize,
    address_of,
    build_pec,
    change_people,
    grant_reading,
)

__all__ = ["PecSize", "address_of", "build_pec", "change_people", "grant_reading"]
