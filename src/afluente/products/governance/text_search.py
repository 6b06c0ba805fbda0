"""Looking for a person's pattern in much text: RE2 finds where it may stand, Python's engine says whether it does.

Invariant: the rough pattern accepts all that the exact one does; only the exact one decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from afluente.products.governance.person import GAP

_AROUND = re.compile(r"\(\?<?!\\[dw]\)")
_ANY_GAP = "[^0-9A-Za-z]"


def rough(pattern: re.Pattern[str]) -> str:
    """The pattern without what RE2 lacks, and with more allowed between digits and words."""
    text = _AROUND.sub("", pattern.pattern)
    return text.replace(GAP, f"{_ANY_GAP}{{0,2}}").replace(r"\s+", f"{_ANY_GAP}+")


def lines_with(pattern: re.Pattern[str], lines: Sequence[str]) -> set[int]:
    """The positions of the lines that hold the pattern."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.match_substring_regex(pa.array(lines, pa.large_string()), rough(pattern), ignore_case=True)
    positions = pc.indices_nonzero(found).to_pylist()
    return {position for position in positions if pattern.search(lines[position])}


def mentions(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern stands anywhere in a text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    may_stand = pc.match_substring_regex(pa.array([text], pa.large_string()), rough(pattern), ignore_case=True)
    return bool(may_stand[0].as_py()) and pattern.search(text) is not None
