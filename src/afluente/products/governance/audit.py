"""The audit log for people: its entries, whether its chain holds, and whether the manifests still agree with it.

Invariant: nothing here writes; a log that was edited, cut in the middle or cut at its end behind a manifest is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.language import Message
from afluente.state import audit_chain
from afluente.state.audit_chain import GENESIS, AuditEntry
from afluente.state.release_schema import RELEASES

if TYPE_CHECKING:
    from afluente.state.database import Database


@dataclass(frozen=True, slots=True)
class AuditReading:
    """The log and what is wrong with it. `broken` is the first entry that does not hold.

    `lost_heads` are `product#number` of releases whose recorded head is in no entry: the log was cut behind them.
    """

    entries: tuple[AuditEntry, ...]
    head: str
    broken: AuditEntry | None
    lost_heads: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return self.broken is None and not self.lost_heads

    def verdict(self) -> Message:
        """One sentence for people."""
        if self.broken is not None:
            number = self.broken.id
            return Message(
                f"o registro foi adulterado: a entrada {number} não confere com as anteriores",
                f"the log was tampered with: entry {number} does not follow from those before it",
            )
        if self.lost_heads:
            named = ", ".join(self.lost_heads)
            return Message(
                f"o registro foi cortado: falta a entrada que estas liberações nomeiam: {named}",
                f"the log was cut: the entry that these releases name is missing: {named}",
            )
        count = len(self.entries)
        return Message(f"o registro está íntegro: {count} entradas", f"the log is whole: {count} entries")


def read_audit(database: Database, *, subject: str = "") -> AuditReading:
    """The entries (with `subject` only those about it) and the verdict, which is always of the whole log."""
    with database.read() as connection:
        whole = audit_chain.entries(connection)
        query = sa.select(RELEASES.c.product, RELEASES.c.number, RELEASES.c.audit_head).order_by(
            RELEASES.c.product, RELEASES.c.number
        )
        named = connection.execute(query).all()
    known = {entry.hash for entry in whole} | {GENESIS}
    lost = tuple(f"{row.product}#{row.number}" for row in named if row.audit_head and row.audit_head not in known)
    shown = tuple(entry for entry in whole if subject in ("", entry.subject))
    return AuditReading(shown, whole[-1].hash if whole else GENESIS, audit_chain.first_broken(whole), lost)
