"""Small lists and a sink in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from afluente_agent.catalogue import Column, ListQuery, Window
from afluente_agent.delta import DeltaStore
from afluente_agent.extract import Reading
from afluente_agent.list_format import Limits, read_blocks

NOON = 1_790_683_200.0
"""29 September 2026, 12:00 UTC."""
PEOPLE_SQL = (
    "SELECT co_seq_fat_cidadao_pec AS co, no_cidadao AS nome, nu_telefone_celular AS telefone "
    "FROM tb_fat_cidadao_pec WHERE coalesce(st_deletar, 0) = 0"
)
PEOPLE_COLUMNS = (
    Column("co", "integer", "key"),
    Column("nome", "text", "name"),
    Column("telefone", "text", "contact"),
)


def a_list(
    sql: str = PEOPLE_SQL,
    columns: tuple[Column, ...] = PEOPLE_COLUMNS,
    *,
    key: tuple[str, ...] = ("co",),
    most_rows: int = 100_000,
    most_seconds: int = 60,
    most_bytes: int = 10**8,
    window: Window | None = None,
) -> ListQuery:
    return ListQuery(
        name="pessoas",
        sql=(sql,),
        columns=columns,
        key=key,
        purpose="teste",
        most_rows=most_rows,
        most_seconds=most_seconds,
        most_bytes=most_bytes,
        window=window,
    )


@dataclass
class MemorySink:
    """What was written; `is_aborted` after a failure."""

    packed: bytearray = field(default_factory=bytearray)
    is_aborted: bool = False

    def write(self, packed: bytes) -> None:
        assert not self.is_aborted
        self.packed += packed

    def abort(self) -> None:
        self.is_aborted = True
        self.packed.clear()

    @property
    def lines(self) -> list[list[str]]:
        """As the hub stages them."""
        form, *rows = zstandard.ZstdDecompressor().decompressobj().decompress(bytes(self.packed)).split(b"\n")
        columns = max(1, max(row.count(b"\t") for row in rows) + form.startswith(b"full"))
        blocks = read_blocks([bytes(self.packed)], columns=columns, limits=Limits(10**6, 10**9))
        text = b"".join(blocks).decode()
        return [line.split("\t") for line in text.split("\n")[:-1]]


@dataclass
class Hub:
    """What the hub holds after loading lines: the same as the central database would."""

    rows: dict[str, list[str]] = field(default_factory=dict)

    def load(self, lines: list[list[str]], *, kind: str) -> None:
        if kind == "full":
            self.rows = {}
        keys = [line[1] for line in lines]
        assert len(set(keys)) == len(keys)
        for op, key, _hash, *values in lines:
            if op == "I":
                self.rows[key] = values
            else:
                del self.rows[key]


def reading(folder: Path, transmission: str, *, waiting: tuple[str, ...] = (), **options: object) -> Reading:
    return Reading(transmission, DeltaStore(folder), waiting, now=lambda: NOON, **options)  # type: ignore[arg-type]
