"""The municipalities' PEC databases: one is made with its people, the others are copies with a credentials file each.

Invariant: nobody in them is real; the agents read as the role that a real PEC has for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from afluente.demo.transmissor.pec import PASSWORD, READER, PecSize, build_pec, change_people
from afluente.demo.transmissor.postgres import PortedServer, execute, wait_for
from afluente_agent.pec import PecAddress

TEMPLATE = "pec_modelo"
PEOPLE = 200


@dataclass(frozen=True, slots=True)
class MunicipalServers:
    """The PostgreSQL server that holds every PEC database, and the folder of their installations."""

    server: PortedServer
    folder: Path

    @property
    def uri(self) -> str:
        return self.server.owner

    def build(self, sites: list[str], *, today: date) -> None:
        """A database for each site, whose units all sent up to the day before."""
        execute(self.uri, f"CREATE DATABASE {TEMPLATE}")
        size = PecSize(people=PEOPLE, until=(today - timedelta(days=1)).isoformat())
        wait_for(_build(self.uri, size))
        execute(self.uri, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=TEMPLATE)
        execute(self.uri, *(f"CREATE DATABASE {self.database(site)} TEMPLATE {TEMPLATE}" for site in sites))
        for site in sites:
            self.keep_credentials(site, PASSWORD)

    def address(self, site: str) -> PecAddress:
        return PecAddress("127.0.0.1", PASSWORD, self.server.port, self.database(site))

    def credentials(self, site: str) -> Path:
        return self.folder / site / "webserver" / "config" / "credenciais.txt"

    def keep_credentials(self, site: str, password: str) -> None:
        """Write the credentials file, of an installation whose folder the doctor can look into."""
        path = self.credentials(site)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"usuario={READER}\nsenha={password}\n", encoding="utf-8")

    def work_a_day(self, sites: list[str], *, changed: int, gone: int) -> None:
        """Telephones change and some people are struck out."""
        for site in sites:
            wait_for(_work(self.uri, self.database(site), changed, gone))

    @staticmethod
    def database(site: str) -> str:
        return f"pec_{site}"


async def _build(uri: str, size: PecSize) -> None:
    import asyncpg

    owner = await asyncpg.connect(uri, database=TEMPLATE)
    try:
        await build_pec(owner, size)
    finally:
        await owner.close()


async def _work(uri: str, database: str, changed: int, gone: int) -> None:
    import asyncpg

    owner = await asyncpg.connect(uri, database=database)
    try:
        await change_people(owner, changed=changed, gone=gone)
    finally:
        await owner.close()
