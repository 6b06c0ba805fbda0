"""The ledger and the audit log as people read them, and what retention takes away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from afluente.core.clock import SetClock
from afluente.core.errors import StateError
from afluente.products.governance.audit import read_audit
from afluente.products.governance.ledger import read_ledger
from afluente.products.governance.retention import expire
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain, events
from afluente.state.release_schema import AUDIT_LOG, DELIVERIES, LEDGER, PSEUDONYM_KEYS, RELEASES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MakeRelease = Callable[..., str]


def statuses(workspace: Workspace, table: sa.Table) -> list[str]:
    with workspace.state.read() as connection:
        return list(connection.execute(sa.select(table.c.status).order_by(table.c.id)).scalars())


def test_the_ledger_says_who_received_what_when_under_which_promises(
    workspace: Workspace, make_release: MakeRelease
) -> None:
    make_release(1)
    make_release(2, partner="outra")
    with workspace.state.write() as connection:
        done = sa.update(DELIVERIES).where(DELIVERIES.c.id == "d1").values(status="delivered", delivered_at=NOW)
        connection.execute(done)
    rows = read_ledger(workspace.state, workspace.project)
    assert [(row.partner, row.product, row.number, row.output, row.cells) for row in rows] == [
        ("marca", "vendas", 1, "mensal", 41),
        ("outra", "vendas", 2, "mensal", 42),
    ]
    assert rows[0].contract_version == "1.1.0"
    assert (rows[0].legal_basis, rows[0].purpose) == ("legitimate_interest", "mostrar vendas")
    assert (rows[0].delivered_at, rows[1].delivered_at) == (NOW, None)
    assert [row.number for row in read_ledger(workspace.state, partner="outra")] == [2]


def test_a_whole_audit_log_is_said_to_be_whole(workspace: Workspace, make_release: MakeRelease) -> None:
    make_release(1)
    make_release(2)
    reading = read_audit(workspace.state, subject="product/vendas#2")
    assert reading.is_whole
    assert [entry.subject for entry in reading.entries] == ["product/vendas#2"]
    assert "íntegro" in reading.verdict().pt


def test_an_edited_entry_is_named(workspace: Workspace, make_release: MakeRelease) -> None:
    make_release(1)
    make_release(2)
    with workspace.state.write() as connection:
        connection.execute(sa.update(AUDIT_LOG).where(AUDIT_LOG.c.id == 1).values(actor="outro"))
    reading = read_audit(workspace.state)
    assert not reading.is_whole
    assert reading.broken is not None
    assert reading.broken.id == 1
    assert "entry 1" in reading.verdict().en


def test_a_log_cut_at_its_end_is_missed_by_the_release_that_names_its_head(
    workspace: Workspace, make_release: MakeRelease
) -> None:
    make_release(1)
    make_release(2)
    with workspace.state.write() as connection:
        connection.execute(sa.delete(AUDIT_LOG).where(AUDIT_LOG.c.id == 2))
    reading = read_audit(workspace.state)
    assert reading.broken is None
    assert reading.lost_heads == ("vendas#2",)
    assert not reading.is_whole


def test_a_release_past_its_days_loses_its_files_and_keeps_its_ledger(
    workspace: Workspace, make_release: MakeRelease, clock: SetClock
) -> None:
    make_release(1, at=NOW - timedelta(days=31))
    make_release(2, at=NOW - timedelta(days=29))
    done = expire(workspace, actor="ana")
    assert [(one.product, one.number, one.files, one.size_bytes) for one in done.releases] == [("vendas", 1, 2, 10)]
    root = workspace.project.root / "releases" / "vendas"
    assert not (root / "000001").exists()
    assert (root / "000002" / "files" / "a.csv").exists()
    assert statuses(workspace, RELEASES) == ["expired", "released"]
    assert statuses(workspace, DELIVERIES) == ["cancelled", "waiting"]
    with workspace.state.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(LEDGER)).scalar_one() == 2
        log = audit_chain.entries(connection, subject="product/vendas#1")
        told = events.after(connection, 0, kinds=["release.expired"])
    assert [(entry.action, entry.actor) for entry in log][-1] == ("release.expired", "ana")
    assert [event.subject for event in told] == ["product/vendas#1"]
    assert read_audit(workspace.state).is_whole
    assert expire(workspace, actor="ana").is_empty


def test_a_dry_run_of_retention_removes_nothing(workspace: Workspace, make_release: MakeRelease) -> None:
    make_release(1, at=NOW - timedelta(days=31))
    assert len(expire(workspace, actor="ana", is_dry_run=True).releases) == 1
    assert (workspace.project.root / "releases" / "vendas" / "000001").exists()
    assert statuses(workspace, RELEASES) == ["released"]


def test_files_left_by_a_retention_that_died_are_removed_by_the_next(
    workspace: Workspace, make_release: MakeRelease
) -> None:
    make_release(1, at=NOW - timedelta(days=31), status="expired")
    expire(workspace, actor="ana")
    assert not (workspace.project.root / "releases" / "vendas" / "000001").exists()


@pytest.mark.parametrize(("status", "is_kept"), [("withdrawn", False), ("refused", False), ("held", True)])
def test_what_was_never_told_does_not_become_told_by_expiring(
    workspace: Workspace, make_release: MakeRelease, status: str, *, is_kept: bool
) -> None:
    make_release(1, at=NOW - timedelta(days=31), status=status)
    expire(workspace, actor="ana")
    assert statuses(workspace, RELEASES) == [status]
    assert (workspace.project.root / "releases" / "vendas" / "000001").exists() is is_kept


def test_a_folder_outside_the_project_is_never_removed(workspace: Workspace, make_release: MakeRelease) -> None:
    make_release(1, at=NOW - timedelta(days=31))
    with workspace.state.write() as connection:
        connection.execute(sa.update(RELEASES).values(folder="../"))
    with pytest.raises(StateError, match="does not lie below the project"):
        expire(workspace, actor="ana")


def test_a_pseudonym_key_past_its_days_is_retired_once(workspace: Workspace) -> None:
    with workspace.state.write() as connection:
        for key, day in (("velha", 61), ("nova", 59)):
            connection.execute(
                sa.insert(PSEUDONYM_KEYS).values(partner="marca", key_id=key, first_used_at=NOW - timedelta(days=day))
            )
    assert [key.key_id for key in expire(workspace, actor="ana").keys] == ["velha"]
    with workspace.state.read() as connection:
        query = sa.select(PSEUDONYM_KEYS.c.key_id).where(PSEUDONYM_KEYS.c.retired_at.is_not(None))
        assert connection.execute(query).scalars().all() == ["velha"]
        assert [entry.action for entry in audit_chain.entries(connection)] == ["pseudonym_key.retired"]
    assert expire(workspace, actor="ana").is_empty
