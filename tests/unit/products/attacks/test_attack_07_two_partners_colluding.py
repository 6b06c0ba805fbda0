"""Attack 7: two partners put together what each received. Declared allies are audited as one."""

from __future__ import annotations

from pathlib import Path

from tests.unit.products.ledger.facts import opened, write
from tests.unit.products.ledger.telling import audited, crowd, region, tell

SALES = crowd([1], "Natal", range(30)) + crowd([2], "Caicó", range(30, 50)) + crowd([3], "Acari", [1, 2, 3])


def test_what_is_safe_for_each_partner_is_found_for_the_two_as_allies(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        ally = tell(SALES, region("Natal"), region("Caicó"), release="aliada-1", output="cidades")
        ours = tell(SALES, region("Natal", "Caicó", "Acari"), output="estado")
        assert ours[0].low - ally[0].low - ally[2].low == 30.0
        assert audited(workspace, ally).findings == ()
        assert audited(workspace, ours).findings == ()
        (found,) = audited(workspace, ally + ours).findings
        assert found.region.places == ("Acari",)
        assert found.sources == (("", "estado"), ("aliada-1", "cidades"))


def test_allies_who_were_told_of_the_same_rows_learn_nothing_more(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        told = [tell(SALES, region("Natal"), region("Acari", "Caicó"), release=name) for name in ("a", "b")]
        assert audited(workspace, [*told[0], *told[1]]).findings == ()
