"""Attack 1: no single release gives a hidden cell away, all of them together bound it by linear programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from afluente.products.privacy.audit import protected
from afluente.products.privacy.bounds import bound
from afluente.products.privacy.system import Row, packed, system
from tests.unit.products.ledger.facts import opened, write
from tests.unit.products.ledger.telling import audited, crowd, day, region, tell

DAYS, CITIES = (1, 2), ("Acari", "Caicó", "Natal")


def sales_of(worth: dict[tuple[int, str], int]) -> list[dict[str, object]]:
    """Three customers of their own in every cell, one of whom spends what the cell is worth."""
    sales = []
    for number, ((d, city), value) in enumerate(sorted(worth.items())):
        first = 10 * number
        sales += crowd([d], city, [first], valor=value) + crowd([d], city, [first + 1, first + 2], valor=0)
    return sales


ROWS = [region(*CITIES, days=day(d)) for d in DAYS]
COLUMNS = [region(city) for city in CITIES]


def test_row_and_column_totals_that_leave_room_pass(tmp_path: Path) -> None:
    sales = sales_of({(d, city): 50 for d in DAYS for city in CITIES})
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, tell(sales, *ROWS, *COLUMNS)).findings == ()


def test_row_and_column_totals_that_squeeze_a_cell_are_found_by_a_linear_program(tmp_path: Path) -> None:
    worth = dict.fromkeys(((d, city) for d in DAYS for city in CITIES), 50) | {(1, "Acari"): 990, (2, "Acari"): 10}
    sales = sales_of(worth)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, tell(sales, *COLUMNS, release="meses")).findings == ()
        report = audited(workspace, tell(sales, *COLUMNS, release="meses") + tell(sales, *ROWS, release="dias"))
        assert "2026-06-01 municipio=Acari" in [found.cell for found in report.findings]
        assert all(found.sources == (("dias", "vendas"), ("meses", "vendas")) for found in report.findings)


def test_a_value_that_takes_three_equations_to_compute_is_found(tmp_path: Path) -> None:
    """a+b, b+c and c+a are each told of six customers; half their sum less b+c is a."""
    sales = crowd([1], "Acari", [1, 2, 3]) + crowd([1], "Caicó", [4, 5, 6], 30) + crowd([1], "Natal", [7, 8, 9], 50)
    pairs = [region("Acari", "Caicó"), region("Caicó", "Natal"), region("Acari", "Natal")]
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, tell(sales, *pairs[:2])).findings == ()
        found = audited(workspace, tell(sales, *pairs)).findings
        assert [one.region.places for one in found] == [("Acari",), ("Caicó",), ("Natal",)]


def test_the_naive_release_of_three_sums_is_solved_exactly() -> None:
    truth = np.array([30.0, 90.0, 150.0])
    rows = [Row(np.array(pair), np.ones(2), 0, 0, 0, is_exact=True) for pair in ((0, 1), (1, 2), (0, 2))]
    found = bound(system(truth, packed(rows)), np.ones(3, dtype=np.bool_))
    assert np.allclose(found.low, truth) and np.allclose(found.high, truth)
    low_enough, high_enough = protected(truth, 10.0)
    assert (found.low > low_enough).all() and (found.high < high_enough).all()
