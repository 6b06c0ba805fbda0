"""Deliveries: a row for each way a release has to go, written together with the release.

Invariant: a claimed delivery belongs to one sender until its lease ends; what a sender that lost its lease reports
changes nothing, since each claim counts one attempt and only the newest attempt may write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.state import leases
from afluente.state.json_value import Json
from afluente.state.release_schema import DELIVERIES, PARTNERS, RELEASES

DeliveryStatus = Literal["waiting", "sending", "delivered", "dead", "cancelled"]
OPEN: tuple[DeliveryStatus, ...] = ("waiting", "sending")
ATTEMPTS_BEFORE = "attempts_before"
"""In a delivery's progress: how many attempts there were when somebody sent it again."""
_OF_RELEASES = sa.select(DELIVERIES, RELEASES.c.product, RELEASES.c.number).join(
    RELEASES, RELEASES.c.id == DELIVERIES.c.release_id
)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery of one release. `due_at` is when it may be tried; while it is sent, when the lease ends.

    `receipt` is what the other side confirmed; before that, the progress that the connector saved.
    """

    id: str
    release_id: str
    name: str
    connector: str
    partner: str
    created_at: datetime
    due_at: datetime
    status: DeliveryStatus = "waiting"
    attempts: int = 0
    delivered_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    receipt: Mapping[str, Json] = field(default_factory=dict)

    @property
    def attempts_now(self) -> int:
        """The attempts since it was written down, or since somebody sent it again."""
        before = self.receipt.get(ATTEMPTS_BEFORE, 0)
        return self.attempts - (before if isinstance(before, int) else 0)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until the lease ends, and whose it is."""

    row: DeliveryRow
    product: str
    number: int

    @property
    def subject(self) -> str:
        return subject_of(self.product, self.number, self.row.name)


def subject_of(product: str, number: int, name: str) -> str:
    """A delivery's name in events and in the audit log."""
    return f"delivery/{product}#{number}/{name}"


def insert(connection: sa.Connection, row: DeliveryRow) -> None:
    connection.execute(sa.insert(DELIVERIES).values(asdict(row) | {"receipt": dict(row.receipt)}))


def claim(
    connection: sa.Connection, *, at: datetime, lease_seconds: float, products: Sequence[str] = ()
) -> Claimed | None:
    """Take the delivery that is due the longest, of a release that stands and a partner that is active.

    One whose lease ended counts as due. Needs a write transaction.
    """
    asleep = sa.select(PARTNERS.c.partner).where(PARTNERS.c.status != "active")
    released = sa.select(RELEASES.c.id).where(RELEASES.c.status == "released")
    if products:
        released = released.where(RELEASES.c.product.in_(list(products)))
    number = sa.select(RELEASES.c.number).where(RELEASES.c.id == DELIVERIES.c.release_id).scalar_subquery()
    taken = leases.take(
        connection,
        DELIVERIES,
        DELIVERIES.c.status.in_(OPEN),
        DELIVERIES.c.due_at <= at,
        DELIVERIES.c.release_id.in_(released),
        DELIVERIES.c.partner.not_in(asleep),
        order_by=(DELIVERIES.c.due_at, number, DELIVERIES.c.id),
        values={
            "status": "sending",
            "attempts": DELIVERIES.c.attempts + 1,
            "due_at": at + timedelta(seconds=lease_seconds),
        },
        limit=1,
    )
    if not taken:
        return None
    return _joined(connection.execute(_OF_RELEASES.where(DELIVERIES.c.id == taken[0].id)).one())


def renew(connection: sa.Connection, mine: DeliveryRow, *, until: datetime) -> bool:
    """Keep the lease; False when it is another sender's by now."""
    return _write(connection, mine, due_at=until)


