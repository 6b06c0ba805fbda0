"""PEC databases to play with: PEC's names, seeded people, and the roles that a real one has.

The statements are our own; no dump of PEC stands behind them. Invariant: the same numbers give the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from afluente_agent.pec import PecAddress

if TYPE_CHECKING:
    import asyncpg

HERE = Path(__file__).parent
READER = "esus_leitura"
PASSWORD = "leitura"  # noqa: S105 - of databases that hold seeded people only
ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'esus_leitura') THEN
    CREATE ROLE esus_leitura LOGIN PASSWORD 'leitura';
  END IF;
END $$;
"""


@dataclass(frozen=True, slots=True)
class PecSize:
    people: int = 400
    visits: int = 3
    units: int = 4
    seed: int = 7
    until: str = "2026-09-30"
    version: str = "5.3.21"
    kind: str = "PRONTUARIO"


def address_of(uri: str, *, database: str = "") -> PecAddress:
    """The address of a database of a server given by its URI, on a socket or on a port."""
    parts = urlsplit(uri)
    socket_folder = parse_qs(parts.query).get("host", [""])[0]
    return PecAddress(
        host=unquote(socket_folder) or parts.hostname or "127.0.0.1",
        port=parts.port or 5432,
        database=database or parts.path.lstrip("/"),
        role=READER,
        password=PASSWORD,
    )


async def build_pec(owner: asyncpg.Connection, size: PecSize | None = None) -> None:
    """Make the tables, the people and the reading role in the database of a connection of its owner."""
    size = size or PecSize()
    await owner.execute((HERE / "pec_schema.sql").read_text(encoding="utf-8"))
    people = (HERE / "pec_people.sql").read_text(encoding="utf-8")
    for name in ("people", "visits", "units", "seed", "until"):
        people = people.replace(f":{name}", str(getattr(size, name)))
    await owner.execute(people)
    await owner.executemany(
        "INSERT INTO tb_config_sistema VALUES ($1, $2, $3)",
        [
            ("VERSAOBANCODADOS", size.version, None),
            ("TIPOINSTALACAO", size.kind, None),
            ("LINKINSTALACAO", "http://127.0.0.1:8080", None),
            ("TREINAMENTO", None, 0),
        ],
    )
    await grant_reading(owner)


async def grant_reading(owner: asyncpg.Connection) -> None:
    await owner.execute(ROLES)
    await owner.execute("GRANT USAGE ON SCHEMA public TO esus_leitura")
    await owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO esus_leitura")


async def change_people(owner: asyncpg.Connection, *, changed: int, gone: int) -> None:
    """A day's work: telephones change, and some people are struck out."""
    await owner.execute(
        "UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = '82900000000' WHERE co_seq_fat_cidadao_pec <= $1", changed
    )
    await owner.execute(
        "UPDATE tb_fat_cidadao_pec SET st_deletar = 1 WHERE co_seq_fat_cidadao_pec > $1 AND co_seq_fat_cidadao_pec <= $2",
        changed,
        changed + gone,
    )
