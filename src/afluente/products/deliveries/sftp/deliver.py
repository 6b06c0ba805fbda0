"""Connector `sftp`: the entry point.

Invariant: what the partner sees under its own name is whole; `.ok` comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from afluente.core.errors import CheckFailed, Problem
from afluente.products.deliveries import failure_codes
from afluente.products.deliveries.delivery import DeliveryContext, DeliveryError, Package, Receipt
from afluente.products.deliveries.place import Save, place, verify
from afluente.products.deliveries.sftp.config import Config, parse
from afluente.products.deliveries.sftp.shelf import SftpShelf
from afluente.project.product import DeliverySettings
from afluente.state.json_value import Json


class Sftp:
    """Uploads releases to a partner's folder. Connects at its first use."""

    def __init__(self, settings: DeliverySettings, context: DeliveryContext) -> None:
        config = parse(settings)
        if not isinstance(config, Config):
            raise CheckFailed(config)
        label = f"delivery {settings.name}"
        if find_spec("asyncssh") is None:
            raise DeliveryError(
                failure_codes.EXTRA_MISSING,
                f"{label}: asyncssh is not installed",
                hint="pip install 'afluente[products]'",
            )
        self._config = config
        self._shelf = SftpShelf(config, context, label=label)

    @staticmethod
    def problems(settings: DeliverySettings) -> list[Problem]:
        config = parse(settings)
        return [] if isinstance(config, Config) else config

    def check(self) -> Receipt:
        return Receipt(self._shelf.check())

    def deliver(self, package: Package, *, progress: Mapping[str, Json], save: Save) -> Receipt:
        done = place(self._shelf, package, progress=progress, save=save, is_read_back=self._config.is_read_back)
        return Receipt({"address": self._config.address, "folder": self._config.folder, **done})

    def verify(self, package: Package) -> Receipt:
        """Compare what the partner holds with the release. DeliveryError `delivery.changed`."""
        return Receipt({"address": self._config.address, **verify(self._shelf, package)})

    def close(self) -> None:
        self._shelf.close()
