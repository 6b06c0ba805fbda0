"""Releases and products by what somebody typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.state import releases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afluente.project.product import Product
    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release, ReleaseStatus


def find_product(project: Project, name: str) -> Product:
    """The product of this name; with an empty name, the only one. UsageError."""
    names = [product.name for product in project.products]
    for product in project.products:
        if product.name == name or (not name and len(names) == 1):
            return product
    if not names:
        raise UsageError(
            "product.none", "the project has no products", hint="write one: products/NAME.yaml, see docs/products.md"
        )
    said = f"product '{name}' does not exist" if name else "the project has several products"
    raise UsageError(
        "product.unknown", said, hint=did_you_mean(name, names) if name else f"name one: {', '.join(names)}"
    )


def find_release(
    workspace: Workspace, product: str, number: int | None = None, *, statuses: Sequence[ReleaseStatus] = ()
) -> Release:
    """The release of this number; without one, the newest in these statuses. UsageError."""
    with workspace.state.read() as connection:
        if number is None:
            found = releases.newest(connection, product, statuses=statuses)
        else:
            found = releases.find(connection, product, number)
    if found is None:
        which = f"release {number}" if number is not None else f"{' or '.join(statuses)} release".strip()
        raise UsageError(
            "release.unknown",
            f"product {product} has no {which}",
            hint=f"see what there is: afluente product list {product}",
        )
    return found
