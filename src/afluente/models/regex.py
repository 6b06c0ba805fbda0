r"""Java regular expressions rewritten for RE2, where both can mean the same.

Invariant: a construct whose meaning differs (lookaround, back-references, `\b`, `$` before a last newline outside a
test, Unicode classes) gives None, never a near guess.
"""

from __future__ import annotations

import re

_DOT = r"[^\n\r\x{85}\x{2028}\x{2029}]"
_END = r"(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?$"
_SPACE = r"\t\n\x0b\f\r "
_KEPT_ESCAPES = frozenset("dDwWtnrzA")
_CATEGORY = re.compile(r"\\[pP]\{(L|Lu|Ll|N|Nd|P|S|Z)\}")
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")
_MAX_COUNT = 1000


def to_re2(pattern: str, *, is_test: bool) -> str | None:
    r"""The RE2 pattern, or None. Only a test (`rlike`) may hold `$`; elsewhere `\z` says the same in both."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        piece = _piece(pattern, position, is_test=is_test)
        if piece is None:
            return None
        rewritten, position = piece
        out.append(rewritten)
    found = "".join(out)
    try:
        re.compile(pattern.replace(r"\z", r"\Z"))
    except re.error:
        return found if r"\p{" in pattern or r"\P{" in pattern else None
    return found


def _piece(pattern: str, at: int, *, is_test: bool) -> tuple[str, int] | None:
    letter = pattern[at]
    if letter == "\\":
        return _escape(pattern, at, in_class=False)
    if letter == "[":
        return _class(pattern, at)
    if letter == "(" and pattern[at + 1 : at + 2] == "?":
        return ("(?:", at + 3) if pattern[at + 1 : at + 3] == "?:" else None
    if letter in "*+?}" and pattern[at + 1 : at + 2] == "+":
        return None
    if letter == "{":
        found = _COUNT.match(pattern, at)
        if not found or int(found.group(1)) > _MAX_COUNT or int(found.group(3) or 0) > _MAX_COUNT:
            return None
        return (found.group(0), found.end()) if pattern[found.end() : found.end() + 1] != "+" else None
    if letter == "$":
        return (_END, at + 1) if is_test and at == len(pattern) - 1 else None
    return (_DOT if letter == "." else letter), at + 1


def _escape(pattern: str, at: int, *, in_class: bool) -> tuple[str, int] | None:
    letter = pattern[at + 1 : at + 2]
    if not letter:
        return None
    if letter in ("s", "S"):
        if in_class:
            return (_SPACE, at + 2) if letter == "s" else None
        return f"[{'^' if letter == 'S' else ''}{_SPACE}]", at + 2
    if letter in "pP":
        found = _CATEGORY.match(pattern, at)
        return (found.group(0), found.end()) if found else None
    if letter in _KEPT_ESCAPES or not (letter.isalnum() or letter == "_"):
        return pattern[at : at + 2], at + 2
    return None


def _class(pattern: str, at: int) -> tuple[str, int] | None:
    out = ["["]
    position = at + 1
    if pattern[position : position + 1] == "^":
        out.append("^")
        position += 1
    start = position
    while position < len(pattern):
        letter = pattern[position]
        if letter == "]" and position > start:
            return "".join(out) + "]", position + 1
        if letter in "[]" or pattern.startswith("&&", position):
            return None
        if letter == "\\":
            piece = _escape(pattern, position, in_class=True)
            if piece is None:
                return None
            out.append(piece[0])
            position = piece[1]
        else:
            out.append(letter)
            position += 1
    return None


def groups(pattern: str) -> int:
    """How many capturing groups a pattern that `to_re2` accepts has."""
    bare = re.sub(r"\\.|\[\^?\\?.(?:\\.|[^\]\\])*\]", "", pattern)
    return len(re.findall(r"\((?!\?)", bare))


def to_rewrite(replacement: str, group_count: int) -> str | None:
    r"""Java's replacement text (`$1`) as RE2's (`\1`), or None when it names a group that is not there."""
    out: list[str] = []
    position = 0
    while position < len(replacement):
        letter = replacement[position]
        following = replacement[position + 1 : position + 2]
        if letter == "\\":
            if not following:
                return None
            out.append("\\\\" if following == "\\" else following)
            position += 2
        elif letter == "$":
            if (
                not following.isdigit()
                or int(following) > group_count
                or replacement[position + 2 : position + 3].isdigit()
            ):
                return None
            out.append(f"\\{following}")
            position += 2
        else:
            out.append(letter)
            position += 1
    return "".join(out)


def is_empty_match(pattern: str) -> bool:
    """Whether the pattern can match nothing, which engines place differently when splitting."""
    try:
        return re.compile(pattern.replace(r"\z", r"\Z")).match("") is not None
    except re.error:
        return True
