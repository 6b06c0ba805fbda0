"""The sites' PEC databases: people come, change and go between the faults, and plain SQL says what the centre should hold."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import asyncpg
import psycopg
from tests.fleet_world.pec import PecSize, build_pec
from tests.fleet_world.storm_postgres import Postgres

from afluente.demo.transmissor.pec import PASSWORD, READER

TEMPLATE = "pec_model"
PEOPLE = 900
LISTS = {
    "pessoas": (
        "SELECT co_seq_fat_cidadao_pec AS co, no_cidadao AS nome, no_social_cidadao AS social, "
        "nu_telefone_celular AS telefone, co_dim_tempo_nascimento AS nascimento "
        "FROM tb_fat_cidadao_pec WHERE coalesce(st_deletar, 0) = 0",
        (
            ("co", "integer", "key"),
            ("nome", "text", "name"),
            ("social", "text", "name"),
            ("telefone", "text", "contact"),
            ("nascimento", "integer", "birth"),
        ),
    ),
    "visitas": (
        "SELECT nu_uuid_ficha AS ficha, co_fat_cidadao_pec AS cidadao, co_dim_tempo AS dia, "
        "nu_micro_area AS micro_area FROM tb_fat_visita_domiciliar",
        (
            ("ficha", "text", "none"),
            ("cidadao", "integer", "key"),
            ("dia", "integer", "none"),
            ("micro_area", "text", "none"),
        ),
    ),
}
TRUTH = {
    "pessoas": (
        "SELECT p.co_seq_fat_cidadao_pec::text, p.no_cidadao, p.no_social_cidadao, p.nu_telefone_celular, "
        "p.co_dim_tempo_nascimento::text FROM tb_fat_cidadao_pec p WHERE p.st_deletar IS NULL OR p.st_deletar = 0"
    ),
    "visitas": "SELECT v.nu_uuid_ficha, v.co_fat_cidadao_pec::text, v.co_dim_tempo::text, v.nu_micro_area "
    "FROM tb_fat_visita_domiciliar v",
}
Rows = list[tuple[str | None, ...]]


def catalogue() -> dict[str, object]:
    """The lists, as the hub signs them."""
    return {
        "lists": [
            {
                "name": name,
                "sql": [sql],
                "columns": [{"name": one, "type": kind, "identity": identity} for one, kind, identity in columns],
                "key": [columns[0][0]],
                "purpose": "teste",
                "most_rows": 100_000,
                "most_seconds": 60,
                "most_bytes": 10**8,
            }
            for name, (sql, columns) in LISTS.items()
        ]
    }


class Pec:
    """A server with a database for each site."""

    def __init__(self, server: Postgres, sites: list[str], folder: Path) -> None:
        self.server = server
        self.credentials = folder / "credenciais.txt"
        self.credentials.write_text(f"usuario={READER}\nsenha={PASSWORD}\n")
        self._added = 0
        asyncio.run(self._build(sites))

    def work(self, site: str, chance: random.Random) -> None:
        """Some hours at a site: telephones and names change, people and visits come and go; now and then a great many."""
        share = chance.choice([0, 0.01, 0.05, 0.4])
        self._added += 1
        number = 10_000_000 + self._added * 1000
        with psycopg.connect(self.server.uri(site)) as connection:
            connection.execute(f"SELECT setseed({chance.uniform(-1, 1)})")
            for statement in (
                "UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = %(phone)s || co_seq_fat_cidadao_pec %% 97 "
                "WHERE random() < %(share)s",
                "UPDATE tb_fat_cidadao_pec SET st_deletar = 1 - coalesce(st_deletar, 0) WHERE random() < %(share)s / 4",
                "DELETE FROM tb_fat_cidadao_pec WHERE random() < 0.004",
                "INSERT INTO tb_fat_cidadao_pec (co_seq_fat_cidadao_pec, no_cidadao, no_social_cidadao, st_deletar) "
                "SELECT %(number)s + i, 'NOVA ' || i, E'COM\\tBARRA\\\\\\nE LINHA', 0 FROM generate_series(1, 5) i",
                "DELETE FROM tb_fat_visita_domiciliar WHERE random() < %(share)s / 8",
                "UPDATE tb_fat_visita_domiciliar SET nu_micro_area = %(area)s WHERE random() < %(share)s / 2",
                "INSERT INTO tb_fat_visita_domiciliar (co_seq_fat_visita_domiciliar, nu_uuid_ficha, co_fat_cidadao_pec, "
                "co_dim_tempo) SELECT %(number)s + i, 'nova-' || %(number)s + i, i, 20260930 FROM generate_series(1, 7) i",
            ):
                connection.execute(
                    statement,  # type: ignore[arg-type]
                    {
                        "phone": str(chance.randint(10**7, 10**8)),
                        "share": share,
                        "number": number,
                        "area": f"{chance.randint(0, 99):02}",
                    },
                )

    def truth(self, site: str, name: str) -> Rows:
        """What the centre should hold of a site's list, by SQL that no agent uses."""
        with psycopg.connect(self.server.uri(site)) as connection:
            return [tuple(row) for row in connection.execute(TRUTH[name])]  # type: ignore[arg-type]

    async def _build(self, sites: list[str]) -> None:
        owner = await asyncpg.connect(self.server.uri())
        await owner.execute(f"CREATE DATABASE {TEMPLATE}")
        model = await asyncpg.connect(self.server.uri(TEMPLATE))
        await build_pec(model, PecSize(people=PEOPLE, visits=1))
        await model.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        await model.close()
        for site in sites:
            await owner.execute(f"CREATE DATABASE {site} TEMPLATE {TEMPLATE}")
        await owner.close()
