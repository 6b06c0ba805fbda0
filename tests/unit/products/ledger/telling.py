"""What a release without any gate would tell of some sales, for tests of the audit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from afluente.core.errors import Place
from afluente.products.privacy.audit import AuditReport, audit
from afluente.products.privacy.atoms import read_atoms
from afluente.products.privacy.region import Region, Told
from afluente.project.product import PrivacyPolicy
from afluente.runs.steps.workspace import Workspace
from tests.unit.products.ledger.facts import FACTS, Sale

POLICY = PrivacyPolicy(Place("produto.yaml"), minimum_persons=5, protection_percent=10.0)
OWN = "marca = 'Hungry'"
WHERES: Mapping[str, Callable[[Sale], bool]] = {"": lambda _: True, OWN: lambda sale: sale["marca"] == "Hungry"}
JUNE = (dt.date(2026, 6, 1), dt.date(2026, 6, 30))


def region(
    *places: str,
    days: tuple[dt.date, dt.date] = JUNE,
    where: str = OWN,
    **dimensions: str,
) -> Region:
    return Region(
        str(FACTS),
        where,
        *days,
        "dia",
        "municipio",
        tuple(sorted(places)),
        tuple(sorted(dimensions.items())),
    )


def day(number: int, month: int = 6) -> tuple[dt.date, dt.date]:
    return dt.date(2026, month, number), dt.date(2026, month, number)


def inside(sales: Iterable[Sale], region: Region) -> list[Sale]:
    return [
        sale
        for sale in sales
        if WHERES[region.where](sale)
        and region.first <= sale["dia"] <= region.last
        and (not region.places or sale["municipio"] in region.places)
        and all(sale[column] == value for column, value in region.dimensions)
    ]


def tell(
    sales: Sequence[Sale], *regions: Region, release: str = "", output: str = "vendas", version: int = 0
) -> list[Told]:
    """The revenue and the different customers of each region, exactly."""
    told = []
    for one in regions:
        rows = inside(sales, one)
        revenue = float(sum(sale["valor"] for sale in rows))
        persons = float(len({sale["cliente"] for sale in rows} - {None}))
        told.append(Told(one, "sum", "valor", revenue, revenue, output, release, version=version))
        told.append(Told(one, "distinct", "cliente", persons, persons, output, release, version=version))
    return told


def share(one: Region, low: float, high: float, *, release: str = "", output: str = "vendas") -> Told:
    return Told(replace(one, where=""), "share", "valor", low, high, output, release, entity="marca", own=("Hungry",))


def audited(
    workspace: Workspace, told: Sequence[Told], *, policy: PrivacyPolicy = POLICY, version: int = 0
) -> AuditReport:
    atoms = read_atoms(workspace, told, person="cliente", at={FACTS: version})
    return audit(atoms, told, policy)


def crowd(days: Iterable[int], municipio: str, persons: Iterable[int], valor: int = 10, **more: str) -> list[Sale]:
    """One sale a day and person."""
    from tests.unit.products.ledger.facts import sale

    return [sale(dt.date(2026, 6, d), municipio, person, valor, **more) for d in days for person in persons]
