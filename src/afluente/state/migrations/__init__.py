"""Alembic's migrations of the state database, packed in the wheel."""
