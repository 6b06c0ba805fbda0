"""The guard on the newest PostgreSQL of the wheel: the same attacks, the same refusals."""

from __future__ import annotations

import asyncio

from afluente_agent.errors import AgentError
from tests.fleet_world.pec import PecSize, address_of, build_pec
from tests.postgres_server import postgres_server
from tests.unit.agent.extraction.lists import a_list
from tests.unit.agent.extraction.test_query_guard import ATTACKS, ONE, TRAPS, judge

NEWEST = 18


def test_every_attack_is_refused_by_the_newest_server_too() -> None:
    import asyncpg

    with postgres_server(version=NEWEST) as server:
        uri = str(server.get_uri())

        async def build() -> int:
            owner = await asyncpg.connect(uri)
            await build_pec(owner, PecSize(people=20))
            await owner.execute(TRAPS)
            number = int(await owner.fetchval("SHOW server_version_num"))
            await owner.close()
            return number

        assert asyncio.run(build()) // 10_000 == NEWEST
        address = address_of(uri)
        taken = []
        for name, attack in ATTACKS.items():
            text = attack.replace("{file}", "/tmp/afluente-guard-newest").replace("{{", "{")
            try:
                judge(address, a_list(text, ONE, key=("a",)))
            except AgentError:
                continue
            taken.append(name)
        assert taken == []
        assert "SELECT 1 AS a" in judge(address, a_list("SELECT 1 AS a", ONE, key=("a",)))

        async def caught() -> int:
            owner = await asyncpg.connect(uri)
            count = await owner.fetchval("SELECT count(*) FROM armadilha")
            await owner.close()
            return int(count)

        assert asyncio.run(caught()) == 0
