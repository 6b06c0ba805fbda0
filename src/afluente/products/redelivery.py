"""Sending a delivery again that ended: a dead letter, or one that arrived and got lost at the partner.

Invariant: nothing is sent here; the delivery waits again, and who asked for it is in the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.products.deliveries.place import AGAIN, STAGE
from afluente.state import audit_chain, deliveries, events, partners, releases
from afluente.state.deliveries import Claimed
from afluente.state.json_value import Json

if TYPE_CHECKING:
    import sqlalchemy as sa

    from afluente.runs.steps.workspace import Workspace


def redeliver(
    workspace: Workspace, product: str, *, number: int | None = None, names: Sequence[str] = (), by: str, reason: str
) -> list[Claimed]:
    """Make deliveries of one release wait again: those named, else every dead or cancelled one.

    Without a number it is the newest release that was released. UsageError when there is nothing to send again, the
    release does not stand, or its partner is revoked.
    """
    now = workspace.clock.now()
    with workspace.state.write() as connection:
        release = _release(connection, product, number)
        there = deliveries.find(connection, product=product, number=release.number)
        chosen = _chosen(there, names, f"{product}#{release.number}")
        if partners.status_of(connection, release.partner) == "revoked":
            raise UsageError(
                "partner.revoked",
                f"partner {release.partner} is revoked",
                hint="let it receive again first: afluente product resume",
            )
        for one in chosen:
            kept = {name: value for name, value in one.row.receipt.items() if name != STAGE}
            progress: dict[str, Json] = kept | {AGAIN: True} if one.row.status == "delivered" else kept
            deliveries.send_again(connection, one.row, at=now, progress=progress)
            payload: dict[str, Json] = {"connector": one.row.connector, "was": one.row.status, "reason": reason}
            events.append(connection, at=now, kind="delivery.redelivered", subject=one.subject, payload=payload)
            audit_chain.record(
                connection, at=now, actor=by, action="delivery.redelivered", subject=one.subject, payload=payload
            )
    return chosen


def _release(connection: sa.Connection, product: str, number: int | None) -> releases.Release:
    if number is None:
        found = releases.newest(connection, product, statuses=("released",))
        called = f"product {product}"
    else:
        found, called = releases.find(connection, product, number), f"release {product}#{number}"
    if found is None:
        raise UsageError("release.unknown", f"{called} has no release", hint="see them: afluente product list")
    if found.status != "released":
        raise UsageError("release.not_released", f"release {product}#{found.number} is {found.status}: it is not sent")
    return found


def _chosen(there: list[Claimed], names: Sequence[str], called: str) -> list[Claimed]:
    known = {one.row.name: one for one in there}
    for name in names:
        if name not in known:
            raise UsageError(
                "delivery.unknown", f"release {called} has no delivery '{name}'", hint=did_you_mean(name, known)
            )
        if known[name].row.status in deliveries.OPEN:
            raise UsageError("delivery.open", f"delivery {called}/{name} is {known[name].row.status}: nothing to do")
    if names:
        return [known[name] for name in dict.fromkeys(names)]
    ended = [one for one in there if one.row.status in ("dead", "cancelled")]
    if not ended:
        raise UsageError(
            "delivery.nothing_dead",
            f"release {called} has no dead delivery",
            hint="name a delivery to send it again although it arrived",
        )
    return ended
