"""Attack 2: the month's total less its days leaves the one day that was hidden."""

from __future__ import annotations

from pathlib import Path

from tests.unit.products.ledger.facts import opened, write
from tests.unit.products.ledger.telling import audited, crowd, day, region, tell

SALES = crowd([1, 2, 4], "Acari", range(20)) + crowd([3], "Acari", [1, 2, 3])


def test_the_day_left_over_is_found_when_the_rest_and_the_month_are_told(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        before = tell(SALES, *(region("Acari", days=day(d)) for d in (1, 2, 4)), release="dias-1", output="dia")
        month = tell(SALES, region("Acari"), output="mes")
        assert audited(workspace, before).findings == ()
        assert audited(workspace, month).findings == ()
        (found,) = audited(workspace, before + month).findings
        assert found.cell == "2026-06-03 municipio=Acari"
        assert found.sources == (("", "mes"), ("dias-1", "dia"))
        assert "30" not in found.finding().message_pt.replace("2026-06-30", "")


def test_two_hidden_days_of_other_customers_hide_each_other(tmp_path: Path) -> None:
    sales = SALES + crowd([5], "Acari", [7, 8, 9, 10], valor=8)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"), *(region("Acari", days=day(d)) for d in (1, 2, 4)))
        assert audited(workspace, told).findings == ()


def test_two_hidden_days_of_the_same_few_customers_are_found_together(tmp_path: Path) -> None:
    sales = SALES + crowd([5], "Acari", [1, 2, 3], valor=8)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"), *(region("Acari", days=day(d)) for d in (1, 2, 4)))
        (found,) = audited(workspace, told).findings
        assert found.cell == "2026-06-03..2026-06-05 municipio=Acari"
