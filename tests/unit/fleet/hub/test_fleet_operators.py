"""Operators: tokens that are hashed, end and are revoked; roles that cover those below."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from afluente.fleet import operators
from afluente.fleet.refusal import FleetError, Refusal
from afluente.state.fleet_schema import OPERATORS


def create(world, name="ana", role="operator", *, days=90) -> str:
    with world.database.write() as connection:
        return operators.create(connection, name, role, by="root", at=world.clock.now(), days=days)


def identify(world, token):
    with world.database.read() as connection:
        return operators.identify(connection, token, at=world.clock.now())


def test_a_token_names_its_operator_and_stands_nowhere(world):
    token = create(world)
    assert identify(world, token).name == "ana"
    with world.database.read() as connection:
        assert token not in repr(connection.execute(sa.select(OPERATORS)).all())


def test_a_token_ends(world):
    token = create(world, days=1)
    world.clock.advance(seconds=86_400)
    with pytest.raises(Refusal):
        identify(world, token)


def test_a_stolen_token_is_revoked_by_revoking_or_by_a_new_one(world):
    first = create(world)
    second = create(world)
    with pytest.raises(Refusal):
        identify(world, first)
    with world.database.write() as connection:
        operators.revoke(connection, "ana", by="root", reason="stolen", at=world.clock.now())
    with pytest.raises(Refusal):
        identify(world, second)
    with pytest.raises(FleetError), world.database.write() as connection:
        operators.revoke(connection, "ana", by="root", reason="stolen", at=world.clock.now())


@pytest.mark.parametrize("token", ["", "afo_", "' OR 1=1 --", "x" * 10_000])
def test_what_is_no_token_names_nobody(world, token):
    create(world)
    with pytest.raises(Refusal) as caught:
        identify(world, token)
    assert caught.value.status == 401


def test_a_role_covers_those_below_it(world):
    who = identify(world, create(world, role="operator"))
    assert [who.may(role) for role in operators.ROLES] == [True, True, False]


@pytest.mark.parametrize("name", ["", "Ana", "a b", "../a", "a" * 64, "é"])
def test_a_name_that_is_none_is_refused(world, name):
    with pytest.raises(FleetError):
        create(world, name)
