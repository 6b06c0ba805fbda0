"""Retention: releases whose time is over lose their files, pseudonym keys past theirs are retired.

Invariant: a file is removed only after its release is marked expired in the same transaction as the audit entry, so a
process that dies in between leaves files that the next call removes. Ledger rows and files are kept: they are what
protects those whose data were told. A release that was never told (withdrawn, refused) keeps its status, since
`expired` counts as told; a held one waits for its operator.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.errors import StateError
from afluente.state import audit_chain, events
from afluente.state.json_value import Json
from afluente.state.release_schema import DELIVERIES, PSEUDONYM_KEYS, RELEASES

if TYPE_CHECKING:
    from pathlib import Path

    from afluente.runs.steps.workspace import Workspace

_ENDED = ("released", "expired", "withdrawn", "refused")


@dataclass(frozen=True, slots=True)
class ExpiredRelease:
    """A release whose retention ended. `size_bytes` is what its folder held."""

    product: str
    number: int
    expired_on: datetime
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A pseudonym key past its days, by fingerprint. Releases with it are refused from now on."""

    partner: str
    key_id: str


@dataclass(frozen=True, slots=True)
class _Due:
    """A release to expire, or one that is and still has files."""

    id: str
    status: str
    folder: Path
    told: ExpiredRelease


@dataclass(frozen=True, slots=True)
class Expired:
    """What was, or with `is_dry_run` would be, expired."""

    releases: tuple[ExpiredRelease, ...]
    keys: tuple[RetiredKey, ...]
    is_dry_run: bool

    @property
    def is_empty(self) -> bool:
        return not self.releases and not self.keys


def expire(workspace: Workspace, *, actor: str, is_dry_run: bool = False) -> Expired:
    """Expire what is due now. Waiting deliveries of an expired release are cancelled."""
    moment = workspace.clock.now()
    releases = _due_releases(workspace, moment)
    keys = _due_keys(workspace, moment)
    if not is_dry_run:
        for due in releases:
            if due.status != "expired":
                _record(workspace, due, moment=moment, actor=actor)
            _remove(due.folder)
        for key in keys:
            _retire(workspace, key, moment=moment, actor=actor)
    return Expired(tuple(due.told for due in releases), keys, is_dry_run)


def _due_releases(workspace: Workspace, moment: datetime) -> list[_Due]:
    """Releases past their time, and expired ones whose files an earlier call did not get to remove."""
    query = (
        sa.select(
            RELEASES.c.id,
            RELEASES.c.product,
            RELEASES.c.number,
            RELEASES.c.status,
            RELEASES.c.folder,
            RELEASES.c.created_at,
            RELEASES.c.expires_at,
        )
        .where(RELEASES.c.status.in_(_ENDED))
        .order_by(RELEASES.c.product, RELEASES.c.number)
    )
    with workspace.state.read() as connection:
        rows = connection.execute(query).all()
    days = {product.name: product.retention.release_days for product in workspace.project.products}
    found = []
    for row in rows:
        ends = row.expires_at
        if ends is None and days.get(row.product):
            ends = row.created_at + timedelta(days=days[row.product])
        folder = _folder(workspace, row.folder)
        is_over = ends is not None and ends <= moment
        if (row.status == "released" and is_over) or ((row.status == "expired" or is_over) and folder.is_dir()):
            files, size = _measure(folder)
            told = ExpiredRelease(row.product, row.number, ends or moment, files, size)
            found.append(_Due(row.id, row.status, folder, told))
    return found


def _folder(workspace: Workspace, folder: str) -> Path:
    """The release's folder, which must lie below the project."""
    root = workspace.project.root.resolve()
    path = (root / folder).resolve()
    if not folder or path == root or not path.is_relative_to(root):
        raise StateError(
            "product.release_folder",
            f"the folder {folder!r} of a release does not lie below the project",
            hint="the state database was changed by hand; check it with `afluente product audit`",
        )
    return path


def _measure(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return len(sizes), sum(sizes)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _record(workspace: Workspace, due: _Due, *, moment: datetime, actor: str) -> None:
    subject = f"product/{due.told.product}#{due.told.number}"
    payload: dict[str, Json] = {"files": due.told.files, "size_bytes": due.told.size_bytes}
    is_told = due.status == "released"
    action = "release.expired" if is_told else "release.files_removed"
    with workspace.state.write() as connection:
        if is_told:
            connection.execute(sa.update(RELEASES).where(RELEASES.c.id == due.id).values(status="expired"))
            connection.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.release_id == due.id, DELIVERIES.c.status == "waiting")
                .values(status="cancelled")
            )
            key = f"release.expired:{due.id}"
            events.append(connection, at=moment, kind=action, subject=subject, payload=payload, key=key)
        audit_chain.record(connection, at=moment, actor=actor, action=action, subject=subject, payload=payload)


def _due_keys(workspace: Workspace, moment: datetime) -> tuple[RetiredKey, ...]:
    query = (
        sa.select(PSEUDONYM_KEYS)
        .where(PSEUDONYM_KEYS.c.retired_at.is_(None))
        .order_by(PSEUDONYM_KEYS.c.partner, PSEUDONYM_KEYS.c.key_id)
    )
    with workspace.state.read() as connection:
        rows = connection.execute(query).all()
    days: dict[str, int] = {}
    for product in workspace.project.products:
        if product.retention.key_days:
            least = days.get(product.partner, product.retention.key_days)
            days[product.partner] = min(least, product.retention.key_days)
    found = []
    for row in rows:
        ends = row.expires_at
        if ends is None and row.partner in days:
            ends = row.first_used_at + timedelta(days=days[row.partner])
        if ends is not None and ends <= moment:
            found.append(RetiredKey(row.partner, row.key_id))
    return tuple(found)


def _retire(workspace: Workspace, key: RetiredKey, *, moment: datetime, actor: str) -> None:
    with workspace.state.write() as connection:
        connection.execute(
            sa.update(PSEUDONYM_KEYS)
            .where(PSEUDONYM_KEYS.c.partner == key.partner, PSEUDONYM_KEYS.c.key_id == key.key_id)
            .values(retired_at=moment)
        )
        audit_chain.record(
            connection,
            at=moment,
            actor=actor,
            action="pseudonym_key.retired",
            subject=f"partner/{key.partner}",
            payload={"key_id": key.key_id},
        )
