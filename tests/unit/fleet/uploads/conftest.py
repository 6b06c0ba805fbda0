"""The receiving side of a hub, on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from afluente_agent.protocol.messages import TransmissionStart
from tests.fleet_world.spool_world import packed_list
from tests.fleet_world.upload_world import SITE_A, START, landed_bytes, new_uploads, random_id, register_sites

from afluente.core.clock import SetClock
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.state.database import Database, open_state
from afluente.state.fleet_schema import FACTS, TRANSMISSIONS
from afluente.state.schema import METADATA

ROWS = 300
PACKED = packed_list(ROWS)
CHUNK = 5000


@dataclass
class Receiving:
    """`uploads` is one hub process; `another` opens a second one over the same state and folder."""

    database: Database
    folder: Path
    clock: SetClock = field(default_factory=lambda: SetClock(START))

    def __post_init__(self) -> None:
        register_sites(self.database)
        self.uploads = self.another()

    def another(self, **limits: object) -> Uploads:
        return new_uploads(self.database, self.folder, self.clock, UploadLimits(**limits))  # type: ignore[arg-type]

    def send(self, start: TransmissionStart, content: bytes, *, by: AgentIdentity = SITE_A, offset: int = 0) -> int:
        while offset < len(content):
            chunk = content[offset : offset + CHUNK]
            offset = self.uploads.append(by, start.id, offset, chunk, hashlib.sha256(chunk).hexdigest())
        return offset

    def row(self, transmission: str) -> sa.Row:
        with self.database.read() as connection:
            return connection.execute(sa.select(TRANSMISSIONS).where(TRANSMISSIONS.c.id == transmission)).one()

    def facts(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(FACTS.c.code).order_by(FACTS.c.id)).scalars())

    def landed(self) -> dict[str, bytes]:
        return dict(landed_bytes(self.database, self.folder))

    def files(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def emptied_postgres(new_postgres: Callable[..., str], migrated_postgres: str) -> Iterator[Database]:
    """One database for all tests: to copy one for each costs more than the tests."""
    with open_state(new_postgres(copy_of=migrated_postgres), Path()) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open state database with the newest schema and no rows."""
    if request.param == "sqlite":
        with open_state("sqlite:///.afluente/state.db", tmp_path) as opened:
            yield opened
        return
    opened = request.getfixturevalue("emptied_postgres")
    with opened.write() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
    yield opened


@pytest.fixture
def receiving(database: Database, tmp_path: Path) -> Receiving:
    return Receiving(database, tmp_path / "landing")


def announced(content: bytes = PACKED, rows: int = ROWS, **changed: object) -> TransmissionStart:
    start = TransmissionStart(
        id=random_id(),
        list_name="hipertensos",
        kind="full",
        base="",
        rows=rows,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        catalogue_version=1,
        schema="ab12",
        columns=("valor",),
        extracted_at=1_790_000_000,
        freshness={"2077485": "20260831"},
    )
    return replace(start, **changed)  # type: ignore[arg-type]
