"""Connector `folder`: the entry point.

Invariant: what stands under its own name is whole and on the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from afluente.core.errors import CheckFailed, Problem
from afluente.products.deliveries.delivery import DeliveryContext, Package, Receipt
from afluente.products.deliveries.folder.config import Config, parse
from afluente.products.deliveries.folder.shelf import FolderShelf
from afluente.products.deliveries.place import Save, place, verify
from afluente.project.product import DeliverySettings
from afluente.state.json_value import Json


class Folder:
    """Copies releases to a folder."""

    def __init__(self, settings: DeliverySettings, context: DeliveryContext) -> None:
        config = parse(settings)
        if not isinstance(config, Config):
            raise CheckFailed(config)
        self._config = config
        self._shelf = FolderShelf(Path(context.project_root, config.path), label=f"delivery {settings.name}")

    @staticmethod
    def problems(settings: DeliverySettings) -> list[Problem]:
        config = parse(settings)
        return [] if isinstance(config, Config) else config

    def check(self) -> Receipt:
        return Receipt({"folder": str(self._shelf.check())})

    def deliver(self, package: Package, *, progress: Mapping[str, Json], save: Save) -> Receipt:
        self._shelf.make()
        done = place(self._shelf, package, progress=progress, save=save, is_read_back=self._config.is_read_back)
        return Receipt({"folder": str(self._shelf.folder), **done})

    def verify(self, package: Package) -> Receipt:
        """Compare what stands there with the release. DeliveryError `delivery.changed`."""
        return Receipt({"folder": str(self._shelf.folder), **verify(self._shelf, package)})

    def close(self) -> None:
        """Nothing stays open."""
