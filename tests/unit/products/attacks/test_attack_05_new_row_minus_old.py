"""Attack 5: a row that grows from one release to the next tells of the few rows that came in between."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from afluente.products.privacy.correction import correct
from tests.unit.products.ledger.facts import FACTS, opened, write
from tests.unit.products.ledger.telling import audited, crowd, region, tell

FIRST_TEN = (dt.date(2026, 6, 1), dt.date(2026, 6, 10))
FIRST_ELEVEN = (dt.date(2026, 6, 1), dt.date(2026, 6, 11))
OLD = crowd(range(1, 11), "Acari", range(20))


def test_a_total_to_date_that_grew_by_one_small_day_is_found(tmp_path: Path) -> None:
    sales = OLD + crowd([11], "Acari", [1, 2])
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        yesterday = tell(sales, region("Acari", days=FIRST_TEN), release="10")
        today = tell(sales, region("Acari", days=FIRST_ELEVEN))
        assert today[0].low - yesterday[0].low == 20.0
        assert audited(workspace, today).findings == ()
        (found,) = audited(workspace, yesterday + today).findings
        assert found.cell == "2026-06-11 municipio=Acari"


def test_a_total_to_date_that_grew_by_a_busy_day_passes(tmp_path: Path) -> None:
    sales = OLD + crowd([11], "Acari", range(6))
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari", days=FIRST_TEN)) + tell(sales, region("Acari", days=FIRST_ELEVEN))
        assert audited(workspace, told).findings == ()


def test_a_row_that_late_sales_made_grow_is_found(tmp_path: Path) -> None:
    later = OLD + crowd([4], "Acari", [1, 2])
    where = region("Acari", days=FIRST_TEN)
    with opened(tmp_path) as workspace:
        old, new = write(workspace, OLD), write(workspace, later)
        before, after = tell(OLD, where, release="10", version=old), tell(later, where, version=new)
        assert audited(workspace, before + after, version=new).findings == ()
        found = correct(workspace, before, after, person="cliente", minimum_persons=5, at={FACTS: new})
        assert [one.region for one in found] == [where]


def test_a_new_city_in_a_row_of_others_is_found(tmp_path: Path) -> None:
    """The row of the small cities was told of two of them, and is told again with the third."""
    sales = crowd([1], "Caicó", range(3)) + crowd([1], "Natal", range(10, 14)) + crowd([1], "Acari", [20, 21])
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Caicó", "Natal"), release="1") + tell(sales, region("Acari", "Caicó", "Natal"))
        assert [one.region.places for one in audited(workspace, told).findings] == [("Acari",)]
