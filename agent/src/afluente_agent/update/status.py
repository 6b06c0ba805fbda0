"""How an update stands, as the text of a heartbeat's `update_status`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["offered", "downloading", "downloaded", "trial", "healthy", "rolled_back", "refused"]
STATES: tuple[State, ...] = get_args(State)
_DETAIL = re.compile(r"[a-z0-9_.]{0,40}")


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """`detail` is a reason or a code."""

    state: State
    version: str
    detail: str = ""

    def text(self) -> str:
        return " ".join(part for part in (self.state, self.version, self.detail) if part)


def parse_status(text: str) -> UpdateStatus | None:
    """The status of a text; None when it is empty or none."""
    from afluente_agent.update.version_number import is_version

    parts = text.split(" ")
    if not 2 <= len(parts) <= 3 or not is_version(parts[1]):
        return None
    detail = parts[2] if len(parts) == 3 else ""
    for state in STATES:
        if parts[0] == state and _DETAIL.fullmatch(detail):
            return UpdateStatus(state, parts[1], detail)
    return None
