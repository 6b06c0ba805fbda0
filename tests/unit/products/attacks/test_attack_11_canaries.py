"""Attack 11: personal data in what is written beside the data: findings, errors, and the ledger's files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from afluente.core.errors import AfluenteError
from afluente.products.privacy.correction import correct
from afluente.products.privacy.ledger_file import read_ledger, write_ledger
from tests.unit.products.ledger.facts import FACTS, opened, sale, write
from tests.unit.products.ledger.telling import audited, crowd, day, region, tell

CANARY = 98_765_432_100
WORTH = "7131.73"
DAY = dt.date(2026, 6, 3)
SALES = crowd([1, 2], "Acari", range(20)) + [sale(DAY, "Acari", CANARY, WORTH)]
CANARIES = (str(CANARY), WORTH, WORTH.replace(".", ","), "7131")


def test_the_naive_release_tells_the_canary_s_purchase() -> None:
    month, days = tell(SALES, region("Acari")), tell(SALES, region("Acari", days=day(1)), region("Acari", days=day(2)))
    assert round(month[0].low - days[0].low - days[2].low, 2) == float(WORTH)


def test_findings_and_the_ledger_name_no_person_and_no_hidden_value(tmp_path: Path) -> None:
    days = [region("Acari", days=day(number)) for number in (1, 2)]
    with opened(tmp_path) as workspace:
        old = write(workspace, SALES[:-1])
        new = write(workspace, SALES)
        told = tell(SALES, region("Acari"), *days, version=new)
        report = audited(workspace, told, version=new)
        before = tell(SALES[:-1], region("Acari"), release="1", version=old)
        changed = correct(workspace, before, told, person="cliente", minimum_persons=5, at={FACTS: new})
    assert report.findings and changed
    said = " ".join(repr(one) + repr(one.finding()) for one in [*report.findings, *changed])
    ledger = tmp_path / "ledger" / "vendas.parquet"
    write_ledger(ledger, told[2:])
    said += repr(read_ledger(ledger))
    content = ledger.read_bytes()
    assert not [canary for canary in CANARIES if canary in said or canary.encode() in content]


def test_an_error_of_the_audit_names_no_person_and_no_value(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        write(workspace, SALES)
        told = tell(SALES[:-1], region("Acari"))
        with pytest.raises(AfluenteError) as caught:
            audited(workspace, told)
    said = f"{caught.value} {caught.value.hint}"
    assert not [canary for canary in (*CANARIES, "400", "7531") if canary in said]
