"""What a release is to be made of: versions, outputs, days, contracts. Reads no row of the facts but their days.

Invariant: `identity` is a digest of everything the data files depend on; equal identities are equal files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.core.errors import ProjectError, UsageError
from afluente.products.release.inputs import Inputs, data_span, pin_inputs
from afluente.products.release.periods import Days, periods_to_tell
from afluente.state import releases

if TYPE_CHECKING:
    from afluente.project.contract import Contract
    from afluente.project.product import Output, Product
    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release


@dataclass(frozen=True, slots=True)
class Selected:
    """One output that is told: its contract, and its days (None for an output of rows)."""

    output: Output
    contract: Contract
    days: Days | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty `outputs`: there is nothing to tell."""

    inputs: Inputs
    outputs: tuple[Selected, ...]
    identity: str

    @property
    def period(self) -> dict[str, list[str]]:
        """As it is kept in the state."""
        return {one.output.name: [day.isoformat() for day in one.days] if one.days else [] for one in self.outputs}


def select(workspace: Workspace, product: Product, *, days: Days | None, replaces: int | None) -> Selection:
    """Choose what to tell. UsageError for a release to replace that does not exist, or was never told."""
    inputs = pin_inputs(workspace, product)
    with workspace.state.read() as connection:
        before = releases.of_product(connection, product.name, statuses=releases.TOLD)
        replaced = releases.find(connection, product.name, replaces) if replaces is not None else None
    if replaces is not None and (replaced is None or replaced.status in ("held", "refused")):
        raise UsageError(
            "release.nothing_to_replace",
            f"product {product.name}: release {replaces} was never released",
            hint="`afluente product list` shows the releases",
        )
    today = workspace.clock.now().astimezone(ZoneInfo(workspace.project.timezone)).date()
    chosen = []
    for output in product.outputs:
        contract = contract_of(workspace.project, product, output)
        if replaced is not None and output.name not in replaced.period:
            continue
        if not output.is_of_cells:
            if replaced is not None or days is not None or not _is_told(before, product, output, inputs):
                chosen.append(Selected(output, contract, None))
            continue
        asked = days or (replaced.days(output.name) if replaced is not None else None)
        told = _cells_days(workspace, output, inputs, asked=asked, told_until=_told_until(before, output), today=today)
        if told is not None or not output.period_column:
            chosen.append(Selected(output, contract, told))
    return Selection(inputs, tuple(chosen), _identity(product, inputs, chosen))


def contract_of(project: Project, product: Product, output: Output) -> Contract:
    """The contract an output names. ProjectError when there is none."""
    for contract in project.output_contracts:
        if str(contract.table) == output.contract:
            return contract
    raise ProjectError(
        "release.no_contract",
        f"product {product.name}: output {output.name} names contract {output.contract}, which does not exist",
        hint=f"write one in contracts/ with physicalName: {output.contract}",
        place=output.place,
    )


def _cells_days(
    workspace: Workspace,
    output: Output,
    inputs: Inputs,
    *,
    asked: Days | None,
    told_until: date | None,
    today: date,
) -> Days | None:
    if not output.period_column:
        return None
    span = data_span(workspace, output, inputs)
    return periods_to_tell(output.grain, span, today=today, told_until=told_until, asked=asked)


def _told_until(before: list[Release], output: Output) -> date | None:
    told = [days[1] for release in before if (days := release.days(output.name)) is not None]
    return max(told, default=None)


def _is_told(before: list[Release], product: Product, output: Output, inputs: Inputs) -> bool:
    """Whether an output of rows was told from these facts by this product file."""
    return any(
        output.name in release.period
        and release.inputs.get(str(output.facts)) == inputs.versions[output.facts]
        and release.product_sha256 == product.text_sha256
        for release in before
    )


def _identity(product: Product, inputs: Inputs, chosen: list[Selected]) -> str:
    tables = sorted({one.output.facts for one in chosen})
    told: Mapping[str, object] = {
        "product": product.text_sha256,
        "tables": {str(table): [inputs.table_ids[table], inputs.versions[table]] for table in tables},
        "outputs": {
            one.output.name: [one.contract.text_sha256, [str(day) for day in one.days or ()]] for one in chosen
        },
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
