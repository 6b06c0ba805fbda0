"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import os
import uuid
from datetime import datetime


def new_id(moment: datetime) -> str:
    """A UUIDv7 for this moment: 36 characters, lower case, sortable to the millisecond."""
    milliseconds = int(moment.timestamp() * 1000) & (1 << 48) - 1
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))
