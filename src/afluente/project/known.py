"""What the rooms above know and a project is checked against, passed in because project cannot import them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from afluente.core.errors import Problem
from afluente.core.tables import TableName
from afluente.project.model import Model
from afluente.project.product import DeliverySettings, Product
from afluente.project.settings import SourceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names that exist outside the project; None leaves that check out.

    `formats` are semantic types, `connectors` connectors, `rules` custom rules of engine `afluente` that measure a
    table, `deliveries` ways out to a partner. `check_source` tells what a connector finds wrong with a source's
    options, `check_delivery` the same of a delivery, `check_carried` what it could not do with a product's outputs;
    `model_problems` what is wrong with the SQL of all models, given the other tables there are (an unknown one is
    `model.unknown_table`).
    """

    formats: Iterable[str] | None = None
    connectors: Iterable[str] | None = None
    rules: Iterable[str] | None = None
    deliveries: Iterable[str] | None = None
    check_source: Callable[[SourceSettings], Iterable[Problem]] | None = None
    check_delivery: Callable[[DeliverySettings], Iterable[Problem]] | None = None
    check_carried: Callable[[Product, DeliverySettings], Iterable[Problem]] | None = None
    model_problems: Callable[[Sequence[Model], Collection[TableName]], Iterable[Problem]] | None = None


NOTHING_KNOWN = Known()
