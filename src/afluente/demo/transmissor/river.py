"""From bronze on: what the hub kept of the transmissions becomes silver and gold, held against the central database.

Invariant: nothing of the central database is read to make gold; the two ways meet only to be compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.errors import AfluenteError
from afluente.core.tables import TableName
from afluente.demo.run import carry_out
from afluente.demo.screen import Screen
from afluente.demo.transmissor.postgres import fetch
from afluente.hub.project_hub import open_keeper
from afluente.state.fleet_schema import BRONZE_QUEUE, TRANSMISSIONS

if TYPE_CHECKING:
    from afluente.demo.transmissor.hub_world import HubWorld

GOLD = TableName("gold", "pessoas_por_unidade")
PATIENCE_SECONDS = 300.0
OF_THE_CENTRE = """
SELECT site, nu_cnes, count(*), count(*) FILTER (WHERE consultas::bigint > 0)
FROM hipertensao WHERE nu_cnes IS NOT NULL GROUP BY site, nu_cnes
"""


@dataclass(frozen=True, slots=True)
class River:
    """What bronze holds of the fleet's lists, and what gold makes of it. `is_same`: the central database says so too."""

    transmissions: int
    lines: int
    commits: int
    files: int
    units: int
    people: int
    is_same: bool


def play_river(hub: HubWorld, central: str, console: Screen) -> River:
    """Keep what waits in bronze, carry the project out, and compare. AfluenteError."""
    _until_kept(hub)
    report = carry_out(hub.workspace, console)
    if report.exit_status:
        failed = next(step for step in report.steps if step.error_code)
        raise AfluenteError("demo.river", f"from bronze to gold: {failed.name}: {failed.error_message}")
    gold = sorted(tuple(row.values()) for row in hub.workspace.lake.snapshot(GOLD).arrow().read_all().to_pylist())
    found = sorted(tuple(row) for row in fetch(central, OF_THE_CENTRE))
    lines, commits, files = _bronze(hub)
    with hub.database.read() as connection:
        is_kept = TRANSMISSIONS.c.state == "loaded"
        kept = connection.execute(sa.select(sa.func.count()).where(is_kept)).scalar_one()
    return River(kept, lines, commits, files, len(gold), sum(row[2] for row in gold), bool(gold) and gold == found)


def _until_kept(hub: HubWorld) -> None:
    """The hub would wait for more, or for some minutes; here nobody waits."""
    keeper = open_keeper(hub.workspace)
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        keeper.keep_due(is_all=True)
        with hub.database.read() as connection:
            left = connection.execute(sa.select(sa.func.count()).select_from(BRONZE_QUEUE)).scalar_one()
        if not left:
            return
        if time.monotonic() > ends:
            raise AfluenteError("demo.slow", f"{left} transmissions were not kept in bronze")
        time.sleep(0.2)


def _bronze(hub: HubWorld) -> tuple[int, int, int]:
    """Lines, commits and files of the lists' tables."""
    import pyarrow.parquet as pq

    lake, fleet = hub.workspace.lake, hub.workspace.project.fleet
    lines = commits = files = 0
    for one in () if fleet is None else fleet.lists:
        snapshot = lake.snapshot(one.table)
        numbers = [pq.read_table(path, columns=["_source_row"]).column(0) for path in snapshot.files]
        lines += sum(number.as_py() > 0 for column in numbers for number in column)
        commits += snapshot.version + 1
        files += len(snapshot.live)
    return lines, commits, files
