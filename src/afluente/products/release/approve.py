"""A held release let through by somebody who answers for it.

Invariant: what a privacy gate refused is never let through; what is let through is what was held, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.errors import DataRefused, UsageError
from afluente.products.release.find import find_product, find_release
from afluente.products.release.reason import has_action, read_reason
from afluente.products.release.record import put_deliveries
from afluente.products.release.verify import verify_release
from afluente.state import audit_chain, events, partners, releases

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.json_value import Json
    from afluente.state.releases import Release


def approve_release(
    workspace: Workspace, product_name: str, number: int | None = None, *, reason: str, actor: str
) -> Release:
    """Let the release (without a number, the newest held one) through; its deliveries wait from then on.

    UsageError when it is not held or no reason is given; DataRefused when it was refused, its files are not what was
    held, or the partner was revoked.
    """
    if not reason.strip():
        raise UsageError("release.no_reason", "an approval needs a reason", hint="--reason says why it may leave")
    product = find_product(workspace.project, product_name)
    release = find_release(workspace, product.name, number, statuses=("held",))
    reasons = [read_reason(row) for row in release.reasons]
    if release.status == "refused" or has_action(reasons, "refuse"):
        raise DataRefused(
            "release.refused",
            f"{release.subject} was refused by the privacy gate: nobody can let it through",
            hint="release fewer or coarser figures: `afluente product plan` names the cells",
        )
    if release.status != "held":
        raise UsageError(
            "release.not_held", f"{release.subject} is {release.status}, not held", hint="only held releases wait"
        )
    problems = verify_release(workspace, release).problems
    if problems:
        raise DataRefused(
            "release.changed",
            f"{release.subject} is not what was held: {problems[0].message_en}",
            hint="release again; a changed release is never sent",
        )
    at = workspace.clock.now()
    payload: dict[str, Json] = {"reason": reason, "reasons": [one.code for one in reasons], "partner": release.partner}
    with workspace.state.write() as connection:
        if partners.status_of(connection, release.partner) == "revoked":
            raise DataRefused(
                "release.partner_revoked",
                f"partner {release.partner} was revoked",
                hint="nothing is released to it",
            )
        audit_chain.record(
            connection, at=at, actor=actor, action="release.approved", subject=release.subject, payload=payload
        )
        if not releases.approve(connection, release.id, by=actor, reason=reason, at=at):
            raise UsageError(
                "release.not_held", f"{release.subject} is not held any more", hint="see `afluente product list`"
            )
        put_deliveries(connection, product, release, at=at)
        for kind in ("release.approved", "release.released"):
            events.append(connection, at=at, kind=kind, subject=release.subject, payload={**payload, "by": actor})
    return find_release(workspace, product.name, release.number)
