"""Looking at the ways out without sending: can they be used, and does the partner still hold what it got.

Invariant: nothing is written, neither here nor at the partner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from afluente.core.errors import AfluenteError, UsageError
from afluente.products.deliveries.carried import carried
from afluente.products.deliveries.delivery import Package, Receipt
from afluente.products.sending import context_of, opened
from afluente.project.product import DeliverySettings

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Connection:
    """One delivery of one product, and what its check gave: what the other side said, or what is wrong."""

    product: str
    name: str
    connector: str
    receipt: Receipt | None = None
    error: AfluenteError | None = None


@runtime_checkable
class Verifiable(Protocol):
    """A delivery that can look at what the partner holds."""

    def verify(self, package: Package) -> Receipt:
        """DeliveryError `delivery.changed` when what is there is not the release."""
        ...


def check_connections(workspace: Workspace) -> Iterator[Connection]:
    """Connect and sign in, for each delivery of each product, one after another."""
    for product in workspace.project.products:
        for settings in product.deliveries:
            receipt, error = None, None
            try:
                with opened(settings, context_of(workspace)) as delivery:
                    receipt = delivery.check()
            except AfluenteError as found:
                error = found
            yield Connection(product.name, settings.name, settings.connector, receipt, error)


def verify_delivery(workspace: Workspace, settings: DeliverySettings, package: Package) -> Receipt:
    """Compare what the partner holds with the package. DeliveryError; UsageError where that cannot be seen."""
    with opened(settings, context_of(workspace)) as delivery:
        if not isinstance(delivery, Verifiable):
            raise UsageError(
                "delivery.not_verifiable",
                f"delivery {settings.name}: what the partner holds cannot be seen through '{settings.connector}'",
            )
        return delivery.verify(carried(package, settings))
