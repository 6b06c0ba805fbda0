"""Sites of a fleet that transmit whole lists and deltas into bronze of a lake, and what stands at each."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from hypothesis import strategies as st
from tests.unit.fleet.loading.fleet_loading_world import COLUMNS, delete_line, insert_line, packed

from afluente.core.clock import SystemClock
from afluente.core.tables import TableName
from afluente.engines.engine import Engine
from afluente.fleet.bronze import LakeBronze
from afluente.fleet.transmission import Transmission
from afluente.lake.lake import Lake
from afluente.runs.steps.present import present_files

TABLE = TableName("bronze", "pessoas")
SITES = ("a", "b", "c")
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
State = dict[str, str | None]

KEYS = st.sampled_from("123456")
ROWS = st.dictionaries(KEYS, st.none() | st.sampled_from(["7", "8", ""]), max_size=5)
SENDINGS = st.lists(
    st.tuples(st.sampled_from(SITES), st.sampled_from(["whole", "delta", "keep"]), ROWS, st.sets(KEYS, max_size=4)),
    min_size=1,
    max_size=12,
)

PROJECT = """name: rede
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
fleet:
  signing_key: secret:env:A
  landing_key: secret:env:B
  catalogue: catalogo
"""
CATALOGUE = """lists:
  - name: pessoas
    columns: &colunas
      - {name: cns, type: text}
      - {name: nome, type: text}
      - {name: peso, type: text}
  - {name: outras, columns: *colunas}
"""


def write_project(folder: Path, contract: str) -> None:
    """A project whose fleet brings the lists of CATALOGUE, and a contract over one of them."""
    for name, text in (
        ("afluente.yaml", PROJECT),
        ("catalogo/catalogo.yaml", CATALOGUE),
        ("contracts/pessoas.odcs.yaml", contract),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@dataclass
class River:
    """Sites that transmit into bronze, and what stands at each."""

    lake: Lake
    stands: dict[str, State] = field(default_factory=dict)
    sent: int = 0
    contents: dict[str, bytes] = field(default_factory=dict)
    waiting: list[Transmission] = field(default_factory=list)

    def whole(self, site: str, rows: Mapping[str, str | None]) -> None:
        self._send(site, "full", [insert_line([key, None, value]) for key, value in rows.items()])
        self.stands[site] = dict(rows)

    def delta(self, site: str, rows: Mapping[str, str | None], gone: set[str]) -> None:
        """A site without a whole list sends one."""
        if site not in self.stands:
            self.whole(site, rows)
            return
        taken = gone & set(self.stands[site]) - set(rows)
        lines = [insert_line([key, None, value]) for key, value in rows.items()]
        self._send(site, "delta", [*lines, *map(delete_line, sorted(taken))])
        kept = {key: value for key, value in self.stands[site].items() if key not in taken}
        self.stands[site] = kept | dict(rows)

    def keep(self) -> None:
        """What waits comes into bronze in one batch."""
        if self.waiting:
            batch, self.waiting = self.waiting, []
            LakeBronze(self.lake, clock=SystemClock()).keep(batch, self._open)

    def expected(self) -> list[tuple[str, str, str | None]]:
        return sorted((site, key, value) for site, rows in self.stands.items() for key, value in rows.items())

    def _send(self, site: str, kind: str, lines: list[bytes]) -> None:
        self.sent += 1
        name = str(uuid.uuid4())
        self.contents[name] = packed(lines)
        started = START + timedelta(microseconds=self.sent)
        self.waiting.append(
            Transmission(
                name, site, "", "pessoas", kind, "", len(lines), len(self.contents[name]), "", "s", COLUMNS,  # type: ignore[arg-type]
                1, 0, started, name, 1,
            )
        )  # fmt: skip

    @contextmanager
    def _open(self, path: str) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.contents[path])

    def play(self, sendings: list[tuple[str, str, State, set[str]]]) -> None:
        """Some of SENDINGS, and whatever waits after them."""
        for site, kind, rows, gone in sendings:
            if kind == "whole":
                self.whole(site, rows)
            elif kind == "delta":
                self.delta(site, rows, gone)
            else:
                self.keep()
        self.keep()

    def present(self, engine: Engine) -> list[tuple[str, str, str | None]]:
        """What is present by bronze alone."""
        bronze = self.lake.snapshot(TABLE)
        with present_files(engine, self.lake, bronze) as files:
            engine.register("found", [f"{bronze.address}/{file.path}" for file in files], bronze.schema)
            found = engine.query("SELECT site, cns, peso FROM found").to_pylist()
            engine.drop("found")
        return sorted((row["site"], row["cns"], row["peso"]) for row in found)
