"""The sender: takes deliveries that are due, carries them out one by one, and writes down what came of each.

Invariant: a delivery is one sender's while its lease lasts, and the lease is renewed while the sender lives; what came
of it, its event and its audit entry are one transaction, so that a delivery is recorded as delivered once.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from afluente.core.errors import AfluenteError, StateError
from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.carried import carried
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError, Package, Receipt
from afluente.products.deliveries.registry import open_delivery
from afluente.products.deliveries.retry import Backoff
from afluente.products.partner_access import cancel_deliveries
from afluente.state import audit_chain, deliveries, events, partners
from afluente.state.deliveries import Claimed
from afluente.state.json_value import Json

if TYPE_CHECKING:
    from afluente.products.deliveries.delivery import Delivery
    from afluente.project.product import DeliverySettings
    from afluente.runs.steps.workspace import Workspace

SENDER = "sender"
"""The actor of what the sender writes in the audit log by itself."""
LEASE_SECONDS = 120.0
_RENEWALS_A_LEASE = 4

PackageOf = Callable[["Workspace", str], Package]
"""The package of a release, by its id."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What came of one delivery. `lost` is one that another sender took over in between."""

    product: str
    number: int
    name: str
    connector: str
    status: Literal["delivered", "failed", "dead", "lost"]
    error_code: str = ""
    message: str = ""
    hint: str = ""
    next_try_at: datetime | None = None
    receipt: Mapping[str, Json] = field(default_factory=dict)


