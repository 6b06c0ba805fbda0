"""Text that a spreadsheet would take for a formula, made plain text, and the way back.

Invariant: `restored(neutral(text)) == text` for every text; what is not dangerous is left as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

STARTERS = "=+-@\t\r\n＝＋－＠"
"""What begins a formula, or is skipped before one: the ASCII signs, tab, line ends and the full-width signs."""

PATTERN = f"^'*[{re.escape(STARTERS)}]"
_DANGEROUS = re.compile(PATTERN)
_NEUTRALISED = re.compile(f"^'+[{re.escape(STARTERS)}]")


def neutral(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would calculate it.

    A text that already has apostrophes before such a sign gets one more, so that one is always the right number to
    take away.
    """
    return f"'{text}" if _DANGEROUS.match(text) else text


def restored(text: str) -> str:
    """What `neutral` was given."""
    return text[1:] if _NEUTRALISED.match(text) else text


def neutral_column(texts: pa.Array) -> pa.Array:
    """`neutral` of every text of an Arrow array; null stays null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_dangerous = pc.match_substring_regex(texts, PATTERN)
    if not pc.any(is_dangerous).as_py():
        return texts
    return pc.if_else(is_dangerous, pc.binary_join_element_wise(pa.scalar("'"), texts, ""), texts)
