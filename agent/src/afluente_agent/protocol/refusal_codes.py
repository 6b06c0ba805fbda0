"""Codes of the hub's refusals that an agent acts on."""

from __future__ import annotations

SLOT_NEEDED = "slot_needed"
"""A chunk came from a site that holds no slot: ask for one, and go on where the hub stands."""
