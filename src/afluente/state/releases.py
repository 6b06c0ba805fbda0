"""Releases of products: one row a number, from its build to its end.

Invariant: a row is written once, together with what it tells and whom it is for; afterwards only its status, and who
let it through, change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

from afluente.state.json_value import Json
from afluente.state.release_schema import DELIVERIES, LEDGER, RELEASES

ReleaseStatus = Literal["held", "released", "refused", "withdrawn", "expired"]
TOLD: tuple[ReleaseStatus, ...] = ("released", "expired")
"""What the partner received and still counts as told. What is withdrawn may be told again, by another release."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release. `folder` is relative to the project; a refused one has no files there.

    `period` gives each output's first and last day as ISO texts, empty for an output of rows. `inputs` are the pinned
    versions by table, `contract_versions` by output. `reasons` say why it was held or refused, and what was warned of.
    """

    id: str
    product: str
    partner: str
    number: int
    status: ReleaseStatus
    created_at: datetime
    product_version: str
    product_sha256: str
    folder: str
    released_at: datetime | None = None
    expires_at: datetime | None = None
    contract_versions: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)
    period: Mapping[str, Sequence[str]] = field(default_factory=dict)
    replaces: int | None = None
    manifest_sha256: str | None = None
    ledger_position: int | None = None
    audit_head: str | None = None
    utility: Mapping[str, Json] = field(default_factory=dict)
    reasons: Sequence[Mapping[str, str]] = ()
    approved_by: str | None = None
    approved_reason: str | None = None
    approved_at: datetime | None = None
    identity: str | None = None

    @property
    def subject(self) -> str:
        """Its name in events and in the audit log."""
        return subject_of(self.product, self.number)

    def days(self, output: str) -> tuple[date, date] | None:
        """The first and last day this release tells of an output; None for one of rows, or not in it."""
        told = self.period.get(output, ())
        return (date.fromisoformat(told[0]), date.fromisoformat(told[1])) if told else None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """Where the figures told by one output of one release are kept; `path` is relative to the project."""

    partner: str
    product: str
    release_id: str
    output: str
    path: str
    sha256: str
    cells: int
    at: datetime
    position: int = 0


def subject_of(product: str, number: int) -> str:
    return f"product/{product}#{number}"


def insert(connection: sa.Connection, release: Release) -> None:
    values = asdict(release) | {"reasons": [dict(reason) for reason in release.reasons]}
    values |= {"period": {name: list(days) for name, days in release.period.items()}}
    connection.execute(sa.insert(RELEASES).values(values))


def find(connection: sa.Connection, product: str, number: int) -> Release | None:
    row = connection.execute(
        sa.select(RELEASES).where(RELEASES.c.product == product, RELEASES.c.number == number)
    ).first()
    return None if row is None else _read(row)


def by_id(connection: sa.Connection, release_id: str) -> Release | None:
    row = connection.execute(sa.select(RELEASES).where(RELEASES.c.id == release_id)).first()
    return None if row is None else _read(row)


def of_product(
    connection: sa.Connection, product: str = "", *, statuses: Sequence[ReleaseStatus] = (), limit: int = 0
) -> list[Release]:
    """Releases of a product, or of all, the newest number first."""
    query = sa.select(RELEASES).order_by(RELEASES.c.product, RELEASES.c.number.desc())
    if product:
        query = query.where(RELEASES.c.product == product)
    if statuses:
        query = query.where(RELEASES.c.status.in_(statuses))
    if limit:
        query = query.limit(limit)
    return [_read(row) for row in connection.execute(query)]


def newest(connection: sa.Connection, product: str, *, statuses: Sequence[ReleaseStatus] = ()) -> Release | None:
    found = of_product(connection, product, statuses=statuses, limit=1)
    return found[0] if found else None


def next_number(connection: sa.Connection, product: str) -> int:
    """The number that follows every number ever taken."""
    query = sa.select(sa.func.coalesce(sa.func.max(RELEASES.c.number), 0)).where(RELEASES.c.product == product)
    return int(connection.execute(query).scalar_one()) + 1


def with_identity(connection: sa.Connection, product: str, identity: str) -> Release | None:
    """The newest release of this content that still stands: released, held or refused."""
    query = (
        sa.select(RELEASES)
        .where(
            RELEASES.c.product == product,
            RELEASES.c.identity == identity,
            RELEASES.c.status.in_(("released", "expired", "held", "refused")),
        )
        .order_by(RELEASES.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _read(row)


def approve(connection: sa.Connection, release_id: str, *, by: str, reason: str, at: datetime) -> bool:
    """Let a held release through; False when it is not held any more. Needs a write transaction."""
    changed = connection.execute(
        sa.update(RELEASES)
        .where(RELEASES.c.id == release_id, RELEASES.c.status == "held")
        .values(status="released", released_at=at, approved_by=by, approved_reason=reason, approved_at=at)
    )
    return bool(changed.rowcount == 1)


def withdraw(connection: sa.Connection, release_id: str) -> ReleaseStatus | None:
    """Withdraw a release that was released or held, and cancel what waits to be delivered.

    Gives the status it had; None when there was nothing to withdraw. What was held was never sent: the ledger forgets
    it. Needs a write transaction.
    """
    for status in ("held", "released"):
        changed = connection.execute(
            sa.update(RELEASES)
            .where(RELEASES.c.id == release_id, RELEASES.c.status == status)
            .values(status="withdrawn")
        )
        if changed.rowcount == 1:
            if status == "held":
                connection.execute(sa.delete(LEDGER).where(LEDGER.c.release_id == release_id))
            connection.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.release_id == release_id, DELIVERIES.c.status == "waiting")
                .values(status="cancelled")
            )
            return status
    return None


def enter_in_ledger(connection: sa.Connection, rows: Sequence[LedgerRow]) -> None:
    """Write down what a release tells. Needs a write transaction."""
    for row in rows:
        values = asdict(row)
        del values["position"]
        connection.execute(sa.insert(LEDGER).values(values))


def ledger_of(connection: sa.Connection, partners: Sequence[str], *, without_held_of: str = "") -> list[LedgerRow]:
    """What these partners were told, and what is held for them, in order.

    `without_held_of` leaves out the held releases of a product: a new release of it takes their place.
    """
    query = sa.select(LEDGER).where(LEDGER.c.partner.in_(list(partners))).order_by(LEDGER.c.position)
    if without_held_of:
        held = sa.select(RELEASES.c.id).where(RELEASES.c.product == without_held_of, RELEASES.c.status == "held")
        query = query.where(LEDGER.c.release_id.not_in(held))
    return [LedgerRow(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def ledger_rows_of(connection: sa.Connection, release_id: str) -> list[LedgerRow]:
    query = sa.select(LEDGER).where(LEDGER.c.release_id == release_id).order_by(LEDGER.c.position)
    return [LedgerRow(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def _read(row: sa.Row[tuple[object, ...]]) -> Release:
    return Release(**row._mapping)  # noqa: SLF001
