"""Building a release: selected, judged, written whole, and recorded in one transaction.

Invariant: a crash at any point leaves either nothing that anybody sees, or a folder without a row, which the next
build removes; a release is recorded only if nothing was told since it was audited.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import DataRefused, StateError
from afluente.core.ids import new_id
from afluente.products.release.draft import Draft, draft_release
from afluente.products.release.folder import building, publish, release_lock, remove_unrecorded
from afluente.products.release.gates import Gates, default_gates
from afluente.products.release.periods import Days
from afluente.products.release.reason import Reason, read_reason
from afluente.products.release.record import Overtaken, new_release, record_release
from afluente.products.release.selection import select
from afluente.products.release.write import keep_ledger, write_release
from afluente.state import audit_chain, partners, releases

if TYPE_CHECKING:
    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release

OutcomeStatus = Literal["released", "held", "refused", "unchanged"]
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """`unchanged` is a release that would be the same as `release`, or, without one, has no whole period to tell."""

    status: OutcomeStatus
    release: Release | None
    reasons: tuple[Reason, ...] = ()

    @property
    def exit_status(self) -> int:
        return DataRefused.exit_status if self.status in ("held", "refused") else 0


def build_release(
    workspace: Workspace,
    product: Product,
    *,
    days: Days | None = None,
    actor: str,
    replaces: int | None = None,
    gates: Gates | None = None,
) -> ReleaseOutcome:
    """Build the product's next release, of `days` or of what is complete and untold, in place of `replaces` or not.

    Waits for another build of the same project to end. A release that was held before is withdrawn: this one takes its
    place. UsageError, DataRefused `release.partner_revoked`, and what the gates and the engine raise.
    """
    chosen = gates or default_gates()
    root = workspace.project.root
    with release_lock(root):
        with workspace.state.read() as connection:
            _refuse_revoked(product, partners.status_of(connection, product.partner))
            known = {release.id for release in releases.of_product(connection)}
        remove_unrecorded(root, known)
        for _ in range(_ATTEMPTS):
            outcome = _build(workspace, product, days=days, actor=actor, replaces=replaces, gates=chosen)
            if outcome is not None:
                return outcome
    raise StateError(
        "release.overtaken",
        f"product {product.name}: other releases to {product.partner} were recorded each time this one was audited",
        hint="release again when they have ended",
        retryable=True,
    )


def _build(
    workspace: Workspace, product: Product, *, days: Days | None, actor: str, replaces: int | None, gates: Gates
) -> ReleaseOutcome | None:
    """One try; None when the ledger or the numbers moved meanwhile."""
    selection = select(workspace, product, days=days, replaces=replaces)
    with workspace.state.read() as connection:
        same = releases.with_identity(connection, product.name, selection.identity)
        newest = releases.newest(connection, product.name, statuses=("released", "held"))
        number = releases.next_number(connection, product.name)
        audit_head = audit_chain.head(connection)
    if not selection.outputs:
        return ReleaseOutcome("unchanged", newest)
    if same is not None and same.status in releases.TOLD:
        return ReleaseOutcome("unchanged", same)
    draft = draft_release(
        workspace,
        product,
        selection,
        gates,
        origin=releases.subject_of(product.name, number),
        is_recorded=True,
    )
    if same is not None and same.status == draft.verdict and _reasons_of(same) == draft.reasons:
        return ReleaseOutcome(draft.verdict, same, draft.reasons)
    now = workspace.clock.now()
    release = new_release(
        product, draft, number=number, audit_head=audit_head, replaces=replaces, at=now, id_=new_id(now)
    )
    try:
        return _carry_out(workspace, product, draft, release, actor=actor, gates=gates)
    except Overtaken:
        return None


def _carry_out(
    workspace: Workspace, product: Product, draft: Draft, release: Release, *, actor: str, gates: Gates
) -> ReleaseOutcome:
    root = workspace.project.root
    if draft.verdict == "refused":
        record_release(workspace, product, draft, release, actor=actor)
        return ReleaseOutcome("refused", release, draft.reasons)
    with building(root, product.name) as folder:
        written = write_release(workspace, product, draft, release, folder, gates)
        ledger = keep_ledger(workspace, draft, release, gates)
        publish(folder, root / release.folder)
    complete = replace(release, manifest_sha256=written.manifest_sha256)
    try:
        record_release(workspace, product, draft, complete, actor=actor, ledger=ledger)
    except Overtaken:
        with workspace.state.read() as connection:
            is_taken = releases.find(connection, product.name, release.number) is not None
        if not is_taken:
            shutil.rmtree(root / release.folder)
        raise
    return ReleaseOutcome(draft.verdict, complete, draft.reasons)


def _refuse_revoked(product: Product, status: str) -> None:
    if status == "revoked":
        raise DataRefused(
            "release.partner_revoked",
            f"product {product.name}: partner {product.partner} was revoked",
            hint=f"nothing is released to it; let it in again with: afluente product resume {product.partner}",
        )


def _reasons_of(release: Release) -> tuple[Reason, ...]:
    return tuple(read_reason(row) for row in release.reasons)
