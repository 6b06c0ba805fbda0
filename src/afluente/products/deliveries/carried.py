"""Which files of a release one delivery carries.

Invariant: a file that belongs to no output, or has no format of its own, goes with every delivery.
"""

from __future__ import annotations

from dataclasses import replace

from afluente.products.deliveries.delivery import Package
from afluente.project.product import DeliverySettings


def carried(package: Package, settings: DeliverySettings) -> Package:
    """The package with the files of the settings' outputs and formats only."""
    files = tuple(
        file
        for file in package.files
        if (not settings.outputs or not file.output or file.output in settings.outputs)
        and (not settings.formats or file.format is None or file.format in settings.formats)
    )
    return replace(package, files=files)
