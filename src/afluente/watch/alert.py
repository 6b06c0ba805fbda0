"""An alert: something an owner has to look at, told once and counted afterwards.

Invariant: nothing in an alert is a value of a restricted column; its fingerprint depends only on what it is about.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

AlertKind = Literal[
    "extraction",
    "transformation",
    "inconsistency",
    "connection",
    "delivery",
    "credentials",
    "contract",
    "anomaly",
    "privacy",
]
Severity = Literal["info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True)
class Alert:
    """`subject` is the table, source, product or delivery; `code` the stable code of what happened there."""

    kind: AlertKind
    severity: Severity
    subject: str
    code: str
    title_pt: str
    title_en: str
    detail_pt: str = ""
    detail_en: str = ""
    owner: str = ""
    runbook: str = ""
    group: str = ""
    run_id: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for every time the same thing happens to the same subject."""
        return hashlib.sha256(f"{self.kind}\0{self.subject}\0{self.code}".encode()).hexdigest()[:32]
