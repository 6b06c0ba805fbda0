"""A site's configuration is made of what was published and what is known of it; settings beside it had no reader."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_column("sites", "settings")
