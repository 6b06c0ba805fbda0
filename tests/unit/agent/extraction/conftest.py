"""A PostgreSQL server with PEC databases, and the queries and sinks of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from afluente_agent.pec import PecAddress
from tests.fleet_world.pec import PecSize, address_of, build_pec
from tests.postgres_server import postgres_server


@pytest.fixture(scope="session")
def pec_server() -> Iterator[str]:
    """The URI of a server for PEC databases, as its owner."""
    with postgres_server() as server:
        yield str(server.get_uri())


@pytest.fixture(scope="session")
def pec_template(pec_server: str) -> str:
    """The name of a PEC database with people, to be copied."""
    asyncio.run(_create(pec_server, "pec_template", "template1"))

    async def build() -> None:
        owner = await _connect(pec_server, "pec_template")
        await build_pec(owner, PecSize())
        await owner.close()

    asyncio.run(build())
    return "pec_template"


@pytest.fixture
def pec(pec_server: str, pec_template: str) -> PecAddress:
    """A PEC database of this test alone, as the reading role."""
    name = f"pec_{uuid4().hex}"
    asyncio.run(_create(pec_server, name, pec_template))
    return address_of(pec_server, database=name)


@pytest.fixture
def as_owner(pec_server: str, pec: PecAddress) -> Callable[[str], None]:
    """Runs statements as the owner of the database."""

    def run(statements: str) -> None:
        async def inner() -> None:
            owner = await _connect(pec_server, pec.database)
            try:
                await owner.execute(statements)
            finally:
                await owner.close()

        asyncio.run(inner())

    return run


async def _run(uri: str, statement: str) -> None:
    owner = await _connect(uri, "postgres")
    await owner.execute(statement)
    await owner.close()


async def _create(uri: str, name: str, template: str) -> None:
    await _run(uri, f"CREATE DATABASE {name} TEMPLATE {template}")


async def _connect(uri: str, database: str):  # noqa: ANN202
    import asyncpg

    return await asyncpg.connect(uri, database=database)
