"""The most of everything that may cross the line. Both sides hold to them."""

from __future__ import annotations

MAX_MESSAGE_BYTES = 256 * 1024
"""A JSON message: enrolment, heartbeat, slot, configuration."""
MAX_BUNDLE_BYTES = 1024 * 1024
"""A diagnostics bundle."""
CHUNK_BYTES = 1024 * 1024
"""A chunk of an upload, unless the configuration says less."""
MAX_CHUNK_BYTES = 4 * 1024 * 1024
MAX_TRANSMISSION_BYTES = 2 * 1024**3
MAX_UNPACKED_RATIO = 200
"""Unpacked bytes over packed ones; beyond it an upload is a bomb."""
MAX_FACTS_A_MESSAGE = 200
CLOCK_TOLERANCE_SECONDS = 300
NONCE_SECONDS = 900
"""How long a nonce is remembered: more than twice the tolerance."""
HEARTBEAT_SECONDS = 900
