"""What a partner, and those assumed to share with it, were told by every release before.

Invariant: the ledger is complete or nothing is released: a file of it that is missing or was changed stops the
release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from afluente.core.errors import StateError
from afluente.state import releases

if TYPE_CHECKING:
    import sqlalchemy as sa

    from afluente.products.privacy.region import Told
    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import LedgerRow


class ReadLedger(Protocol):
    """Gives back what a file of the ledger holds, each statement at a position."""

    def __call__(self, path: Path, *, position: int) -> tuple[Told, ...]: ...


@dataclass(frozen=True, slots=True)
class ToldBefore:
    """Everything told, and the positions of the ledger it was read from."""

    told: tuple[Told, ...]
    positions: tuple[int, ...]

    @property
    def position(self) -> int:
        """The newest position; 0 when nothing was told."""
        return self.positions[-1] if self.positions else 0


def partners_together(partner: str, products: Iterable[Product]) -> tuple[str, ...]:
    """The partner and everybody who shares with it, directly or through others, whoever's product says so."""
    pairs = {(product.partner, ally) for product in products for ally in product.allies}
    together = {partner}
    while grown := {one for pair in pairs if together & set(pair) for one in pair} - together:
        together |= grown
    return tuple(sorted(together))


def positions_of(connection: sa.Connection, product: Product, partners: Iterable[str]) -> tuple[int, ...]:
    rows = releases.ledger_of(connection, tuple(partners), without_held_of=product.name)
    return tuple(row.position for row in rows)


def told_before(workspace: Workspace, product: Product, read_ledger: ReadLedger) -> ToldBefore:
    """Read the ledger. What a held release of this product tells is left out: the new release takes its place."""
    partners = partners_together(product.partner, workspace.project.products)
    with workspace.state.read() as connection:
        rows = releases.ledger_of(connection, partners, without_held_of=product.name)
    told = [
        one
        for row in rows
        for one in read_ledger(checked_ledger_file(workspace.project.root, row), position=row.position)
    ]
    return ToldBefore(tuple(told), tuple(row.position for row in rows))


def checked_ledger_file(root: Path, row: LedgerRow) -> Path:
    """The row's file, when it is still what was written. StateError `release.ledger_changed`."""
    path = root / row.path
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        digest = ""
    if digest != row.sha256:
        what = "was changed" if digest else "cannot be read"
        raise StateError(
            "release.ledger_changed",
            f"the ledger's file {row.path} {what}: what was told at position {row.position} is not known",
            hint="bring the file back from a copy; nothing is released to these partners without it",
        )
    return path
