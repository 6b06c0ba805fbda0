"""How long a server asks to wait. Source: RFC 9110, section 10.2.3 (seconds, or an HTTP date)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 7 * 24 * 3600.0


def retry_after_seconds(written: str, *, now: datetime) -> float | None:
    """Seconds from 0 to MAX_SECONDS, or None when nothing readable is written. `now` is aware. Never raises."""
    text = written.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_SECONDS)
