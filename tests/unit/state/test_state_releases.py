"""Releases and the ledger in the state, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from afluente.core.errors import StateError
from afluente.state import deliveries, releases
from afluente.state.database import Database
from afluente.state.deliveries import DeliveryRow
from afluente.state.releases import LedgerRow, Release

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = Release(
    id="r1",
    product="vendas",
    partner="marca",
    number=1,
    status="held",
    created_at=AT,
    product_version="1.0.0",
    product_sha256="a" * 64,
    folder="releases/vendas/000001",
    contract_versions={"mes": "1.0.0"},
    inputs={"gold.vendas": 3},
    period={"mes": ["2026-02-01", "2026-02-28"], "linhas": []},
    reasons=[{"code": "contract.rule", "action": "hold"}],
    identity="x",
)


def ledger(release: Release) -> LedgerRow:
    return LedgerRow(release.partner, release.product, release.id, "mes", f"{release.id}.parquet", "0" * 64, 4, AT)


def write(database: Database, *written: Release) -> None:
    with database.write() as connection:
        for release in written:
            releases.insert(connection, release)
            releases.enter_in_ledger(connection, [ledger(release)])
            row = DeliveryRow(f"d-{release.id}", release.id, "copia", "folder", release.partner, AT, AT)
            deliveries.insert(connection, row)


def test_a_release_is_read_as_it_was_written(database: Database) -> None:
    write(database, FIRST)
    with database.read() as connection:
        found = releases.find(connection, "vendas", 1)
        assert found == FIRST
        assert releases.by_id(connection, "r1") == FIRST
        assert releases.next_number(connection, "vendas") == 2
        assert releases.next_number(connection, "outro") == 1
        assert releases.with_identity(connection, "vendas", "x") == FIRST
    assert found.days("mes") == (date(2026, 2, 1), date(2026, 2, 28))
    assert found.days("linhas") is None


def test_a_number_is_taken_once(database: Database) -> None:
    write(database, FIRST)
    with pytest.raises((StateError, IntegrityError)):
        write(database, replace(FIRST, id="r2"))


def test_only_a_held_release_is_approved_and_only_once(database: Database) -> None:
    write(database, FIRST)
    with database.write() as connection:
        assert releases.approve(connection, "r1", by="ana", reason="sim", at=AT)
        assert not releases.approve(connection, "r1", by="bia", reason="sim", at=AT)
    with database.read() as connection:
        found = releases.find(connection, "vendas", 1)
    assert found is not None
    assert (found.status, found.approved_by, found.released_at) == ("released", "ana", AT)


def test_what_was_held_is_forgotten_by_the_ledger_and_what_was_released_is_not(database: Database) -> None:
    second = replace(FIRST, id="r2", number=2, status="released")
    write(database, FIRST, second)
    with database.read() as connection:
        assert len(releases.ledger_of(connection, ("marca",))) == 2
        kept = releases.ledger_of(connection, ("marca", "outra"), without_held_of="vendas")
        assert [row.release_id for row in kept] == ["r2"]
    with database.write() as connection:
        assert releases.withdraw(connection, "r1") == "held"
        assert releases.withdraw(connection, "r2") == "released"
        assert releases.withdraw(connection, "r2") is None
    with database.read() as connection:
        assert [row.release_id for row in releases.ledger_of(connection, ("marca",))] == ["r2"]
        assert {one.status for release in ("r1", "r2") for one in deliveries.of_release(connection, release)} == {
            "cancelled"
        }
        assert releases.with_identity(connection, "vendas", "x") is None
        assert [one.number for one in releases.of_product(connection, "vendas", statuses=("withdrawn",))] == [2, 1]
