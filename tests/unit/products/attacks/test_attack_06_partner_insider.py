"""Attack 6: the partner knows its own sales; with its share it computes the segment, and with that a competitor."""

from __future__ import annotations

from pathlib import Path

from tests.unit.products.ledger.facts import opened, write
from tests.unit.products.ledger.telling import audited, crowd, day, region, share, tell

OWN_SALES = crowd([1, 2], "Acari", range(20))
MARKET = region("Acari", segmento="refrigerante")


def rivals(days: list[int], *brands: str, worth: int = 10) -> list[dict[str, object]]:
    return [
        sale
        for number, brand in enumerate(brands)
        for sale in crowd(days, "Acari", range(100 * number, 100 * number + 10), worth, marca=brand)
    ]


def test_an_exact_share_of_a_market_of_one_competitor_is_found(tmp_path: Path) -> None:
    sales = OWN_SALES + rivals([1, 2], "Rival")
    own, total = 400.0, 600.0
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = [*tell(sales, region("Acari")), share(MARKET, own / total, own / total)]
        assert own / (own / total) - own == 200.0
        found = audited(workspace, told).findings
        assert [one.cell for one in found] == ["2026-06-01..2026-06-30 municipio=Acari segmento=refrigerante"]


def test_a_narrow_band_of_a_market_of_one_competitor_is_found(tmp_path: Path) -> None:
    sales = OWN_SALES + rivals([1, 2], "Rival")
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"))
        assert audited(workspace, [*told, share(MARKET, 0.65, 0.68)]).findings
        assert audited(workspace, [*told, share(MARKET, 0.5, 0.75)]).findings == ()


def test_a_band_of_a_market_of_several_even_competitors_passes(tmp_path: Path) -> None:
    sales = OWN_SALES + rivals([1, 2], "Rival", "Outra", "Mais")
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        assert audited(workspace, [*tell(sales, region("Acari")), share(MARKET, 0.4, 0.5)]).findings == ()


def test_several_competitors_one_of_whom_is_nearly_all_are_found(tmp_path: Path) -> None:
    sales = OWN_SALES + rivals([1, 2], "Rival", worth=100) + rivals([1], "Outra", "Mais", worth=1)
    share_now = 400 / (400 + 2000 + 20)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"))
        assert audited(workspace, [*told, share(MARKET, share_now - 0.001, share_now + 0.001)]).findings


def test_the_month_s_share_less_a_day_s_is_a_market_of_one_competitor(tmp_path: Path) -> None:
    """Day 1 has three competitors, day 2 one: near shares of the month and of day 1 give day 2 away."""
    sales = OWN_SALES + rivals([1], "Rival", "Outra", "Mais") + rivals([2], "Rival", worth=100)
    month, first = share(MARKET, 400 / 1700 - 1e-4, 400 / 1700 + 1e-4, release="mes"), region("Acari", days=day(1))
    day_1 = share(region("Acari", days=day(1), segmento="refrigerante"), 0.4 - 1e-4, 0.4 + 1e-4)
    with opened(tmp_path) as workspace:
        write(workspace, sales)
        told = tell(sales, region("Acari"), first)
        assert [one.region.last for one in audited(workspace, [*told, month, day_1]).findings] == [day(2)[1]]
        wide = share(MARKET, 0.1, 0.4, release="mes")
        assert audited(workspace, [*told, wide, day_1]).findings == ()
