from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from afluente.core.errors import RunError
from afluente.products.privacy.atoms import read_atoms
from afluente.products.privacy.audit import audit
from afluente.products.privacy.membership import Part, classes
from afluente.products.privacy.region import Region, Told
from tests.unit.products.ledger.facts import FACTS, opened, sale, write
from tests.unit.products.ledger.telling import OWN, POLICY, audited, crowd, day, region, share, tell

D = dt.date(2026, 6, 1)


def test_atoms_hold_the_sums_rows_and_customers_of_the_finest_cells_that_regions_tell_apart(tmp_path: Path) -> None:
    sales = [
        sale(D, "Acari", 1, "10.50", produto="cola"),
        sale(D, "Acari", 2, 20, produto="uva"),
        sale(D, "Acari", 2, 5, produto="cola"),
        sale(D, "Caicó", None, 7, produto="cola"),
        sale(dt.date(2026, 7, 1), "Caicó", 9, 7),
    ]
    with opened(tmp_path) as workspace:
        version = write(workspace, sales)
        told = tell(sales, region("Acari", days=day(1), produto="cola"), region("Caicó", days=day(1)))
        atoms = read_atoms(workspace, told, person="cliente", at={FACTS: version})
        city, kind = atoms.axes["municipio"], atoms.axes["produto"]
        cells = {
            (city.values[city.codes[at]], kind.values[kind.codes[at]]): (
                atoms.sums["valor"][at],
                atoms.rows[at],
                atoms.persons[at],
            )
            for at in range(len(atoms))
        }
    assert cells == {("Acari", "cola"): (15.5, 2, 2), ("Acari", "uva"): (20.0, 1, 1), ("Caicó", "cola"): (7.0, 1, 0)}


def test_regions_of_whole_months_are_read_by_month(tmp_path: Path) -> None:
    sales = crowd(range(1, 29), "Acari", range(3))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        months = read_atoms(workspace, tell(sales, region("Acari")), person="cliente", at={FACTS: 0})
        days = read_atoms(workspace, tell(sales, region("Acari", days=day(2))), person="cliente", at={FACTS: 0})
    assert (len(months), months.rows.tolist(), months.persons.tolist()) == (1, [84], [3])
    assert len(days) == 1


def test_a_column_that_only_own_rows_are_told_by_does_not_set_competitors_apart(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", range(3), produto="cola") + crowd([1], "Acari", [7], produto="uva", marca="Rival")
    sales += crowd([1], "Acari", [8], produto="mel", marca="Rival")
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = [*tell(sales, region("Acari", produto="cola")), share(region("Acari"), 0.4, 0.6)]
        atoms = read_atoms(workspace, told, person="cliente", at={FACTS: 0})
    assert sorted(atoms.rows.tolist()) == [2, 3]


def test_unions_of_small_cells_count_each_customer_once(tmp_path: Path) -> None:
    sales = crowd([1, 2, 3], "Acari", [1, 2, 3]) + crowd([4], "Acari", [3, 4])
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari", days=(D, dt.date(2026, 6, 4))))
        atoms = read_atoms(workspace, told, person="cliente", at={FACTS: 0})
    assert sorted(atoms.persons.tolist()) == [2, 3, 3, 3]
    assert classes(atoms, [Part(told[0].region)]).persons.tolist() == [4]


def test_without_a_person_column_every_row_counts(tmp_path: Path) -> None:
    sales = crowd([1, 2, 3], "Acari", [1]) + crowd([1], "Caicó", [1] * 7)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = [one for one in tell(sales, region("Acari"), region("Caicó")) if one.quantity == "sum"]
        atoms = read_atoms(workspace, told, person="", at={FACTS: 0})
        assert [one.region.places for one in audit(atoms, told, POLICY).findings] == [("Acari",)]


def test_rows_whose_customer_is_unknown_are_no_reason_to_tell_a_cell(tmp_path: Path) -> None:
    sales = [sale(D, "Acari", None, 10), sale(D, "Acari", None, 10)]
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, tell(sales, region("Acari"))[:1]).findings


def test_the_version_that_is_pinned_is_read(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        old = crowd([1], "Acari", range(3))
        write(workspace, old)
        write(workspace, crowd([1], "Acari", range(9)))
        assert read_atoms(workspace, tell(old, region("Acari")), person="cliente", at={FACTS: 0}).rows.tolist() == [3]


def test_regions_without_a_period_hold_every_day(tmp_path: Path) -> None:
    sales = crowd([1, 2], "Acari", range(9))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        always = Region(str(FACTS), OWN, dt.date.min, dt.date.max, "", "municipio", ("Acari",))
        assert audited(workspace, [Told(always, "sum", "valor", 180.0, 180.0, "o", "")]).findings == ()


def test_a_figure_that_is_not_its_region_s_is_not_audited(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", range(9))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        (told, _) = tell(sales, region("Acari"))
        with pytest.raises(RunError) as caught:
            audited(workspace, [replace(told, low=91.0, high=91.0)])
        assert caught.value.code == "privacy.told_differs"
        assert "91" not in str(caught.value) and "90" not in str(caught.value)


def test_a_policy_of_more_persons_than_were_counted_is_refused(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", range(9))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"))
        atoms = read_atoms(workspace, told, person="cliente", at={FACTS: 0}, counted_persons=3)
        with pytest.raises(RunError) as caught:
            audit(atoms, told, POLICY)
    assert caught.value.code == "privacy.persons_uncounted"


def test_order_numbers_add_up_and_so_are_audited_as_sums(tmp_path: Path) -> None:
    """A distinct count of a column whose values never lie in two cells gives the hidden day away, though persons do not."""
    sales = [
        replace_order(one, at) for at, one in enumerate(crowd([1], "Acari", range(9)) + crowd([2], "Acari", [1, 2]))
    ]
    whole, first = region("Acari"), region("Acari", days=day(1))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        orders = [
            Told(whole, "distinct", "quantidade", 11, 11, "o", ""),
            Told(first, "distinct", "quantidade", 9, 9, "o", ""),
        ]
        persons = [Told(whole, "distinct", "cliente", 9, 9, "o", ""), Told(first, "distinct", "cliente", 9, 9, "o", "")]
        assert audited(workspace, persons).findings == ()
        assert [one.columns for one in audited(workspace, orders).findings] == [("quantidade",)]


def replace_order(one: dict[str, object], number: int) -> dict[str, object]:
    return {**one, "quantidade": number}


def test_row_counts_are_audited(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", range(9)) + crowd([2], "Acari", [1, 2])
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = [
            Told(region("Acari"), "count", "", 11, 11, "o", ""),
            Told(region("Acari", days=day(1)), "count", "", 9, 9, "o", ""),
        ]
        assert [one.columns for one in audited(workspace, told).findings] == [("count",)]


def test_a_count_of_customers_below_the_minimum_is_found_by_itself(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", range(3))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        (_, customers) = tell(sales, region("Acari"))
        assert [one.columns for one in audited(workspace, [customers]).findings] == [("cliente",)]


def test_refunds_do_not_make_every_hidden_cell_a_finding(tmp_path: Path) -> None:
    sales = crowd([1], "Acari", [1, 2, 3], 50) + crowd([1], "Caicó", [4, 5, 6], -20) + crowd([1], "Natal", [7, 8], 60)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, tell(sales, region("Acari", "Caicó", "Natal"))).findings == ()
