"""Bringing a state database to this program's schema with Alembic.

Invariant: two processes never migrate at once, and a migration that fails leaves nothing behind.
"""

from __future__ import annotations

from importlib.resources import as_file, files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from afluente.core.errors import StateError
from afluente.state.database import Database, schema_revision
from afluente.state.schema import REVISION

MIGRATION_LOCK = 0x4146_4C55


def migrate(database: Database) -> None:
    """Run every migration the database lacks, in one transaction."""
    with as_file(files("afluente.state") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        _refuse_newer(database, config)
        with database.write() as connection:
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, REVISION)


def _refuse_newer(database: Database, config: Config) -> None:
    found = schema_revision(database)
    if found is None:
        return
    try:
        ScriptDirectory.from_config(config).get_revision(found)
    except CommandError as error:
        raise StateError(
            "state.newer_schema",
            f"the state database {database.place} is at schema {found}, and this program knows only up to {REVISION}",
            hint="a newer afluente wrote it: upgrade this one (`pip install --upgrade afluente`)",
        ) from error
