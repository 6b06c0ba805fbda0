"""A release written down in the state: its row, what it tells, whom it is for, the audit entry and the events.

Invariant: all of it is one transaction, and it commits only if the ledger is what the release was audited against and
nobody took its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from afluente.core.ids import new_id
from afluente.products.privacy.pseudonym import key_of, record_key
from afluente.products.release.draft import Draft
from afluente.products.release.folder import release_folder
from afluente.products.release.told_before import partners_together, positions_of
from afluente.products.release.utility_record import utility_as_json
from afluente.state import audit_chain, deliveries, events, releases
from afluente.state.deliveries import DeliveryRow
from afluente.state.releases import LedgerRow, Release

if TYPE_CHECKING:
    import sqlalchemy as sa

    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.json_value import Json


class Overtaken(Exception):
    """Something was told since the draft was audited, or its number was taken; it never leaves this room."""


def new_release(
    product: Product, draft: Draft, *, number: int, audit_head: str, replaces: int | None, at: datetime, id_: str
) -> Release:
    """The row of a draft, before its files are written."""
    is_released = draft.verdict == "released"
    tables = sorted({one.output.facts for one in draft.outputs})
    days = product.retention.release_days
    return Release(
        id=id_,
        product=product.name,
        partner=product.partner,
        number=number,
        status=draft.verdict,
        created_at=at,
        released_at=at if is_released else None,
        expires_at=at + timedelta(days=days) if days else None,
        product_version=product.version,
        product_sha256=product.text_sha256,
        contract_versions={one.output.name: one.selected.contract.version for one in draft.outputs},
        inputs={str(table): draft.selection.inputs.versions[table] for table in tables},
        period=draft.selection.period,
        replaces=replaces,
        folder=release_folder(product.name, number),
        ledger_position=draft.before.position,
        audit_head=audit_head,
        utility={one.output.name: utility_as_json(one.utility) for one in draft.outputs},
        reasons=[reason.as_row() for reason in draft.reasons],
        identity=draft.selection.identity,
    )


def record_release(
    workspace: Workspace,
    product: Product,
    draft: Draft,
    release: Release,
    *,
    actor: str,
    ledger: Sequence[LedgerRow] = (),
) -> None:
    """Commit everything about a release at once. Overtaken when it must be judged again."""
    at = release.created_at
    partners = partners_together(product.partner, workspace.project.products)
    payload = _payload(release)
    key = key_of(workspace, product) if draft.has_pseudonyms and release.status != "refused" else None
    with workspace.state.write() as connection:
        audit_chain.record(
            connection,
            at=at,
            actor=actor,
            action=f"release.{release.status}",
            subject=release.subject,
            payload={**payload, "legal_basis": product.legal_basis, "purpose": product.purpose},
        )
        if positions_of(connection, product, partners) != draft.before.positions:
            raise Overtaken
        if releases.next_number(connection, product.name) != release.number:
            raise Overtaken
        if release.status != "refused":
            _withdraw_held(connection, product, release, actor=actor)
        if key is not None:
            record_key(connection, key, at=at, key_days=product.retention.key_days)
        releases.insert(connection, release)
        releases.enter_in_ledger(connection, ledger)
        events.append(connection, at=at, kind="release.built", subject=release.subject, payload=payload)
        events.append(
            connection, at=at, kind=f"release.{release.status}", subject=release.subject, payload=_told_event(release)
        )
        if release.status == "released":
            put_deliveries(connection, product, release, at=at)


def put_deliveries(connection: sa.Connection, product: Product, release: Release, *, at: datetime) -> None:
    """One waiting delivery for each of the product's that carries any of this release's outputs."""
    for settings in product.deliveries:
        if settings.outputs and not set(settings.outputs) & set(release.period):
            continue
        deliveries.insert(
            connection,
            DeliveryRow(
                id=new_id(at),
                release_id=release.id,
                name=settings.name,
                connector=settings.connector,
                partner=release.partner,
                created_at=at,
                due_at=at,
            ),
        )


def _withdraw_held(connection: sa.Connection, product: Product, release: Release, *, actor: str) -> None:
    """A held release that was never let through gives way to the new one."""
    for held in releases.of_product(connection, product.name, statuses=("held",)):
        releases.withdraw(connection, held.id)
        payload: dict[str, Json] = {"superseded_by": release.number}
        at = release.created_at
        audit_chain.record(
            connection, at=at, actor=actor, action="release.withdrawn", subject=held.subject, payload=payload
        )
        events.append(connection, at=at, kind="release.withdrawn", subject=held.subject, payload=payload)


def _payload(release: Release) -> dict[str, Json]:
    return {
        "partner": release.partner,
        "product_version": release.product_version,
        "product_sha256": release.product_sha256,
        "contracts": dict(release.contract_versions),
        "inputs": dict(release.inputs),
        "period": {name: list(days) for name, days in release.period.items()},
        "replaces": release.replaces,
        "manifest_sha256": release.manifest_sha256,
        "reasons": [reason["code"] for reason in release.reasons],
    }


def _told_event(release: Release) -> dict[str, Json]:
    return {"partner": release.partner, "reasons": [dict(reason) for reason in release.reasons]}
