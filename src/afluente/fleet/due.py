"""When what was put off, or is held by a lease, is due: whatever becomes of the hub's clock.

Invariant: a moment that was written by a clock that was ahead holds nothing up once the clock is right again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

LONGEST_WAIT = timedelta(hours=1)
"""No lease, slot or retry of the hub is longer. A moment further ahead was written by a clock that went back since."""


def has_come(moment: sa.ColumnElement[Any], at: datetime) -> sa.ColumnElement[bool]:
    """Whether a moment is over, or so far ahead that it cannot be one; never for a moment that is null."""
    return sa.or_(moment <= at, moment > at + LONGEST_WAIT)


def is_due(moment: sa.ColumnElement[Any], at: datetime) -> sa.ColumnElement[bool]:
    """Whether a moment is none, or has come."""
    return sa.or_(moment.is_(None), has_come(moment, at))
