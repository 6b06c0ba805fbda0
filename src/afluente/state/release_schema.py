"""The tables of releases, their deliveries, the ledger's positions, partners and the audit log.

Invariant: nothing here holds a row of a release or a secret; a release's number is taken once for each product.
"""

from __future__ import annotations

import sqlalchemy as sa

from afluente.state.schema import JSON_TYPE, METADATA, SERIAL_TYPE, UtcDateTime

RELEASES = sa.Table(
    "releases",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("product", sa.Text(), nullable=False),
    sa.Column("partner", sa.Text(), nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("released_at", UtcDateTime(), nullable=True),
    sa.Column("expires_at", UtcDateTime(), nullable=True),
    sa.Column("product_version", sa.Text(), nullable=False),
    sa.Column("product_sha256", sa.Text(), nullable=False),
    sa.Column("contract_versions", JSON_TYPE, nullable=False),
    sa.Column("inputs", JSON_TYPE, nullable=False),
    sa.Column("period", JSON_TYPE, nullable=False),
    sa.Column("replaces", sa.Integer(), nullable=True),
    sa.Column("folder", sa.Text(), nullable=False),
    sa.Column("manifest_sha256", sa.Text(), nullable=True),
    sa.Column("ledger_position", sa.BigInteger(), nullable=True),
    sa.Column("audit_head", sa.Text(), nullable=True),
    sa.Column("utility", JSON_TYPE, nullable=False),
    sa.Column("reasons", JSON_TYPE, nullable=False),
    sa.Column("approved_by", sa.Text(), nullable=True),
    sa.Column("approved_reason", sa.Text(), nullable=True),
    sa.Column("approved_at", UtcDateTime(), nullable=True),
    sa.Column("identity", sa.Text(), nullable=True),
    sa.UniqueConstraint("product", "number"),
    sa.Index(None, "partner", "status"),
)
"""`status`: held, released, refused, withdrawn, expired. `identity` is a digest of everything the content depends on:
a release with the identity of another would be the same one again. `period` gives the first and last day told by each
output of cells, and an empty list for one of rows."""

LEDGER = sa.Table(
    "ledger",
    METADATA,
    sa.Column("position", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("partner", sa.Text(), nullable=False),
    sa.Column("product", sa.Text(), nullable=False),
    sa.Column("release_id", sa.Text(), sa.ForeignKey("releases.id"), nullable=False),
    sa.Column("output", sa.Text(), nullable=False),
    sa.Column("path", sa.Text(), nullable=False),
    sa.Column("sha256", sa.Text(), nullable=False),
    sa.Column("cells", sa.BigInteger(), nullable=False),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.UniqueConstraint("release_id", "output"),
    sa.Index(None, "partner", "position"),
    sqlite_autoincrement=True,
)
"""What each partner received, in order: where the equations of each output of each release are kept."""

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("release_id", sa.Text(), sa.ForeignKey("releases.id"), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("connector", sa.Text(), nullable=False),
    sa.Column("partner", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Column("due_at", UtcDateTime(), nullable=False),
    sa.Column("delivered_at", UtcDateTime(), nullable=True),
    sa.Column("error_code", sa.Text(), nullable=True),
    sa.Column("error_message", sa.Text(), nullable=True),
    sa.Column("receipt", JSON_TYPE, nullable=False),
    sa.UniqueConstraint("release_id", "name"),
    sa.Index(None, "status", "due_at"),
)
"""`status`: waiting, sending (until `due_at`), delivered, dead, cancelled."""

PARTNERS = sa.Table(
    "partners",
    METADATA,
    sa.Column("partner", sa.Text(), primary_key=True),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("since", UtcDateTime(), nullable=False),
    sa.Column("by_whom", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
)
"""`status`: active, paused, revoked. A partner without a row is active."""

PSEUDONYM_KEYS = sa.Table(
    "pseudonym_keys",
    METADATA,
    sa.Column("partner", sa.Text(), primary_key=True),
    sa.Column("key_id", sa.Text(), primary_key=True),
    sa.Column("first_used_at", UtcDateTime(), nullable=False),
    sa.Column("expires_at", UtcDateTime(), nullable=True),
    sa.Column("retired_at", UtcDateTime(), nullable=True),
)
"""`key_id` is a fingerprint; the key itself is a secret reference of the product."""

AUDIT_LOG = sa.Table(
    "audit_log",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("actor", sa.Text(), nullable=False),
    sa.Column("action", sa.Text(), nullable=False),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("payload", JSON_TYPE, nullable=False),
    sa.Column("previous_hash", sa.Text(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.UniqueConstraint("hash"),
    sa.UniqueConstraint("previous_hash"),
    sqlite_autoincrement=True,
)
