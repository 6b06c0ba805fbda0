"""The score: every injected situation gets its verdict, and no site is blamed for a fault of ours."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.unit.fleet.diagnosis.conftest import NewDatabase
from tests.unit.fleet.diagnosis.injected import SITE, Situation, inject
from tests.unit.fleet.diagnosis.situation_table import OURS, TABLE

from afluente.fleet.diagnosis import diagnose
from afluente.fleet.diagnosis.rules import SITUATIONS
from afluente.fleet.diagnosis.verdict import Verdict

LEAST_SCORE = 0.95
DOES_NOT_BLAME = ("nothing", "wait")


Verdicts = Mapping[str, Verdict | None]


@pytest.fixture(scope="module")
def verdicts(new_database: NewDatabase) -> Verdicts:
    """What the diagnosis says of each situation, in a database of its own."""
    found = {}
    for one in TABLE:
        with new_database() as database:
            inject(database, one)
            mine = [verdict for verdict in diagnose(database, day=one.day, at=one.at) if verdict.site == SITE]
        assert len(mine) <= 1
        found[one.name] = mine[0] if mine else None
    return found


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
def test_a_situation_gets_the_right_verdict(verdicts: Verdicts, one: Situation) -> None:
    verdict = verdicts[one.name]
    assert (verdict.code if verdict else "") == one.right


def test_the_score_of_the_whole_table(verdicts: Verdicts, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(verdicts) == len(TABLE) >= 45
    right = sum((found.code if (found := verdicts[one.name]) else "") == one.right for one in TABLE)
    blamed = [
        one.name
        for one in OURS
        if (found := verdicts[one.name]) is not None and found.family != "ours" and found.action not in DOES_NOT_BLAME
    ]
    share = f"{right}/{len(TABLE)} situations right ({right / len(TABLE):.1%})"
    with capsys.disabled():
        print(f"\ndiagnosis: {share}, sites blamed for a fault of ours: {len(blamed)}")
    assert blamed == []
    assert right / len(TABLE) >= LEAST_SCORE


def test_every_verdict_of_the_table_can_be_sent_as_it_is(verdicts: Verdicts) -> None:
    for verdict in verdicts.values():
        if verdict is None:
            continue
        assert verdict.message_pt.startswith(f"Olá, equipe de Município {SITE}! ")
        assert "{" not in verdict.message_pt
        assert "(não informado)" not in verdict.message_pt
        assert 0.05 <= verdict.confidence <= 0.98
        assert verdict.evidence
        assert verdict.action == SITUATIONS[verdict.code].action


def test_the_table_reaches_nearly_every_situation() -> None:
    reached = {one.right for one in TABLE}
    assert set(SITUATIONS) - reached <= {
        "inactivity.was_off",
        "maintenance.db_busy",
        "maintenance.spool_full",
        "maintenance.spool_quarantined",
    }
