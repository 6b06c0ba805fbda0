"""Text to a tree of nodes: YAML 1.2 (core schema), with a line and a column for every key and value.

Invariant: whatever the bytes, the outcome is a tree or CheckFailed; never another exception. Duplicate keys,
custom tags, several documents and merge keys are refused; size, depth and what aliases expand to are bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Protocol

from afluente.core.errors import CheckFailed, Place, Problem
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node, Plain

MAX_BYTES = 2_000_000
MAX_DEPTH = 40
MAX_NODES = 200_000
MAX_NUMBER_DIGITS = 300

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAGS = "tag:yaml.org,2002:"
_QUOTED = re.compile(r"'(?!<)[^']{2,}'|\"[^\"]{2,}\"")
_HINTS = (
    ("mapping values are not allowed", "a text that holds ': ' is written between quotes"),
    ("cannot start any token", "indent with spaces, and put texts that begin with @, ` or % between quotes"),
    ("expected <block end>", "lines of one mapping or list begin in the same column"),
    ("could not find expected ':'", "a key is followed by ':' and a space"),
    ("while scanning a quoted scalar", "the quote is never closed"),
    ("unexpected end of stream", "a quote or a bracket is never closed"),
)


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    start_mark: _Mark


def parse_yaml(content: bytes, mistakes: Mistakes, *, first_line: int = 1) -> Node:
    """Read one document. `first_line` is the line of the file the content begins at.

    Mistakes that leave the document readable (a duplicate key) are added to `mistakes`; a document that
    cannot be read raises CheckFailed.
    """
    return _Composer(mistakes, first_line).compose(decode_text(content, mistakes.file))


def decode_text(content: bytes, file: str) -> str:
    """Bytes of a project file as text: UTF-8, with or without a byte order mark."""
    if len(content) > MAX_BYTES:
        raise CheckFailed(
            [
                Problem(
                    Place(file), "project.too_large", f"the file has {len(content)} bytes, at most {MAX_BYTES} are read"
                )
            ]
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(
            Place(file, line),
            "project.encoding",
            f"byte {error.start} is not UTF-8",
            "save the file as UTF-8",
        )
        raise CheckFailed([problem]) from error


def plain_value(text: str) -> Plain:
    """What an unquoted scalar means in the core schema of YAML 1.2. Dates stay texts."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789" or len(text) > MAX_NUMBER_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return -math.inf if text.startswith("-") else math.inf
    return math.nan if text in (".nan", ".NaN", ".NAN") else text


