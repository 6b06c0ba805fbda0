"""A scheduled task of Windows, read from the XML of `schtasks /query /xml`.

Invariant: pure; what is not the XML of a task gives None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
NO_LIMIT = "PT0S"
MOST_CHARACTERS = 256 * 1024


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """`limit` is how long it may run, as written (`PT72H`); empty or `PT0S` for ever."""

    is_enabled: bool
    command: str
    triggers: int
    is_for_mains_only: bool
    limit: str

    @property
    def has_limit(self) -> bool:
        return self.limit not in ("", NO_LIMIT)


def parse_task(text: str) -> ScheduledTask | None:
    """The task in an XML text; None when it is none."""
    begins = text.find("<Task")
    if begins < 0 or len(text) > MOST_CHARACTERS or "<!" in text:
        return None
    whole = re.sub(r"</Task>.*", "</Task>", text[begins:], flags=re.DOTALL)
    try:
        root = ET.fromstring(whole)  # noqa: S314 - a text of the system's own tool, without declarations
    except ET.ParseError:
        return None
    settings, actions = f"{NAMESPACE}Settings/{NAMESPACE}", f"{NAMESPACE}Actions/{NAMESPACE}Exec/{NAMESPACE}"
    triggers = root.find(f"{NAMESPACE}Triggers")
    enabled = [one for one in (triggers if triggers is not None else ()) if _is_true(one, f"{NAMESPACE}Enabled")]
    return ScheduledTask(
        is_enabled=_is_true(root, f"{settings}Enabled"),
        command=(root.findtext(f"{actions}Command") or "").strip().strip('"'),
        triggers=len(enabled),
        is_for_mains_only=_is_true(root, f"{settings}DisallowStartIfOnBatteries"),
        limit=(root.findtext(f"{settings}ExecutionTimeLimit") or "PT72H").strip(),
    )


def _is_true(element: ET.Element, path: str) -> bool:
    """A setting, which is true when nothing is written: so Windows reads `Enabled` and the battery's."""
    return (element.findtext(path) or "true").strip().lower() == "true"
