"""The tables of what is watched: observations, incidents, alerts, silences, and how far events were read.

Invariant: no value of a restricted column is stored here, only counts, sums that may be told, names and times.
"""

from __future__ import annotations

import sqlalchemy as sa

from afluente.state.schema import JSON_TYPE, METADATA, SERIAL_TYPE, UtcDateTime

OBSERVATIONS = sa.Table(
    "observations",
    METADATA,
    sa.Column("subject", sa.Text(), primary_key=True),
    sa.Column("metric", sa.Text(), primary_key=True),
    sa.Column("at", UtcDateTime(), primary_key=True),
    sa.Column("value", sa.Double(), nullable=False),
    sa.Column("origin", sa.Text(), nullable=False),
)
"""One figure of a subject (`gold.vendas_dia`, `product vendas/vendas_dia`) at the time it is about; the last one
written stands. `origin` is the run or release that told it."""

INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("metric", sa.Text(), nullable=False),
    sa.Column("starts_at", UtcDateTime(), nullable=False),
    sa.Column("ends_at", UtcDateTime(), nullable=False),
    sa.Column("by_whom", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("created_at", UtcDateTime(), nullable=False),
    sa.Index(None, "subject"),
)
"""Spans that somebody acknowledged as out of the ordinary: they stay out of every baseline. An empty metric is all."""

ALERTS = sa.Table(
    "alerts",
    METADATA,
    sa.Column("fingerprint", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("severity", sa.Text(), nullable=False),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("code", sa.Text(), nullable=False),
    sa.Column("title_pt", sa.Text(), nullable=False),
    sa.Column("title_en", sa.Text(), nullable=False),
    sa.Column("detail_pt", sa.Text(), nullable=False),
    sa.Column("detail_en", sa.Text(), nullable=False),
    sa.Column("owner", sa.Text(), nullable=False),
    sa.Column("runbook", sa.Text(), nullable=False),
    sa.Column("group_key", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("times", sa.BigInteger(), nullable=False),
    sa.Column("first_at", UtcDateTime(), nullable=False),
    sa.Column("last_at", UtcDateTime(), nullable=False),
    sa.Column("notified_at", UtcDateTime(), nullable=True),
    sa.Column("resolved_at", UtcDateTime(), nullable=True),
    sa.Column("run_id", sa.Text(), nullable=True),
    sa.Index(None, "status", "group_key"),
)
"""`status`: open, acknowledged, resolved. An alert that comes back after it was resolved is opened again."""

SILENCES = sa.Table(
    "silences",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("matches", JSON_TYPE, nullable=False),
    sa.Column("starts_at", UtcDateTime(), nullable=False),
    sa.Column("ends_at", UtcDateTime(), nullable=False),
    sa.Column("by_whom", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
)

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("channel", sa.Text(), nullable=False),
    sa.Column("group_key", sa.Text(), nullable=False),
    sa.Column("fingerprints", JSON_TYPE, nullable=False),
    sa.Column("outbox_id", sa.Text(), nullable=False),
    sa.Index(None, "channel", "at"),
)
"""What was put in the outbox for each channel: the budget of alerts a week is counted from it."""

CURSORS = sa.Table(
    "cursors",
    METADATA,
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("position", sa.BigInteger(), nullable=False),
)
"""The id of the last event each reader of events has dealt with."""
