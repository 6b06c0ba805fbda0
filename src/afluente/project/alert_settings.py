"""What `alerts:` of afluente.yaml says, as frozen dataclasses. Nothing here opens a file.

Invariant: passwords and addresses of services stand as references to secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from afluente.core.errors import Place
from afluente.project.secret_reference import SecretReference

Severity = Literal["info", "warning", "error", "critical"]
MailSecurity = Literal["starttls", "tls", "none"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")
SECURITIES: tuple[MailSecurity, ...] = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class MailChannel:
    """Alerts by e-mail. `security` none is accepted for a server of this machine only."""

    server: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    security: MailSecurity = "starttls"
    user: str = ""
    password: SecretReference | None = None


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """Alerts through a service that Apprise knows. Its address holds a token, so it is a reference."""

    url: SecretReference


Way: TypeAlias = "MailChannel | AppriseChannel"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way alerts are told. It takes alerts of `minimum_severity` and above."""

    name: str
    way: Way
    place: Place
    minimum_severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How alerts are told. `weekly_budget` is how many notices a week and channel people still read.

    `owner` owns what has no owner of its own. `quarantine_percent` is the share of a step's rows that may be refused
    before it is told.
    """

    channels: tuple[Channel, ...]
    place: Place
    owner: str = ""
    repeat_hours: float = 24.0
    weekly_budget: int = 40
    quarantine_percent: float = 5.0
    runbook_base: str = ""

    def channel(self, name: str) -> Channel | None:
        return next((channel for channel in self.channels if channel.name == name), None)
