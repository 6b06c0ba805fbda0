"""Names of columns from a header as it was written.

Invariant: names are verbatim but trimmed, never empty, unique without regard to case, and never the platform's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from afluente.core.errors import SourceError
from afluente.sources.source import RESERVED_COLUMNS

_INVISIBLE = "\ufeff\u200b\u00a0 \t\r\n\x00"


def name_columns(cells: Sequence[str], *, unit: str, max_columns: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names, and a warning for each name that had to be made or changed. SourceError `source.too_many_columns`."""
    if len(cells) > max_columns:
        raise SourceError(
            "source.too_many_columns",
            f"{unit} has {len(cells)} columns, more than the {max_columns} allowed",
            hint="check the delimiter and skip_rows, or raise max_columns",
        )
    names: list[str] = []
    warnings: list[str] = []
    taken = {name.casefold() for name in RESERVED_COLUMNS}
    written = {cell.strip(_INVISIBLE).casefold() for cell in cells}
    for index, cell in enumerate(cells, start=1):
        wanted = cell.strip(_INVISIBLE)
        name = wanted or f"column_{index}"
        suffix = 2
        while name.casefold() in taken or (name != wanted and name.casefold() in written):
            name = f"{wanted or f'column_{index}'}_{suffix}"
            suffix += 1
        if name != wanted:
            warnings.append(f"{unit}: column {index} is named '{name}', because '{wanted}' is empty or already taken")
        taken.add(name.casefold())
        names.append(name)
    return tuple(names), tuple(warnings)
