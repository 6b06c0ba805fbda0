"""A release taken back: what still waits is not sent, and the partner may be asked to delete what it has.

Invariant: the ledger keeps what was sent; only what was held, and never left, is forgotten by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.products.release.find import find_release
from afluente.state import audit_chain, events, releases

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.json_value import Json
    from afluente.state.releases import Release


def withdraw_release(workspace: Workspace, product: str, number: int, *, reason: str, actor: str) -> Release:
    """Withdraw a released or held release. UsageError when it is neither, or no reason is given."""
    if not reason.strip():
        raise UsageError("release.no_reason", "a withdrawal needs a reason", hint="--reason says what was wrong")
    release = find_release(workspace, product, number)
    at = workspace.clock.now()
    payload: dict[str, Json] = {"reason": reason, "partner": release.partner}
    with workspace.state.write() as connection:
        audit_chain.record(
            connection, at=at, actor=actor, action="release.withdrawn", subject=release.subject, payload=payload
        )
        if releases.withdraw(connection, release.id) is None:
            raise UsageError(
                "release.not_released",
                f"{release.subject} is {release.status}: there is nothing to withdraw",
                hint="see `afluente product list`",
            )
        events.append(
            connection, at=at, kind="release.withdrawn", subject=release.subject, payload={**payload, "by": actor}
        )
    return find_release(workspace, product, number)
