"""Attack 3: the state's total less its cities leaves the one city that was hidden."""

from __future__ import annotations

from pathlib import Path

from tests.unit.products.ledger.facts import opened, write
from tests.unit.products.ledger.telling import JUNE, audited, crowd, day, region, tell

BIG = crowd([1], "Natal", range(30)) + crowd([2], "Caicó", range(30, 50))
SALES = BIG + crowd([3], "Acari", [1, 2, 3])
STATE = region("Natal", "Caicó", "Acari")


def test_the_city_left_over_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        cities = tell(SALES, region("Natal"), region("Caicó"))
        assert audited(workspace, cities).findings == ()
        (found,) = audited(workspace, cities + tell(SALES, STATE)).findings
        assert found.cell == "2026-06-01..2026-06-30 municipio=Acari"
        assert found.columns == ("valor",)


def test_small_cities_told_as_one_row_hide_each_other(tmp_path: Path) -> None:
    sales = SALES + crowd([3], "Cruzeta", [4, 5, 6])
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Natal"), region("Caicó"), region("Acari", "Cruzeta"))
        assert audited(workspace, told).findings == ()


def test_a_small_city_that_is_nearly_all_of_its_row_is_found(tmp_path: Path) -> None:
    sales = SALES + crowd([3], "Cruzeta", [4, 5, 6], valor=0) + crowd([3], "Cruzeta", [7], valor=1)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        found = audited(workspace, tell(sales, region("Acari", "Cruzeta"))).findings
        assert [one.cell for one in found] == ["2026-06-01..2026-06-30 municipio=Acari"]


def test_a_small_city_in_the_month_is_found_though_its_days_hide_in_rows_of_others(tmp_path: Path) -> None:
    sales = BIG + crowd([1, 2, 3], "Acari", [1, 2, 3]) + crowd([1, 2, 3], "Cruzeta", range(60, 70))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        days = tell(sales, *(region("Acari", "Cruzeta", days=day(d)) for d in (1, 2, 3)), output="dia")
        month = tell(sales, region("Cruzeta", days=JUNE), region("Acari", "Cruzeta", days=JUNE), output="mes")
        assert audited(workspace, days).findings == ()
        found = audited(workspace, days + month).findings
        assert "2026-06-01..2026-06-03 municipio=Acari" in [one.cell for one in found]
