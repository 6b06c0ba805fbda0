"""Operators: named people and programs that may look at the fleet, act on it, or change what it runs.

Invariant: a token is kept as a hash only and is shown once; a revoked or expired one opens nothing; who made an
operator is in the audit log.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.fleet.refusal import FleetError, Refusal
from afluente.state import audit_chain
from afluente.state.fleet_schema import OPERATORS
from afluente.state.upsert import upsert

Role = Literal["reader", "operator", "administrator"]
ROLES: tuple[Role, ...] = ("reader", "operator", "administrator")
"""Each may do what those before it may: look; act on sites; change keys, documents, updates and operators."""
TOKEN_PREFIX = "afo_"  # noqa: S105 - what every token begins with, so that scanners of leaks can find one
TOKEN_BYTES = 32
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def may(self, needed: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(needed)


_COLUMNS = (
    OPERATORS.c.name,
    OPERATORS.c.role,
    OPERATORS.c.created_at,
    OPERATORS.c.expires_at,
    OPERATORS.c.revoked_at,
)


def create(connection: sa.Connection, name: str, role: Role, *, by: str, at: datetime, days: int = 90) -> str:
    """Make an operator, or give one another role and token; the token. Needs a write transaction. FleetError."""
    if NAME.fullmatch(name) is None:
        raise FleetError(
            "fleet.operator_name",
            "an operator's name is not a name",
            pt="este não pode ser o nome de um operador",
            hint="such as ana or ana@ong.org",
        )
    if not 1 <= days <= MOST_DAYS:
        raise FleetError(
            "fleet.operator_days",
            f"a token cannot be good for {days} days",
            pt=f"um token não pode valer {days} dias",
            hint=f"1 to {MOST_DAYS}",
        )
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    row = {
        "name": name,
        "token_hash": _hash(token),
        "role": role,
        "created_at": at,
        "expires_at": at + timedelta(days=days),
        "revoked_at": None,
    }
    upsert(connection, OPERATORS, [row])
    audit_chain.record(
        connection,
        at=at,
        actor=by,
        action="operator.created",
        subject=f"operator/{name}",
        payload={"role": role, "days": days},
    )
    return token


def revoke(connection: sa.Connection, name: str, *, by: str, reason: str, at: datetime) -> None:
    """Make an operator's token worth nothing. Needs a write transaction. FleetError."""
    changed = connection.execute(
        sa.update(OPERATORS).where(OPERATORS.c.name == name, OPERATORS.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    if changed.rowcount != 1:
        raise FleetError(
            "fleet.unknown_operator",
            f"there is no operator '{name[:70]}' with a good token",
            pt=f"não há operador '{name[:70]}' com token válido",
        )
    audit_chain.record(
        connection,
        at=at,
        actor=by,
        action="operator.revoked",
        subject=f"operator/{name}",
        payload={"reason": reason},
    )


def listed(connection: sa.Connection) -> list[Operator]:
    return [
        Operator(**row._mapping)  # noqa: SLF001
        for row in connection.execute(sa.select(*_COLUMNS).order_by(OPERATORS.c.name))
    ]


def identify(connection: sa.Connection, token: str, *, at: datetime) -> Operator:
    """Whose token it is. Refusal with status 401."""
    row = connection.execute(sa.select(*_COLUMNS).where(OPERATORS.c.token_hash == _hash(token))).first()
    operator = None if row is None else Operator(**row._mapping)  # noqa: SLF001
    is_over = operator is not None and operator.expires_at is not None and operator.expires_at <= at
    if operator is None or operator.revoked_at is not None or is_over:
        raise Refusal(
            "operator.unauthorized",
            "o código de acesso falta, venceu ou foi cancelado",
            "the access token is missing, expired or revoked",
            status=401,
        )
    return operator


def require(operator: Operator, needed: Role) -> None:
    """Refusal with status 403 unless the operator's role covers the one needed."""
    if not operator.may(needed):
        raise Refusal(
            "operator.forbidden",
            f"isto pede o papel {needed}; o seu é {operator.role}",
            f"this needs the role {needed}; yours is {operator.role}",
            status=403,
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
