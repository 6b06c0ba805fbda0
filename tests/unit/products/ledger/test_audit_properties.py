"""The audit of random sales and random regions against linear algebra and enumerated solutions."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from afluente.products.privacy.atoms import Atoms, Axis
from afluente.products.privacy.audit import audit
from afluente.products.privacy.membership import Part, classes, incidence, matching
from afluente.products.privacy.region import Region
from tests.unit.products.ledger.facts import FACTS, Sale, sale
from tests.unit.products.ledger.telling import POLICY, inside, region, tell

CITIES, DAYS, PRODUCTS = ("Acari", "Caicó", "Natal"), (1, 2, 3), ("cola", "uva")


def atoms_of(sales: list[Sale]) -> Atoms:
    """What `read_atoms` would read: a cell for each day, city and product."""
    cells: dict[tuple[dt.date, str, str], list[Sale]] = defaultdict(list)
    for one in sales:
        cells[one["dia"], one["municipio"], one["produto"]].append(one)
    keys = sorted(cells)
    persons = [sorted({one["cliente"] for one in cells[key]}) for key in keys]
    return Atoms(
        facts=str(FACTS),
        rows=np.array([len(cells[key]) for key in keys]),
        days={"dia": np.array([key[0].toordinal() for key in keys])},
        axes={
            "municipio": Axis(CITIES, np.array([CITIES.index(key[1]) for key in keys])),
            "produto": Axis(PRODUCTS, np.array([PRODUCTS.index(key[2]) for key in keys])),
        },
        wheres={"marca = 'Hungry'": np.ones(len(keys), dtype=np.bool_)},
        sums={"valor": np.array([float(sum(one["valor"] for one in cells[key])) for key in keys])},
        distincts={},
        person="cliente",
        persons=np.array([len(members) for members in persons]),
        person_starts=np.concatenate([[0], np.cumsum([len(members) for members in persons])]).astype(np.int64),
        person_codes=np.array([member for members in persons for member in members], dtype=np.int64),
        counted_persons=20,
        version=0,
    )


SALES = st.lists(
    st.builds(
        sale,
        st.sampled_from([dt.date(2026, 6, day) for day in DAYS]),
        st.sampled_from(CITIES),
        st.integers(0, 12),
        st.integers(1, 40),
        produto=st.sampled_from(PRODUCTS),
    ),
    min_size=1,
    max_size=40,
)
SPANS = [(dt.date(2026, 6, a), dt.date(2026, 6, b)) for a, b in ((1, 1), (2, 2), (3, 3), (1, 2), (1, 30))]
REGIONS = st.builds(
    lambda places, days, produto: region(*places, days=days, **({"produto": produto} if produto else {})),
    st.sets(st.sampled_from(CITIES), min_size=1),
    st.sampled_from(SPANS),
    st.sampled_from(["", *PRODUCTS]),
)


def masks(sales: list[Sale], regions: list[Region]) -> np.ndarray:
    """Which cells (day, city, product) lie in each region, by their sales."""
    cells = list(product(DAYS, CITIES, PRODUCTS))
    keep = {(one["dia"].day, one["municipio"], one["produto"]) for one in sales}
    held = [{(one["dia"].day, one["municipio"], one["produto"]) for one in inside(sales, each)} for each in regions]
    return np.array([[cell in members for cell in cells if cell in keep] for members in held], dtype=np.float64)


@settings(max_examples=80, deadline=None)
@given(SALES, st.lists(REGIONS, min_size=1, max_size=6, unique=True))
def test_a_small_cell_that_follows_linearly_from_what_was_told_is_always_found(
    sales: list[Sale], regions: list[Region]
) -> None:
    regions = [one for one in regions if inside(sales, one)]
    assume(regions)
    told = tell(sales, *regions)
    known = masks(sales, regions)
    found = [set(map(id, inside(sales, one.region))) for one in audit(atoms_of(sales), told, POLICY).findings]
    for base in regions:
        for place in CITIES:
            cell = replace(base, places=(place,))
            rows = inside(sales, cell)
            if not rows or len({one["cliente"] for one in rows}) >= POLICY.minimum_persons:
                continue
            wanted = masks(sales, [cell])[0]
            solved = np.linalg.lstsq(known.T, wanted, rcond=None)[0]
            if np.allclose(known.T @ solved, wanted, atol=1e-8):
                assert any(members <= set(map(id, rows)) or members >= set(map(id, rows)) for members in found), cell


@settings(max_examples=60, deadline=None)
@given(SALES, st.lists(REGIONS, min_size=1, max_size=5, unique=True))
def test_telling_more_never_frees_a_cell_that_was_found(sales: list[Sale], regions: list[Region]) -> None:
    regions = [one for one in regions if inside(sales, one)]
    assume(len(regions) > 1)
    atoms = atoms_of(sales)
    less = audit(atoms, tell(sales, *regions[:-1]), POLICY).findings
    more = audit(atoms, tell(sales, *regions), POLICY).findings
    assert bool(less) <= bool(more)


@settings(max_examples=60, deadline=None)
@given(SALES, st.lists(REGIONS, min_size=1, max_size=6, unique=True))
def test_classes_are_the_atoms_that_the_regions_hold_alike(sales: list[Sale], regions: list[Region]) -> None:
    atoms = atoms_of(sales)
    parts = [Part(one) for one in regions]
    held = incidence(atoms, parts)
    by_mask = np.array([matching(one, atoms.days, atoms.axes, atoms.wheres) for one in regions])
    for number in range(len(parts)):
        assert np.array_equal(np.flatnonzero(by_mask[number]), held.of(number))
    found = classes(atoms, parts)
    columns = [tuple(column) for column in by_mask.T]
    for a, b in product(range(len(atoms)), repeat=2):
        both_held = any(columns[a]) and any(columns[b])
        assert (found.of_atom[a] == found.of_atom[b]) == (columns[a] == columns[b]) or not both_held
    assert ((found.of_atom < 0) == ~by_mask.any(axis=0)).all()
    for cell in range(found.count):
        codes = {
            code
            for at in np.flatnonzero(found.of_atom == cell)
            for code in atoms.person_codes[atoms.person_starts[at] : atoms.person_starts[at + 1]].tolist()
        }
        assert found.persons[cell] == len(codes)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(SALES)
def test_what_was_told_of_enough_customers_alone_is_never_refused(sales: list[Sale]) -> None:
    whole = region(*CITIES, days=SPANS[-1])
    assume(len({one["cliente"] for one in sales}) >= 5)
    largest = max(sum(one["valor"] for one in sales if one["municipio"] == city) for city in CITIES)
    assume(largest * 11 < 10 * sum(one["valor"] for one in sales))
    assert audit(atoms_of(sales), tell(sales, whole), POLICY).findings == ()
