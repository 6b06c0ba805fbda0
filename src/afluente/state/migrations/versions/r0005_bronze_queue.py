"""What the fleet's hub keeps in bronze in batches: the transmissions that wait, and who writes which table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bronze_queue",
        sa.Column("transmission", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["transmission"], ["transmissions.id"], name=op.f("fk_bronze_queue_transmission")),
        sa.PrimaryKeyConstraint("transmission", name=op.f("pk_bronze_queue")),
    )
    op.create_index(
        op.f("ix_bronze_queue_list_name_started_at"), "bronze_queue", ["list_name", "started_at"], unique=False
    )
    op.create_table(
        "bronze_turns",
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("compacted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("list_name", name=op.f("pk_bronze_turns")),
    )
