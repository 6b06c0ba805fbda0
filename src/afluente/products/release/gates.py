"""What a release passes and is written with besides its own room's work, as one thing that can be handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from afluente.core.tables import TableName
from afluente.products.release.periods import Days
from afluente.products.release.told_before import ReadLedger

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.products.privacy.exposed import Exposed
    from afluente.products.privacy.gated import GatedOutput
    from afluente.products.privacy.region import Told
    from afluente.project.contract import Contract
    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace


class PassCells(Protocol):
    """The gate of outputs of cells."""

    def __call__(
        self,
        workspace: Workspace,
        product: Product,
        output: Output,
        contract: Contract,
        *,
        at: Mapping[TableName, int],
        told: Sequence[Told],
        days: Days | None,
    ) -> GatedOutput: ...


class PassRows(Protocol):
    """The gate of outputs of rows."""

    def __call__(
        self,
        workspace: Workspace,
        product: Product,
        output: Output,
        contract: Contract,
        *,
        at: Mapping[TableName, int],
    ) -> GatedOutput: ...


class Correct(Protocol):
    """Compares what was told before with what is told now of the same rows."""

    def __call__(
        self,
        workspace: Workspace,
        before: Sequence[Told],
        after: Sequence[Told],
        *,
        person: str,
        minimum_persons: int,
        at: Mapping[TableName, int],
        facts: str,
    ) -> tuple[Exposed, ...]: ...


class WriteReport(Protocol):
    """Writes extras into a release's folder, from its tables by output."""

    def __call__(
        self, workspace: Workspace, product: Product, tables: Mapping[str, pa.Table], folder: Path
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Gates:
    """`write_ledger` keeps what an output tells; `read_ledger` gives it back. `correct` is what a figure told again
    says of those whose rows changed in between. `report` writes what goes with a release for people; none when absent.
    """

    cells: PassCells
    rows: PassRows
    correct: Correct
    read_ledger: ReadLedger
    write_ledger: Callable[[Path, Sequence[Told]], None]
    report: WriteReport | None = None


def default_gates() -> Gates:
    from afluente.products.privacy.correction import correct
    from afluente.products.privacy.gate import pass_cells
    from afluente.products.privacy.ledger_file import read_ledger, write_ledger
    from afluente.products.privacy.rows_gate import pass_rows
    from afluente.products.release.report import write_release_report

    return Gates(pass_cells, pass_rows, correct, read_ledger, write_ledger, write_release_report)
