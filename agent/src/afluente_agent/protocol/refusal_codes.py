"""Codes of the hub's refusals that an agent acts on, or that the diagnosis reads in its facts."""

from __future__ import annotations

CLOCK = "clock"
"""The request's time is not the hub's: learn it, sign again."""
REPLAY = "replay"
"""The nonce was used before: sign again with another."""
UNKNOWN_KEY = "unknown_key"
BAD_SIGNATURE = "bad_signature"
SUSPENDED = "suspended"
SIGNED_AGAIN = (CLOCK, REPLAY)
"""Refusals after which the same request is signed once more."""
OF_IDENTITY = (CLOCK, REPLAY, UNKNOWN_KEY, BAD_SIGNATURE, SUSPENDED)
"""Refusals of who signed. None is a reason to throw a key away."""
CONTENT_MISMATCH = "content_mismatch"
TWO_LENGTHS = "two_lengths"
OF_CHANGED_CONTENT = (CONTENT_MISMATCH, TWO_LENGTHS)
"""What arrived is not what was signed and sent: something on the way opens the connection and changes it."""
SLOT_NEEDED = "slot_needed"
"""A chunk came from a site that holds no slot: ask for one, and go on where the hub stands."""