def save_progress(connection: sa.Connection, mine: DeliveryRow, progress: Mapping[str, Json]) -> bool:
    """Keep what the connector needs at its next try; False when the delivery is another sender's by now."""
    kept = {name: value for name, value in mine.receipt.items() if name == ATTEMPTS_BEFORE}
    return _write(connection, mine, receipt={**progress, **kept})


def finish(connection: sa.Connection, mine: DeliveryRow, *, at: datetime, receipt: Mapping[str, Json]) -> bool:
    """It arrived. False when the delivery is another sender's by now."""
    return _write(
        connection,
        mine,
        status="delivered",
        delivered_at=at,
        due_at=at,
        error_code=None,
        error_message=None,
        receipt=dict(receipt),
    )


def put_back(
    connection: sa.Connection, mine: DeliveryRow, *, due_at: datetime, error_code: str, error_message: str
) -> bool:
    """It failed and will be tried again. False when the delivery is another sender's by now."""
    return _write(connection, mine, status="waiting", due_at=due_at, error_code=error_code, error_message=error_message)


def give_up(connection: sa.Connection, mine: DeliveryRow, *, error_code: str, error_message: str) -> bool:
    """It is a dead letter until somebody sends it again. False when it is another sender's by now."""
    return _write(connection, mine, status="dead", error_code=error_code, error_message=error_message)


def cancel_of_partner(connection: sa.Connection, partner: str, *, at: datetime) -> list[Claimed]:
    """Cancel what waits for a partner, or was being sent when its sender died. Gives what was cancelled."""
    query = (
        _OF_RELEASES.where(
            DELIVERIES.c.partner == partner,
            sa.or_(
                DELIVERIES.c.status == "waiting", sa.and_(DELIVERIES.c.status == "sending", DELIVERIES.c.due_at <= at)
            ),
        )
        .order_by(DELIVERIES.c.id)
        .with_for_update(of=DELIVERIES)
    )
    found = [_joined(row) for row in connection.execute(query)]
    ids = [one.row.id for one in found]
    if ids:
        connection.execute(sa.update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(status="cancelled"))
    return found


def send_again(connection: sa.Connection, row: DeliveryRow, *, at: datetime, progress: Mapping[str, Json]) -> None:
    """Make a delivery that ended wait again, its attempts counted on. Needs a write transaction."""
    connection.execute(
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.id == row.id)
        .values(
            status="waiting",
            due_at=at,
            delivered_at=None,
            error_code=None,
            error_message=None,
            receipt={**progress, ATTEMPTS_BEFORE: row.attempts},
        )
    )


def of_release(connection: sa.Connection, release_id: str) -> list[DeliveryRow]:
    query = sa.select(DELIVERIES).where(DELIVERIES.c.release_id == release_id).order_by(DELIVERIES.c.name)
    return [DeliveryRow(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def find(
    connection: sa.Connection,
    *,
    product: str = "",
    number: int | None = None,
    statuses: Sequence[DeliveryStatus] = (),
) -> list[Claimed]:
    """Deliveries of a product, a release, in these statuses; the newest release first."""
    query = _OF_RELEASES.order_by(RELEASES.c.product, RELEASES.c.number.desc(), DELIVERIES.c.name)
    if product:
        query = query.where(RELEASES.c.product == product)
    if number is not None:
        query = query.where(RELEASES.c.number == number)
    if statuses:
        query = query.where(DELIVERIES.c.status.in_(statuses))
    return [_joined(row) for row in connection.execute(query)]


def _write(connection: sa.Connection, mine: DeliveryRow, **values: object) -> bool:
    changed = connection.execute(
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.id == mine.id, DELIVERIES.c.status == "sending", DELIVERIES.c.attempts == mine.attempts)
        .values(**values)
    )
    return changed.rowcount == 1


def _joined(row: sa.Row[tuple[object, ...]]) -> Claimed:
    values = dict(row._mapping)  # noqa: SLF001
    product, number = values.pop("product"), values.pop("number")
    return Claimed(DeliveryRow(**values), product, number)
