"""A month of sales in cells of a day, a city and a product, and what two releases of them told: by day and by month.

In each release a city is told where it has 5 customers, else with the other small cities of its state, else not at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import numpy as np

from afluente.core.errors import Place
from afluente.products.privacy.atoms import Atoms, Axis
from afluente.products.privacy.region import Region, Told
from afluente.project.product import PrivacyPolicy

FACTS = "gold.vendas"
POLICY = PrivacyPolicy(Place("bench"), minimum_persons=5, protection_percent=10.0)
DAYS, PRODUCTS, CITIES_OF_A_STATE = 30, 6, 12


def month(cells: int, seed: int) -> tuple[Atoms, list[Told]]:
    """At least `cells` cells that hold sales, and everything told of them."""
    random = np.random.default_rng(seed)
    cities = max(CITIES_OF_A_STATE, round(cells / (DAYS * PRODUCTS)))
    found: dict[tuple[int, int, int], dict[int, float]] = defaultdict(dict)
    while len(found) < cells:
        size = 0.5 + 12 / (1 + np.arange(cities) % CITIES_OF_A_STATE)
        for city in range(cities):
            people = int(60 * size[city])
            for day in range(DAYS):
                for product in range(PRODUCTS):
                    for person in set(random.integers(0, people, random.poisson(size[city])).tolist()):
                        worth = round(float(random.lognormal(3, 0.6)), 2)
                        found[day, city, product][1000 * city + person] = worth
        cities += CITIES_OF_A_STATE // 2
        if len(found) < cells:
            found.clear()
    keys = sorted(found)[:: max(1, len(found) // cells)][: max(cells, 1)]
    kept = {key: found[key] for key in keys}
    return _atoms(kept, cities), list(_told(kept))


def _name(city: int) -> str:
    return f"cidade-{city:04d}"


def _atoms(found: dict[tuple[int, int, int], dict[int, float]], cities: int) -> Atoms:
    keys = list(found)
    lengths = np.array([len(found[key]) for key in keys])
    few = lengths < 20
    first = date(2026, 6, 1).toordinal()
    return Atoms(
        facts=FACTS,
        rows=lengths,
        days={"dia": np.array([first + key[0] for key in keys])},
        axes={
            "municipio": Axis(tuple(_name(city) for city in range(cities)), np.array([key[1] for key in keys])),
            "produto": Axis(tuple(str(product) for product in range(PRODUCTS)), np.array([key[2] for key in keys])),
        },
        wheres={"": np.ones(len(keys), dtype=np.bool_)},
        sums={"valor": np.array([sum(found[key].values()) for key in keys])},
        distincts={},
        person="cliente",
        persons=np.minimum(lengths, 20),
        person_starts=np.concatenate([[0], np.cumsum(np.where(few, lengths, 0))]),
        person_codes=np.array(
            [person for key, is_few in zip(keys, few, strict=True) if is_few for person in found[key]], dtype=np.int64
        ),
        counted_persons=20,
        version=0,
    )


def _told(found: dict[tuple[int, int, int], dict[int, float]]) -> Iterator[Told]:
    spans = {(day,): "dia" for day in range(DAYS)} | {tuple(range(DAYS)): "mes"}
    for days, output in spans.items():
        groups: dict[tuple[int, int], dict[int, tuple[set[int], float]]] = defaultdict(dict)
        for (day, city, product), people in found.items():
            if day in days:
                persons, worth = groups[city // CITIES_OF_A_STATE, product].get(city, (set(), 0.0))
                groups[city // CITIES_OF_A_STATE, product][city] = (persons | set(people), worth + sum(people.values()))
        for (_, product), members in groups.items():
            big = {city for city, (persons, _) in members.items() if len(persons) >= POLICY.minimum_persons}
            small = set(members) - big
            together = set().union(*(members[city][0] for city in small)) if small else set()
            rows = [{city} for city in big] + ([small] if len(together) >= POLICY.minimum_persons else [])
            for row in rows:
                worth = sum(members[city][1] for city in row)
                persons = float(len(set().union(*(members[city][0] for city in row))))
                region = Region(
                    FACTS,
                    "",
                    date(2026, 6, days[0] + 1),
                    date(2026, 6, days[-1] + 1),
                    "dia",
                    "municipio",
                    tuple(sorted(_name(city) for city in row)),
                    (("produto", str(product)),),
                )
                yield Told(region, "sum", "valor", worth, worth, output, output, position=1)
                yield Told(region, "distinct", "cliente", persons, persons, output, output, position=1)