def send_due(
    workspace: Workspace,
    *,
    limit: int = 100,
    names: Sequence[str] = (),
    backoff: Backoff | None = None,
    package_of: PackageOf | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> list[SendOutcome]:
    """Send what is due, at most `limit` deliveries; `names` are products, all when empty.

    Failures of a delivery are outcomes, not errors. StateError when the state cannot be written: the delivery is then
    taken up again when its lease ends.
    """
    _cancel_of_revoked(workspace)
    outcomes: list[SendOutcome] = []
    while len(outcomes) < limit:
        with workspace.state.write() as connection:
            claimed = deliveries.claim(
                connection, at=workspace.clock.now(), lease_seconds=lease_seconds, products=names
            )
        if claimed is None:
            break
        sender = _Sender(workspace, claimed, backoff or Backoff(), package_of or _released_package, lease_seconds)
        outcomes.append(sender.send())
    return outcomes


def context_of(workspace: Workspace) -> DeliveryContext:
    """What deliveries need of an opened project."""
    project = workspace.project
    return DeliveryContext(project.root, workspace.secret, workspace.clock, project.language)


class _Sender:
    """One claimed delivery on its way."""

    def __init__(
        self,
        workspace: Workspace,
        claimed: Claimed,
        backoff: Backoff,
        package_of: PackageOf,
        lease_seconds: float,
    ) -> None:
        self._workspace = workspace
        self._claimed = claimed
        self._row = claimed.row
        self._backoff = backoff
        self._package_of = package_of
        self._lease_seconds = lease_seconds

    def send(self) -> SendOutcome:
        try:
            with self._lease_kept():
                receipt = self._deliver()
        except StateError:
            raise
        except AfluenteError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001
            kind = type(error).__name__
            _log.error("delivery failed in an unknown way", extra={"delivery": self._claimed.subject, "error": kind})
            reason = f"{self._claimed.subject} failed: {kind}"
            return self._failed(DeliveryError(failure_codes.UNKNOWN, reason, retryable=True))
        except BaseException:
            self._interrupted()
            raise
        return self._delivered(receipt)

    def _deliver(self) -> Receipt:
        settings = self._settings()
        package = carried(self._package_of(self._workspace, self._row.release_id), settings)
        with opened(settings, context_of(self._workspace)) as delivery:
            return delivery.deliver(package, progress=self._row.receipt, save=self._save)

    def _settings(self) -> DeliverySettings:
        for product in self._workspace.project.products:
            if product.name == self._claimed.product:
                for settings in product.deliveries:
                    if settings.name == self._row.name:
                        return settings
        raise DeliveryError(
            "delivery.settings_missing",
            f"product {self._claimed.product} has no delivery '{self._row.name}' any more",
            hint="put it back into the product's file, then: afluente product redeliver",
        )

    def _save(self, progress: Mapping[str, Json]) -> None:
        with self._workspace.state.write() as connection:
            is_ours = deliveries.save_progress(connection, self._row, progress)
        if not is_ours:
            raise _lost(self._claimed)

    @contextmanager
    def _lease_kept(self) -> Iterator[None]:
        """Renew the lease from a thread until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._renew, args=(ended,), name="afluente-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(self._lease_seconds / _RENEWALS_A_LEASE):
            until = self._workspace.clock.now() + timedelta(seconds=self._lease_seconds)
            try:
                with self._workspace.state.write() as connection:
                    if not deliveries.renew(connection, self._row, until=until):
                        return
            except StateError:
                _log.warning("lease not renewed", extra={"delivery": self._claimed.subject})

    def _delivered(self, receipt: Receipt) -> SendOutcome:
        row, subject, now = self._row, self._claimed.subject, self._workspace.clock.now()
        payload: dict[str, Json] = {"connector": row.connector, "attempt": row.attempts, "partner": row.partner}
        with self._workspace.state.write() as connection:
            if not deliveries.finish(connection, row, at=now, receipt=receipt.details):
                return self._outcome("lost")
            events.append(connection, at=now, kind="delivery.delivered", subject=subject, payload=payload)
            audit_chain.record(
                connection,
                at=now,
                actor=SENDER,
                action="delivery.delivered",
                subject=subject,
                payload={**payload, "release_id": row.release_id, "receipt": receipt.details},
            )
        return self._outcome("delivered", receipt=receipt.details)

    def _failed(self, error: AfluenteError) -> SendOutcome:
        if error.code == _LOST_CODE:
            return self._outcome("lost")
        row, subject, now = self._row, self._claimed.subject, self._workspace.clock.now()
        next_try = None
        if error.retryable:
            asked = error.retry_after_seconds if isinstance(error, DeliveryError) else None
            chance = random.Random()  # noqa: S311
            next_try = self._backoff.next_try(row.attempts_now, at=now, chance=chance, asked_seconds=asked)
        payload: dict[str, Json] = {
            "connector": row.connector,
            "partner": row.partner,
            "error_code": error.code,
            "attempt": row.attempts,
            "is_credentials": failure_codes.is_of_credentials(error.code),
            "is_connection": failure_codes.is_of_connection(error.code),
            "is_final": next_try is None,
        }
        with self._workspace.state.write() as connection:
            if next_try is None:
                is_ours = deliveries.give_up(connection, row, error_code=error.code, error_message=error.message)
            else:
                is_ours = deliveries.put_back(
                    connection, row, due_at=next_try, error_code=error.code, error_message=error.message
                )
            if not is_ours:
                return self._outcome("lost")
            events.append(connection, at=now, kind="delivery.failed", subject=subject, payload=payload)
            if next_try is None:
                audit_chain.record(
                    connection, at=now, actor=SENDER, action="delivery.dead", subject=subject, payload=payload
                )
        return self._outcome("dead" if next_try is None else "failed", error=error, next_try_at=next_try)

    def _interrupted(self) -> None:
        """Somebody stopped the sender: the delivery is due again at once, and this was no failure of it."""
        with self._workspace.state.write() as connection:
            deliveries.put_back(
                connection,
                self._row,
                due_at=self._workspace.clock.now(),
                error_code=failure_codes.INTERRUPTED,
                error_message=f"{self._claimed.subject} was interrupted",
            )

    def _outcome(
        self,
        status: Literal["delivered", "failed", "dead", "lost"],
        *,
        error: AfluenteError | None = None,
        next_try_at: datetime | None = None,
        receipt: Mapping[str, Json] | None = None,
    ) -> SendOutcome:
        return SendOutcome(
            self._claimed.product,
            self._claimed.number,
            self._row.name,
            self._row.connector,
            status,
            error_code=error.code if error else "",
            message=error.message if error else "",
            hint=error.hint if error else "",
            next_try_at=next_try_at,
            receipt=receipt or {},
        )


@contextmanager
def opened(settings: DeliverySettings, context: DeliveryContext) -> Iterator[Delivery]:
    """An opened delivery, closed at the end."""
    delivery = open_delivery(settings, context)
    try:
        yield delivery
    finally:
        delivery.close()


_LOST_CODE = "delivery.lease_lost"


def _lost(claimed: Claimed) -> DeliveryError:
    return DeliveryError(_LOST_CODE, f"{claimed.subject} is sent by another sender by now", retryable=True)


def _cancel_of_revoked(workspace: Workspace) -> None:
    """Deliveries written down after their partner was revoked, or that were on the way then."""
    with workspace.state.read() as connection:
        revoked = partners.of_status(connection, "revoked")
        open_partners = {one.row.partner for one in deliveries.find(connection, statuses=deliveries.OPEN)}
    for partner in revoked:
        if partner.partner in open_partners:
            with workspace.state.write() as connection:
                cancel_deliveries(connection, partner.partner, at=workspace.clock.now(), actor=SENDER)


def _released_package(workspace: Workspace, release_id: str) -> Package:
    from afluente.products.release.package import package_of
    from afluente.state import releases

    with workspace.state.read() as connection:
        release = releases.by_id(connection, release_id)
    assert release is not None
    return package_of(workspace, release)
