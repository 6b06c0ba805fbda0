"""The tables of the state database, as SQLAlchemy describes them.

Invariant: this description and the migrations make the same database; times are aware and UTC; a value that a
contract restricts is never stored here.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

REVISION = "0006"
"""The newest migration. A database at this revision is opened without importing Alembic."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC by both databases. A naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JSON_TYPE = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
SERIAL_TYPE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("pipeline", sa.Text(), nullable=False),
    sa.Column("trigger", sa.Text(), nullable=False),
    sa.Column("schedule", sa.Text(), nullable=True),
    sa.Column("resumed_from", sa.Text(), nullable=True),
    sa.Column("status", sa.Text(), nullable=False),
    _moment("started_at"),
    _moment("ended_at", nullable=True),
    sa.Column("engine", sa.Text(), nullable=False),
    sa.Column("engine_version", sa.Text(), nullable=False),
    sa.Column("asked_tables", JSON_TYPE, nullable=False),
    sa.Column("plan", sa.Text(), nullable=False),
    sa.Column("error_code", sa.Text(), nullable=True),
    sa.Column("error_message", sa.Text(), nullable=True),
    sa.Column("error_hint", sa.Text(), nullable=True),
    sa.Column("executor_id", sa.Text(), nullable=False),
    sa.Column("pid", sa.BigInteger(), nullable=False),
    sa.Column("host", sa.Text(), nullable=False),
    _moment("heartbeat_at"),
    sa.Column("takeovers", sa.Integer(), nullable=False),
    sa.Column("takeovers_without_progress", sa.Integer(), nullable=False),
    sa.Index(None, "pipeline", "started_at"),
    sa.Index(None, "status"),
)

STEPS = sa.Table(
    "steps",
    METADATA,
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("position", sa.Integer(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("attempt", sa.Integer(), nullable=False),
    _moment("started_at", nullable=True),
    _moment("ended_at", nullable=True),
    _count("rows_in"),
    _count("rows_out"),
    _count("rows_rejected"),
    _count("rows_repaired"),
    _count("bytes"),
    sa.Column("cpu_seconds", sa.Double(), nullable=True),
    _count("peak_memory_bytes"),
    _count("table_version"),
    sa.Column("error_code", sa.Text(), nullable=True),
    sa.Column("error_message", sa.Text(), nullable=True),
    sa.Column("error_hint", sa.Text(), nullable=True),
    sa.Column("prepared", sa.Text(), nullable=True),
    sa.Column("outcome", sa.Text(), nullable=True),
)

ATTEMPTS = sa.Table(
    "attempts",
    METADATA,
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("step", sa.Text(), primary_key=True),
    sa.Column("attempt", sa.Integer(), primary_key=True),
    sa.Column("executor_id", sa.Text(), primary_key=True),
    _moment("started_at"),
    _moment("ended_at", nullable=True),
    sa.Column("error_code", sa.Text(), nullable=True),
)

QUALITY_OUTCOMES = sa.Table(
    "quality_outcomes",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("step", sa.Text(), nullable=False),
    sa.Column("table_name", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("column_name", sa.Text(), nullable=True),
    sa.Column("severity", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("measured", JSON_TYPE, nullable=False),
    sa.Column("threshold", sa.Text(), nullable=False),
    sa.Column("message", sa.Text(), nullable=False),
    _moment("at"),
    sa.Index(None, "run_id", "step"),
    sa.Index(None, "table_name", "rule"),
)

REPAIRS = sa.Table(
    "repairs",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("step", sa.Text(), nullable=False),
    sa.Column("table_name", sa.Text(), nullable=False),
    sa.Column("column_name", sa.Text(), nullable=False),
    sa.Column("rule", sa.Text(), nullable=False),
    sa.Column("rows", sa.BigInteger(), nullable=False),
    sa.Column("samples", JSON_TYPE, nullable=False),
    sa.Index(None, "run_id", "step"),
)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("id", SERIAL_TYPE, primary_key=True, autoincrement=True),
    _moment("at"),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("run_id", sa.Text(), nullable=True),
    sa.Column("payload", JSON_TYPE, nullable=False),
    sa.Column("key", sa.Text(), nullable=True),
    sa.UniqueConstraint("key"),
    sa.Index(None, "run_id"),
    sa.Index(None, "kind", "id"),
    sqlite_autoincrement=True,
)

SOURCE_POSITIONS = sa.Table(
    "source_positions",
    METADATA,
    sa.Column("source", sa.Text(), primary_key=True),
    sa.Column("position", JSON_TYPE, nullable=False),
    sa.Column("run_id", sa.Text(), nullable=True),
    _moment("updated_at"),
)

SOURCE_FILES = sa.Table(
    "source_files",
    METADATA,
    sa.Column("source", sa.Text(), primary_key=True),
    sa.Column("path", sa.Text(), primary_key=True),
    sa.Column("sha256", sa.Text(), nullable=False),
    sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    sa.Column("landed_path", sa.Text(), nullable=False),
    sa.Column("run_id", sa.Text(), nullable=True),
    _moment("updated_at"),
    sa.Index(None, "source", "sha256"),
)

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("payload", JSON_TYPE, nullable=False),
    _moment("created_at"),
    _moment("due_at"),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("error_code", sa.Text(), nullable=True),
    sa.Column("key", sa.Text(), nullable=True),
    sa.UniqueConstraint("key"),
    sa.Index(None, "status", "due_at"),
)

RUN_LOCKS = sa.Table(
    "run_locks",
    METADATA,
    sa.Column("pipeline", sa.Text(), primary_key=True),
    sa.Column("executor_id", sa.Text(), nullable=False),
    sa.Column("run_id", sa.Text(), nullable=True),
    sa.Column("pid", sa.BigInteger(), nullable=False),
    sa.Column("pid_started", sa.Text(), nullable=False),
    sa.Column("host", sa.Text(), nullable=False),
    _moment("acquired_at"),
    _moment("heartbeat_at"),
)

SCHEDULE_TICKS = sa.Table(
    "schedule_ticks",
    METADATA,
    sa.Column("pipeline", sa.Text(), primary_key=True),
    sa.Column("schedule", sa.Text(), primary_key=True),
    sa.Column("cron", sa.Text(), nullable=False),
    _moment("last_tick_at"),
)
