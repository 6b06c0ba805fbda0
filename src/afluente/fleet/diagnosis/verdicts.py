"""Verdicts in the state: reading them, and writing what changed.

Invariant: of a site and a day one verdict at most is current; one that was wrong is kept, corrected by the one that
names it; a verdict closes when its site sends, or when its day is too old to be explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime

import sqlalchemy as sa

from afluente.core.ids import new_id
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.state.fleet_schema import TRANSMISSIONS, VERDICTS

LOCK = 0x6166_7665
PART = 500


def current(connection: sa.Connection, *, site: str = "") -> list[Verdict]:
    """The verdicts that stand, the newest day first."""
    query = sa.select(VERDICTS).where(VERDICTS.c.status == "current")
    return _read(connection, _of(query, site).order_by(VERDICTS.c.day.desc(), VERDICTS.c.site))


def history(connection: sa.Connection, site: str, *, limit: int = 50) -> list[Verdict]:
    """Every verdict of a site, corrected and closed ones too, the newest first."""
    return _read(connection, _of(sa.select(VERDICTS), site).order_by(VERDICTS.c.id.desc()).limit(limit))


def lock(connection: sa.Connection) -> None:
    """One diagnosis writes at a time; on SQLite a write transaction is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def apply(
    connection: sa.Connection, judged: Mapping[tuple[str, date], Verdict | None], *, today: date, at: datetime
) -> list[Verdict]:
    """Write what was judged over what stands; the verdicts that stand for the judged days. Needs a write transaction.

    A past day that nothing explains any more keeps the verdict it has.
    """
    standing = {(one.site, one.day): one for one in current(connection)}
    new: list[Verdict] = []
    stands: list[Verdict] = []
    ended: dict[str, list[str]] = {"corrected": [], "closed": []}
    for key, verdict in judged.items():
        old = standing.get(key)
        if verdict is None:
            if old is not None and key[1] >= today:
                ended["closed"].append(old.id)
            continue
        if old is not None and old.code == verdict.code:
            stands.append(_renewed(connection, old, verdict))
            continue
        if old is not None:
            ended["corrected"].append(old.id)
        new.append(replace(verdict, id=new_id(at), corrects=None if old is None else old.id))
    for status, ids in ended.items():
        _set_status(connection, ids, status)
    if new:
        connection.execute(sa.insert(VERDICTS), [asdict(one) for one in new])
    return [*stands, *new]


def close_ended(connection: sa.Connection, *, before: date, oldest: date) -> int:
    """Close the verdicts of days before `before` whose site has sent since, and those of days before `oldest`."""
    sent = (
        sa.select(TRANSMISSIONS.c.site, sa.func.max(TRANSMISSIONS.c.landed_at).label("sent_at"))
        .where(TRANSMISSIONS.c.landed_at.is_not(None))
        .group_by(TRANSMISSIONS.c.site)
        .subquery()
    )
    query = (
        sa.select(VERDICTS.c.id)
        .outerjoin(sent, sent.c.site == VERDICTS.c.site)
        .where(
            VERDICTS.c.status == "current",
            VERDICTS.c.day < before,
            sa.or_(sent.c.sent_at > VERDICTS.c.at, VERDICTS.c.day < oldest),
        )
    )
    ids = list(connection.execute(query).scalars())
    _set_status(connection, ids, "closed")
    return len(ids)


def _of(query: sa.Select[tuple[object, ...]], site: str) -> sa.Select[tuple[object, ...]]:
    return query.where(VERDICTS.c.site == site) if site else query


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Verdict]:
    return [Verdict(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def _renewed(connection: sa.Connection, old: Verdict, verdict: Verdict) -> Verdict:
    renewed = replace(
        old,
        confidence=verdict.confidence,
        evidence=verdict.evidence,
        message_pt=verdict.message_pt,
        action=verdict.action,
    )
    if renewed != old:
        connection.execute(
            sa.update(VERDICTS)
            .where(VERDICTS.c.id == old.id)
            .values(
                confidence=renewed.confidence,
                evidence=dict(renewed.evidence),
                message_pt=renewed.message_pt,
                action=renewed.action,
            )
        )
    return renewed


def _set_status(connection: sa.Connection, ids: Sequence[str], status: str) -> None:
    for start in range(0, len(ids), PART):
        connection.execute(
            sa.update(VERDICTS).where(VERDICTS.c.id.in_(ids[start : start + PART])).values(status=status)
        )
