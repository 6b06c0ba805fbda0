"""Ways out by name, from the entry points of the group `afluente.deliveries`.

Invariant: listing names imports no connector; loading one imports that one alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, cast, runtime_checkable

from afluente.core.errors import Place, Problem, ProjectError
from afluente.core.nearest import did_you_mean
from afluente.products.deliveries.delivery import Delivery, DeliveryContext, DeliveryKind
from afluente.project.product import DeliverySettings, Product

GROUP = "afluente.deliveries"


@runtime_checkable
class CarryingKind(Protocol):
    """A connector to which it matters what the outputs are."""

    def product_problems(self, product: Product, settings: DeliverySettings) -> Iterable[Problem]: ...


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def delivery_names() -> tuple[str, ...]:
    """The connectors a product may name under `deliveries`, sorted."""
    return tuple(sorted(_points()))


def load_delivery(name: str, *, place: Place | None = None) -> DeliveryKind:
    """The connector of this name. ProjectError `delivery.connector_unknown` or `delivery.connector_broken`."""
    point = _points().get(name)
    if point is None:
        raise ProjectError(
            "delivery.connector_unknown",
            f"delivery connector '{name}' does not exist",
            hint=did_you_mean(name, delivery_names()),
            place=place,
        )
    try:
        return cast("DeliveryKind", point.load())
    except (ImportError, AttributeError) as error:
        raise ProjectError(
            "delivery.connector_broken",
            f"delivery connector '{name}' cannot be loaded from {point.value}: {error}",
            hint="reinstall the package that provides it, with its extra: pip install 'afluente[products]'",
            place=place,
        ) from error


def check_delivery(settings: DeliverySettings) -> list[Problem]:
    """Every mistake in a delivery's connector name and options."""
    try:
        kind = load_delivery(settings.connector, place=settings.place)
    except ProjectError as error:
        return [Problem(settings.place, error.code, f"delivery {settings.name}: {error.message}", error.hint)]
    return list(kind.problems(settings))


def check_carried(product: Product, settings: DeliverySettings) -> list[Problem]:
    """What a delivery, whose options are right, could not do with the product's outputs.

    Asked of connectors that have a static `product_problems(product, settings)`.
    """
    kind = load_delivery(settings.connector, place=settings.place)
    return list(kind.product_problems(product, settings)) if isinstance(kind, CarryingKind) else []


def open_delivery(settings: DeliverySettings, context: DeliveryContext) -> Delivery:
    """The opened delivery of these settings; it connects at its first use. Close it."""
    return load_delivery(settings.connector, place=settings.place)(settings, context)
