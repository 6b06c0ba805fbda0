"""Everything a project is checked against that its own files do not say, the ways to a partner too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.project.known import Known


def known_names() -> Known:
    """What is installed, for `load_project` and `check_project`."""
    from afluente.products.deliveries.registry import check_carried, check_delivery, delivery_names
    from afluente.runs.steps import known as runs_known

    return replace(
        runs_known.known_names(),
        deliveries=delivery_names(),
        check_delivery=check_delivery,
        check_carried=check_carried,
    )
