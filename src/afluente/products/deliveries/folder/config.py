"""Options of the connector `folder`, read into a frozen dataclass. Imports nothing heavy.

path: entregas/parceiro         relative to the project, or absolute; made when it does not exist
verify: size | hash             hash reads every file back before it gets its name
"""

from __future__ import annotations

from dataclasses import dataclass

from afluente.core.errors import Problem
from afluente.products.deliveries.options import DeliveryOptions
from afluente.project.product import DeliverySettings


@dataclass(frozen=True, slots=True)
class Config:
    """Where copies go."""

    path: str
    is_read_back: bool = False


def parse(settings: DeliverySettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = DeliveryOptions(settings)
    path = options.text("path", required=True)
    if options.has("path") and not path:
        options.refuse("option 'path' is empty", "give a folder, such as entregas/parceiro")
    config = Config(path, options.choice("verify", ("size", "hash"), "size") == "hash")
    options.finish()
    return options.problems or config
