"""Attack 4: a figure told again after a correction, less the figure told before, is the few rows that changed."""

from __future__ import annotations

from pathlib import Path

from afluente.products.privacy.correction import correct
from afluente.runs.steps.workspace import Workspace
from tests.unit.products.ledger.facts import FACTS, Sale, opened, write
from tests.unit.products.ledger.telling import crowd, day, region, tell

SALES = crowd([1, 2, 3], "Acari", range(20))


def corrected(workspace: Workspace, later: list[Sale]) -> list[str]:
    """The cells named when the month is told of SALES, and then again of `later`."""
    old, new = write(workspace, SALES), write(workspace, later)
    before = tell(SALES, region("Acari"), release="1", version=old)
    after = tell(later, region("Acari"), version=new)
    found = correct(workspace, before, after, person="cliente", minimum_persons=5, at={FACTS: new})
    return [one.cell for one in found]


def test_a_correction_of_one_customer_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        later = SALES[1:] + crowd([1], "Acari", [0], valor=99)
        naive = float(sum(s["valor"] for s in later) - sum(s["valor"] for s in SALES))
        assert naive == 89.0
        assert corrected(workspace, later) == ["2026-06-01..2026-06-30 municipio=Acari"]


def test_a_customer_who_is_erased_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        assert corrected(workspace, [sale for sale in SALES if sale["cliente"] != 7]) != []


def test_a_correction_of_many_customers_passes(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        assert corrected(workspace, SALES + crowd([4], "Acari", range(5))) == []


def test_what_is_told_again_unchanged_passes(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        assert corrected(workspace, list(reversed(SALES))) == []


def test_the_days_told_after_a_correction_are_set_against_the_month_told_before(tmp_path: Path) -> None:
    later = SALES + crowd([3], "Acari", [77])
    days = [region("Acari", days=day(d)) for d in (1, 2, 3)]
    with opened(tmp_path) as workspace:
        old, new = write(workspace, SALES), write(workspace, later)
        told_month, told_days = (
            tell(SALES, region("Acari"), release="1", version=old),
            tell(SALES, *days, release="1", version=old),
        )
        for before, after in (
            (told_month, tell(later, *days, version=new)),
            (told_days, tell(later, region("Acari"), version=new)),
        ):
            (found,) = correct(workspace, before, after, person="cliente", minimum_persons=5, at={FACTS: new})
            assert found.cell == "2026-06-01..2026-06-30 municipio=Acari"
            assert found.finding().code == "privacy.correction_exposed"


def test_a_version_that_is_gone_counts_as_too_few(tmp_path: Path) -> None:
    later = SALES + crowd([4], "Acari", range(9))
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        new = write(workspace, later)
        before = tell(SALES, region("Acari"), release="1", version=77)
        assert correct(
            workspace,
            before,
            tell(later, region("Acari"), version=new),
            person="cliente",
            minimum_persons=5,
            at={FACTS: new},
        )
