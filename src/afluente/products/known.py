"""Everything a project is checked against that its own files do not say, the ways to a partner too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from afluente.core.errors import Problem
    from afluente.project.known import Known
    from afluente.project.product import DeliverySettings

GROUP = "afluente.deliveries"


def known_names() -> Known:
    """What is installed, for `load_project` and `check_project`. Names the deliveries without importing them."""
    from importlib.metadata import entry_points

    from afluente.runs.steps import known as runs_known

    names = tuple(sorted({point.name for point in entry_points(group=GROUP)}))
    return replace(runs_known.known_names(), deliveries=names, check_delivery=_check_delivery)


def _check_delivery(settings: DeliverySettings) -> Iterable[Problem]:
    from afluente.products.deliveries.registry import check_delivery

    return check_delivery(settings)
