"""A product of a reference project from gold to the partner's hands: released, sent, cut off, recovered, told.

Invariant: every step is the call that the command line makes; the one thing that is played is the partner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import DataRefused
from afluente.demo.leaping_clock import LeapingClock
from afluente.demo.screen import Screen

if TYPE_CHECKING:
    from afluente.demo.partner import Partner
    from afluente.products.release.build import ReleaseOutcome
    from afluente.products.sending import SendOutcome
    from afluente.runs.steps.workspace import Workspace

ACTOR = "demo"
REVENUE = "receita"
"""The measure whose visible share is shown."""
CUT_AFTER_BYTES = 2_000
TIMES_CUT = 2
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Sent:
    """One try of one delivery."""

    name: str
    connector: str
    status: str
    error_code: str


@dataclass(slots=True)
class Story:
    """What happened, in order; a release that was held has no deliveries."""

    product: str
    number: int = 0
    status: str = ""
    seconds: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    visible: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    sent: list[Sent] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    mails: int = 0
    is_verified: bool = False
    report: Path | None = None
    received: list[tuple[str, int]] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """3 for a release that was held or refused, 1 for one that did not arrive."""
        if self.status != "released":
            return DataRefused.exit_status
        return 0 if self.is_delivered else 1

    @property
    def is_delivered(self) -> bool:
        last = {one.name: one.status for one in self.sent}
        return bool(last) and set(last.values()) == {"delivered"}


def tell_product(workspace: Workspace, clock: LeapingClock, partner: Partner, console: Screen) -> Story:
    """Release the project's first product and bring it to the partner, through one failure."""
    from afluente.products.release.build import build_release

    product = workspace.project.products[0]
    story = Story(product.name)
    began = clock.now()
    console.note(f"releasing {product.title} to {product.partner}")
    outcome = build_release(workspace, product, actor=ACTOR)
    story.seconds = (clock.now() - began).total_seconds()
    _take_release(story, outcome)
    if outcome.status != "released":
        return story
    console.note(f"sending; the partner's SFTP server cuts the line after {CUT_AFTER_BYTES:,} bytes, twice")
    for turn in range(_ROUNDS):
        partner.sftp.faults.drop_after_bytes = CUT_AFTER_BYTES if turn < TIMES_CUT else None
        if turn:
            clock.leap(timedelta(hours=1))
            console.note("an hour later")
        _send(workspace, story, console)
        _watch(workspace, story, console)
        if story.is_delivered:
            break
    _look(workspace, story, outcome, partner)
    return story


def _take_release(story: Story, outcome: ReleaseOutcome) -> None:
    from afluente.products.release.utility_record import utility_from_json

    story.status = outcome.status
    story.reasons = tuple(f"{reason.code}: {reason.message_en}" for reason in outcome.reasons)
    if outcome.release is None:
        return
    story.number = outcome.release.number
    told = {output: utility_from_json(kept) for output, kept in outcome.release.utility.items()}
    story.rows = {output: utility.rows for output, utility in told.items()}
    story.visible = {
        output: {one.level: one.share for one in utility.shares if one.measured == REVENUE}
        for output, utility in told.items()
    }


def _send(workspace: Workspace, story: Story, console: Screen) -> None:
    from afluente.products.sending import send_due

    for one in send_due(workspace):
        story.sent.append(Sent(one.name, one.connector, one.status, one.error_code))
        console.note(_line_of(one))


def _line_of(one: SendOutcome) -> str:
    if one.status == "delivered":
        return f"  {one.connector:<6} {one.name:<10} delivered"
    return f"  {one.connector:<6} {one.name:<10} {one.status}: {one.error_code}: {one.message}"


def _watch(workspace: Workspace, story: Story, console: Screen) -> None:
    from afluente.watch import alerts
    from afluente.watch.events_to_alerts import read_events
    from afluente.watch.notify import notify_due

    read_events(workspace)
    with workspace.state.read() as connection:
        standing = alerts.listing(connection)
    notified = notify_due(workspace)
    for alert in standing:
        story.alerts.append(f"{alert.status} {alert.severity} {alert.kind} {alert.subject} {alert.code}")
        console.note(f"  alert  {alert.severity} {alert.title_en}")
    if notified.sent:
        console.note(f"  {notified.sent} mail to the team")


def _look(workspace: Workspace, story: Story, outcome: ReleaseOutcome, partner: Partner) -> None:
    from afluente.products.release.verify import verify_release

    if outcome.release is None:
        return
    story.is_verified = not verify_release(workspace, outcome.release).problems
    report = workspace.project.root / outcome.release.folder / "report.html"
    story.report = report if report.is_file() else None
    story.received = [
        (path.relative_to(partner.received).as_posix(), path.stat().st_size)
        for path in sorted(partner.received.rglob("*"))
        if path.is_file()
    ]
    story.mails = len(list((partner.received / "mail").glob("*.eml")))
