"""What a hub holds callers to, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass

from afluente_agent.protocol.limits import HEARTBEAT_SECONDS

LOOPBACK = "127.0.0.1"
AGENTS_PORT = 8471
OPERATORS_PORT = 8472


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The bounds of both doors. A client slower than `least_bytes_per_second` after `patience_seconds` is let go."""

    heartbeat_seconds: int = HEARTBEAT_SECONDS
    patience_seconds: float = 20.0
    least_bytes_per_second: int = 1024
    header_seconds: float = 10.0
    idle_seconds: float = 30.0
    requests_at_once: int = 200
    connections: int = 6000
    enrolments_a_minute: int = 20
    """Failed enrolments of one address. A whole state may stand behind one address, so successes are not counted."""
    wrong_tokens_a_minute: int = 20
    """Requests with a wrong operator token, of one address."""
    state_threads: int = 4
    """Threads that ask a PostgreSQL state; SQLite, which has one writer anyway, is asked by one."""
    upload_threads: int = 4
