"""Words and numbers as the command line writes and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName

_KIBI = 1024.0
_shown_zone: ContextVar[ZoneInfo | None] = ContextVar("shown_zone", default=None)


def table_name(text: str, known: Iterable[str] = ()) -> TableName:
    """A table as somebody typed it; a bare name is looked up in every layer. UsageError."""
    names = list(known)
    if "." not in text:
        found = [name for name in names if name.partition(".")[2] == text]
        if len(found) == 1:
            return TableName.parse(found[0])
    try:
        return TableName.parse(text)
    except ValueError as error:
        hint = did_you_mean(text, names) if names else "write it as layer.name, such as silver.clientes"
        raise UsageError("cli.table_name", str(error), hint=hint) from error


def size_text(size_bytes: float | None) -> str:
    """Bytes in the largest unit that keeps them above one."""
    if size_bytes is None:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size_bytes) < _KIBI:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= _KIBI
    return f"{size_bytes:.1f} TiB"


def age_text(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in the two largest units."""
    seconds = max(int(((now or datetime.now(UTC)) - moment) / timedelta(seconds=1)), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def show_moments_in(timezone: str) -> None:
    """From now on moments are shown in this zone, the project's, in which they are also read where they are typed."""
    _shown_zone.set(ZoneInfo(timezone))


def shown(moment: datetime) -> datetime:
    """An aware moment in the project's time zone, in the machine's while no project is open."""
    return moment.astimezone(_shown_zone.get())


def moment_text(moment: datetime | None) -> str:
    """A moment as it is shown, to the second."""
    return "" if moment is None else shown(moment).strftime("%Y-%m-%d %H:%M:%S")


def figures_text(figures: Mapping[str, object]) -> str:
    """`rows 368, percent 2.5`: figures by name, whole numbers without a point."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
    )