class _Composer:
    """Builds the tree from the parser's events, so that positions, aliases and keys stay in our hands."""

    def __init__(self, mistakes: Mistakes, first_line: int) -> None:
        self._mistakes = mistakes
        self._first_line = first_line
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def compose(self, text: str) -> Node:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            return self._document(iter(YAML(typ="safe", pure=True).parse(text)))
        except YAMLError as error:
            raise self._refused_syntax(error) from None
        except (ValueError, OverflowError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as error:
            raise self._refused("project.yaml_syntax", "the text is not YAML", self._at(1, 1)) from error

    def _document(self, events: Iterable[_Event]) -> Node:
        from ruamel.yaml.events import DocumentStartEvent, StreamEndEvent, StreamStartEvent

        stream = iter(events)
        root: Node | None = None
        for event in stream:
            if isinstance(event, StreamStartEvent | StreamEndEvent):
                continue
            if not isinstance(event, DocumentStartEvent):
                continue
            if root is not None:
                raise self._refused(
                    "project.yaml_documents",
                    "the file holds a second document",
                    self._mark(event),
                    "one document a file",
                )
            root, _ = self._node(next(stream), stream.__next__, 0)
        if root is None:
            raise self._refused("project.empty_file", "the file is empty", self._at(1, 1))
        return root

    def _node(self, event: _Event, following: Callable[[], _Event], depth: int) -> tuple[Node, int]:
        """The node an event begins, and how many nodes it expands to."""
        from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

        place = self._mark(event)
        if depth > MAX_DEPTH:
            raise self._refused("project.yaml_depth", f"more than {MAX_DEPTH} levels are nested here", place)
        if isinstance(event, AliasEvent):
            found = self._anchors.get(event.anchor)
            if found is None:
                raise self._refused(
                    "project.yaml_alias", "an alias names no anchor before it", place, "quote a text that begins with *"
                )
            self._count(found[1], place)
            return found
        self._count(1, place)
        match event:
            case ScalarEvent():
                node, size = Node(self._scalar(event), place.line, place.column, event.value), 1
            case SequenceStartEvent():
                node, size = self._sequence(place, following, depth)
            case MappingStartEvent():
                node, size = self._mapping(place, following, depth)
            case _:
                raise self._refused("project.yaml_syntax", "the text is not YAML", place)
        self._check_tag(event, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, size)
        return node, size

    def _sequence(self, place: Place, following: Callable[[], _Event], depth: int) -> tuple[Node, int]:
        from ruamel.yaml.events import SequenceEndEvent

        items: list[Node] = []
        size = 1
        while not isinstance(event := following(), SequenceEndEvent):
            item, item_size = self._node(event, following, depth + 1)
            items.append(item)
            size += item_size
        return Node(tuple(items), place.line, place.column), size

    def _mapping(self, place: Place, following: Callable[[], _Event], depth: int) -> tuple[Node, int]:
        from ruamel.yaml.events import MappingEndEvent, ScalarEvent

        entries: dict[str, Node] = {}
        size = 1
        while not isinstance(event := following(), MappingEndEvent):
            at = self._mark(event)
            if not isinstance(event, ScalarEvent):
                raise self._refused("project.yaml_key", "a key is not a plain text", at, "quote the key")
            self._check_tag(event, at)
            key = event.value
            value, value_size = self._node(following(), following, depth + 1)
            size += value_size + 1
            if key == "<<":
                self._mistakes.add("project.yaml_merge", "'<<' does not exist in YAML 1.2", at, hint="repeat the keys")
            elif key in entries:
                first = entries[key].key_line
                self._mistakes.add(
                    "project.duplicate_key", f"the key {key!r} stands twice, first in line {first}", at, hint="keep one"
                )
            else:
                entries[key] = value.at_key(at.line, at.column)
        return Node(entries, place.line, place.column), size

    def _scalar(self, event: object) -> Plain:
        text: str = getattr(event, "value", "")
        tag = self._tag(event)
        is_text = tag in ("!", "str") or (not tag and getattr(event, "style", None) is not None)
        return text if is_text else plain_value(text)

    def _check_tag(self, event: object, place: Place) -> None:
        if self._tag(event) not in ("", "!", "str", "int", "float", "bool", "null", "seq", "map"):
            raise self._refused(
                "project.yaml_tag", "a tag is not allowed here", place, "quote a text that begins with !"
            )

    def _tag(self, event: object) -> str:
        return str(getattr(event, "tag", None) or "").removeprefix(_TAGS)

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._refused("project.too_large", f"the document expands to more than {MAX_NODES} values", place)

    def _at(self, line: int, column: int) -> Place:
        return Place(self._mistakes.file, line + self._first_line - 1, column)

    def _mark(self, event: _Event) -> Place:
        return self._at(event.start_mark.line + 1, event.start_mark.column + 1)

    def _refused(self, code: str, message: str, place: Place, hint: str = "") -> CheckFailed:
        return CheckFailed([*self._mistakes.problems, Problem(place, code, message, hint)])

    def _refused_syntax(self, error: Exception) -> CheckFailed:
        """The parser's complaint without the text it quotes, which may be part of a secret."""
        mark: _Mark | None = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = self._at(mark.line + 1, mark.column + 1) if mark else self._at(getattr(error, "line", 0) + 1, 0)
        words = [getattr(error, name, None) for name in ("context", "problem")]
        raw = ", ".join(str(word) for word in words if word)
        said = _QUOTED.sub("'...'", raw) or "a character is not allowed"
        if "'\\t'" in raw:
            return self._refused("project.yaml_tab", "a tab stands where spaces indent", place, "indent with spaces")
        hint = next(
            (hint for words_, hint in _HINTS if words_ in said), "look at the brackets, quotes and spaces before"
        )
        return self._refused("project.yaml_syntax", f"not YAML: {said}", place, hint)
