"""A release as it would be: every output through its gate, its contract and the guardrails. Writes no file.

Invariant: each output is audited against everything told before and everything the outputs before it in the same
release tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import DataRefused
from afluente.products.guardrails import Watched, evaluate_guardrails
from afluente.products.privacy.gated import Utility
from afluente.products.release.contract_check import check_contract
from afluente.products.release.folder import MANIFEST
from afluente.products.release.manifest import ManifestOutput, read_manifest
from afluente.products.release.reason import Reason, has_action
from afluente.products.release.told_before import ToldBefore, told_before
from afluente.state import releases

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.products.privacy.gated import GatedOutput
    from afluente.products.privacy.region import Told
    from afluente.products.release.gates import Gates
    from afluente.products.release.selection import Selected, Selection
    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.watch.checks import Schema

Verdict = Literal["released", "held", "refused"]


@dataclass(frozen=True, slots=True)
class DraftOutput:
    """One output, gated: `table` is what its files would hold, `told` what the ledger would keep."""

    selected: Selected
    table: pa.Table
    told: tuple[Told, ...]
    utility: Utility

    @property
    def output(self) -> Output:
        return self.selected.output

    def in_manifest(self) -> ManifestOutput:
        days = self.selected.days
        period = (days[0].isoformat(), days[1].isoformat()) if days else None
        return ManifestOutput(self.output.name, self.selected.contract, self.table.schema, self.table.num_rows, period)


@dataclass(frozen=True, slots=True)
class Draft:
    """`before` is what the audit was made against; a release may be recorded only while that is still the ledger."""

    selection: Selection
    outputs: tuple[DraftOutput, ...]
    before: ToldBefore
    reasons: tuple[Reason, ...]

    @property
    def has_pseudonyms(self) -> bool:
        return any(one.output.pseudonyms for one in self.outputs)

    @property
    def verdict(self) -> Verdict:
        if has_action(self.reasons, "refuse"):
            return "refused"
        return "held" if has_action(self.reasons, "hold") else "released"


def draft_release(
    workspace: Workspace,
    product: Product,
    selection: Selection,
    gates: Gates,
    *,
    origin: str,
    is_recorded: bool,
) -> Draft:
    """Make the draft. With `is_recorded` the figures the guardrails saw are kept, under `origin`."""
    before = told_before(workspace, product, gates.read_ledger)
    earlier = _last_schemas(workspace, product)
    told: list[Told] = list(before.told)
    outputs: list[DraftOutput] = []
    watched: list[Watched] = []
    reasons: list[Reason] = []
    for selected in selection.outputs:
        output = selected.output
        try:
            gated = _gated(workspace, product, selected, selection, gates, told, before.told)
        except DataRefused as error:
            reasons.append(Reason(error.code, "refuse", error.message, error.message, output.name))
            continue
        checked = check_contract(workspace, output, selected.contract, gated.table)
        told += gated.told
        names = _names(workspace, told) if gated.findings else {}
        reasons += [
            Reason(
                one.code,
                one.action,
                _named(one.message_pt, names),
                _named(one.message_en, names),
                output.name,
                one.cell,
            )
            for one in gated.findings
        ]
        reasons += checked.reasons
        outputs.append(DraftOutput(selected, checked.table, gated.told, gated.utility))
        watched.append(
            Watched(
                output=output,
                days=selected.days,
                rows=checked.table.num_rows,
                columns=_schema(checked.table),
                columns_before=earlier.get(output.name),
                outcomes=checked.outcomes,
                version=selection.inputs.versions[output.facts],
                committed_at=selection.inputs.committed_at[output.facts],
            )
        )
    reasons += evaluate_guardrails(workspace, product, watched, origin=origin, is_recorded=is_recorded)
    return Draft(selection, tuple(outputs), before, tuple(reasons))


def _gated(
    workspace: Workspace,
    product: Product,
    selected: Selected,
    selection: Selection,
    gates: Gates,
    told: Sequence[Told],
    before: Sequence[Told],
) -> GatedOutput:
    """The output through its gate, what it tells named, and what it tells anew compared with what was told before."""
    output, contract = selected.output, selected.contract
    at = selection.inputs.of(output.facts)
    if not output.is_of_cells:
        return gates.rows(workspace, product, output, contract, at=at)
    gated = gates.cells(workspace, product, output, contract, at=at, told=told, days=selected.days)
    version = at[output.facts]
    named = tuple(
        one
        if (one.output, one.version) == (output.name, version)
        else replace(one, output=output.name, version=version)
        for one in gated.told
    )
    exposed = gates.correct(
        workspace,
        before,
        named,
        person=output.person,
        minimum_persons=product.privacy.minimum_persons,
        at=at,
        facts=str(output.facts),
    )
    return replace(gated, told=named, findings=(*gated.findings, *(one.finding() for one in exposed)))


def _names(workspace: Workspace, told: Sequence[Told]) -> dict[str, str]:
    """Product and number of each release that told something, by its id."""
    with workspace.state.read() as connection:
        found = [releases.by_id(connection, release) for release in sorted({one.release for one in told} - {""})]
    return {one.id: f"{one.product} #{one.number}" for one in found if one is not None}


def _named(message: str, names: Mapping[str, str]) -> str:
    for release, name in names.items():
        message = message.replace(release, name)
    return message


def _schema(table: pa.Table) -> Schema:
    from afluente.conform.spark_types import spark_type_of

    return tuple((field.name, spark_type_of(field.type)) for field in table.schema)


def _last_schemas(workspace: Workspace, product: Product) -> dict[str, Schema]:
    """The columns each output had in the newest release whose manifest is still there."""
    with workspace.state.read() as connection:
        told = releases.of_product(connection, product.name, statuses=("released",), limit=50)
    found: dict[str, Schema] = {}
    for release in told:
        path = Path(workspace.project.root, release.folder, MANIFEST)
        if set(release.period) <= set(found) or not path.is_file():
            continue
        for name, columns in read_manifest(path.read_bytes()).schemas.items():
            found.setdefault(name, columns)
    return found
