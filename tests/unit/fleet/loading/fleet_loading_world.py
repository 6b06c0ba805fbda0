"""Lists made by hand, landed and announced as a hub has them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from afluente.core.clock import SetClock
from afluente.fleet.bronze_keeper import BronzeKeeper, KeeperSettings
from afluente.fleet.central import Central
from afluente.fleet.landed import OpenLanded
from afluente.fleet.loading import Loader, LoaderSettings
from afluente.fleet.refusal import FleetError
from afluente.fleet.sites import NewSite, register
from afluente.lake.lake import Lake
from afluente.state.database import Database
from afluente.state.fleet_schema import BRONZE_QUEUE, FACTS, TRANSMISSIONS
from afluente_agent.list_format import Form, Packer, deletion, key_digest

START = datetime(2026, 9, 1, 11, tzinfo=UTC)
COLUMNS = ("cns", "nome", "peso")
FORM = Form(False, (0,))
Row = Sequence[str | None]


def field_text(value: str | None) -> bytes:
    if value is None:
        return b"\\N"
    for found, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(found, written)
    return value.encode()


def insert_line(row: Row) -> bytes:
    """The first column is the key."""
    return FORM.text_of([b"\t".join([field_text(value) for value in row])])


def delete_line(key: str) -> bytes:
    return deletion(key_digest(field_text(key)))


def packed(lines: Sequence[bytes]) -> bytes:
    packer = Packer(FORM)
    return b"".join([packer.pack(line) for line in lines] + [packer.finish()])


def plain_files(folder: Path) -> OpenLanded:
    """Opens landed files that stand below a folder as they are, without the hub's encryption."""

    def open_landed(path: str) -> AbstractContextManager[BinaryIO]:
        try:
            return (folder / path).open("rb")
        except FileNotFoundError:
            raise FleetError("landing.missing", "the landed file is not there") from None

    return open_landed


@dataclass
class World:
    """A state, a central database and a landing folder."""

    database: Database
    dsn: str
    folder: Path
    clock: SetClock = field(default_factory=lambda: SetClock(START))

    def __post_init__(self) -> None:
        self.landing = self.folder / "landing"
        self.landing.mkdir(exist_ok=True)

    def add_sites(self, *sites: str) -> None:
        with self.database.write() as connection:
            register(connection, [NewSite(s, s, "SP", s) for s in sites], by="test", at=self.clock.now())

    def land(
        self,
        site: str,
        lines: Sequence[bytes],
        *,
        kind: str = "full",
        base: str = "",
        list_name: str = "hipertensos",
        columns: Sequence[str] = COLUMNS,
        schema: str = "s1",
        content: bytes | None = None,
        state: str = "landed",
        **changed: object,
    ) -> str:
        """Announce and land a transmission; a second passes. Its id."""
        content = packed(lines) if content is None else content
        self.clock.advance(seconds=1)
        now = self.clock.now()
        name = str(uuid.uuid4())
        (self.landing / name).write_bytes(content)
        values: dict[str, object] = {
            "id": name,
            "site": site,
            "agent": "a1",
            "list_name": list_name,
            "kind": kind,
            "base": base,
            "rows": len(lines),
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "start": {"schema": schema, "columns": list(columns), "catalogue_version": 1, "extracted_at": 0},
            "state": state,
            "offset": len(content),
            "landed_path": name,
            "started_at": now,
            "landed_at": now,
            "attempts": 0,
        }
        with self.database.write() as connection:
            connection.execute(sa.insert(TRANSMISSIONS).values(values | changed))
        return name

    def central(self) -> Central:
        return Central(self.dsn)

    def keeper(self, lake: Lake, **settings: object) -> BronzeKeeper:
        return BronzeKeeper(
            self.database,
            lake,
            clock=self.clock,
            open_landed=plain_files(self.landing),
            settings=KeeperSettings(**settings),
        )

    def queued(self) -> set[str]:
        """The transmissions that wait for bronze."""
        with self.database.read() as connection:
            return set(connection.execute(sa.select(BRONZE_QUEUE.c.transmission)).scalars())

    def loader(self, central: Central, *, into_bronze: bool = False, **settings: object) -> Loader:
        return Loader(
            self.database,
            central,
            clock=self.clock,
            open_landed=plain_files(self.landing),
            settings=LoaderSettings(**settings),
            into_bronze=into_bronze,
        )

    def state(self, transmission: str) -> tuple[str, str | None]:
        with self.database.read() as connection:
            row = connection.execute(sa.select(TRANSMISSIONS).where(TRANSMISSIONS.c.id == transmission)).one()
        return row.state, row.error_code

    def facts(self) -> list[tuple[str, str, Mapping[str, str]]]:
        with self.database.read() as connection:
            return [(row.site, row.code, row.evidence) for row in connection.execute(sa.select(FACTS))]

    def later(self, *, seconds: float) -> None:
        self.clock.moment += timedelta(seconds=seconds)
