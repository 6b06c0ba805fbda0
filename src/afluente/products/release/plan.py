"""What a release would be, and why it would be held. Writes nothing, in the state or on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from afluente.products.privacy.gated import Utility
from afluente.products.release.draft import draft_release
from afluente.products.release.formats.write import SUFFIXES
from afluente.products.release.gates import Gates, default_gates
from afluente.products.release.periods import Days
from afluente.products.release.reason import Reason
from afluente.products.release.selection import select
from afluente.products.release.write import prefix_of
from afluente.state import partners, releases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PlannedOutput:
    """One output of the release. `told` counts the figures the ledger would keep."""

    name: str
    days: Days | None
    rows: int
    told: int
    utility: Utility
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """`verdict` is how the release would end; `unchanged` names in `number` the release it would be again, 0 when
    there is no whole period to tell. `deliveries` are connectors by name.
    """

    product: str
    partner: str
    partner_status: str
    number: int
    verdict: Literal["released", "held", "refused", "unchanged"]
    outputs: tuple[PlannedOutput, ...]
    reasons: tuple[Reason, ...]
    inputs: Mapping[str, int]
    deliveries: Mapping[str, str]


def plan_release(
    workspace: Workspace,
    product: Product,
    *,
    days: Days | None = None,
    replaces: int | None = None,
    gates: Gates | None = None,
) -> ReleasePlan:
    """Judge the release that `build_release` would make now."""
    selection = select(workspace, product, days=days, replaces=replaces)
    with workspace.state.read() as connection:
        same = releases.with_identity(connection, product.name, selection.identity)
        number = releases.next_number(connection, product.name)
        status = partners.status_of(connection, product.partner)
    inputs = {str(table): version for table, version in selection.inputs.versions.items()}
    is_told = same is not None and same.status in releases.TOLD
    if is_told or not selection.outputs:
        again = same.number if same is not None and is_told else 0
        return ReleasePlan(product.name, product.partner, status, again, "unchanged", (), (), inputs, {})
    draft = draft_release(
        workspace, product, selection, gates or default_gates(), origin=product.name, is_recorded=False
    )
    names = {one.output.name for one in draft.outputs}
    planned = tuple(
        PlannedOutput(
            name=one.output.name,
            days=one.selected.days,
            rows=one.table.num_rows,
            told=len(one.told),
            utility=one.utility,
            files=tuple(
                f"{prefix_of(product.name, number)}-{one.output.name}.{SUFFIXES[form]}" for form in one.output.formats
            ),
        )
        for one in draft.outputs
    )
    deliveries = {one.name: one.connector for one in product.deliveries if not one.outputs or names & set(one.outputs)}
    return ReleasePlan(
        product.name,
        product.partner,
        status,
        number,
        draft.verdict,
        planned,
        draft.reasons,
        inputs,
        deliveries,
    )
