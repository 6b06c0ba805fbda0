"""What the demo needs from whoever shows it: the command line's console has this shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class Screen(Protocol):
    """`note` is for whoever watches, the rest is the answer."""

    is_json: bool

    def note(self, text: str) -> None: ...

    def data(self, text: str) -> None: ...

    def json(self, value: object) -> None: ...

    def table(self, rows: Iterable[Mapping[str, object]], *, columns: Sequence[str] = ()) -> None: ...
