"""What must be so once everything is mended and drained: no row lost, none twice, none of another.

The rows of the centre are compared with what plain SQL reads from the PEC databases; the loads, and the lines in
bronze, with the transmissions that the agents had committed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg
from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_pec import LISTS, Rows
from tests.fleet_world.storm_world import SITES, StormWorld

from afluente.core.tables import TableName
from afluente.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class Found:
    """What a world held when it was looked at and found right."""

    transmissions: int
    committed: int
    rows: int
    lines: int
    refused: dict[str, int]
    quarantined: int


@dataclass(frozen=True, slots=True)
class _Sent:
    id: str
    site: str
    list_name: str
    kind: str
    rows: int
    state: str
    error_code: str | None


def check(world: StormWorld) -> Found:
    """AssertionError that says what is wrong."""
    sent = _sent(world)
    loaded = {one.id: one for one in sent if one.state == "loaded"}
    held = sum(_check_rows(world, site, name) for site in SITES for name in LISTS)
    loads = _ids(world, "SELECT transmission_id::text FROM afluente_loads")
    not_there = [one for one in loaded.values() if one.id not in loads]
    assert not not_there, f"said to be loaded, and not in the centre: {not_there}"
    assert set(loads) <= loaded.keys(), f"in the centre, and not loaded: {set(loads) - loaded.keys()}"
    assert len(loads) == len(set(loads)), "a transmission was loaded twice"
    committed = set().union(*(storm_ledger.committed(agent.ledger) for agent in world.agents.values()))
    known = {one.id: one for one in sent}
    lost = {one for one in committed if one not in loaded}
    refused = Counter(one.error_code or "" for one in sent if one.state == "refused")
    assert not lost, f"committed and not loaded: {[(one, known.get(one)) for one in lost]}; refused: {refused}"
    lines = _check_bronze(world, [one for one in sent if one.state == "loaded"])
    return Found(
        len(sent), len(committed), held, lines, dict(refused), sum(one.quarantined() for one in world.agents.values())
    )


def _check_rows(world: StormWorld, site: str, name: str) -> int:
    columns = ", ".join(column for column, _, _ in LISTS[name][1])
    with psycopg.connect(world.central.uri()) as connection:
        rows = connection.execute(f"SELECT {columns} FROM {name} WHERE site = %s", (site,)).fetchall()
        others = connection.execute(f"SELECT count(*) FROM {name} WHERE site <> ALL(%s)", (SITES,)).fetchone()
    assert others == (0,), f"rows of {others} sites that are none in {name}"
    return _same(world.pec.truth(site, name), [tuple(row) for row in rows], f"{name} of {site} in the centre")


def _same(wanted: Rows, found: Rows, what: str) -> int:
    lost, twice = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    assert not lost, f"{what}: {lost.total()} rows lost, and {twice.total()} too many"
    assert not twice, f"{what}: {twice.total()} rows twice or of nobody"
    return len(found)


def _check_bronze(world: StormWorld, loaded: list[_Sent]) -> int:
    """Each transmission's lines once, and played back in their order they give the same rows again."""
    lines = 0
    for name, (_, columns) in LISTS.items():
        by_source = _bronze(world, name)
        wanted = [one for one in loaded if one.list_name == name]
        assert set(by_source) <= {one.id for one in wanted}, f"bronze {name} holds lines of what was not loaded"
        stands: dict[str, dict[str, tuple[str | None, ...]]] = {site: {} for site in SITES}
        for one in wanted:
            found = by_source.get(one.id, [])
            rows = sorted((row for row in found if row["_source_row"]), key=lambda row: int(row["_source_row"]))
            assert len(found) - len(rows) == (one.kind == "full" and not one.rows), "an empty list is told by one row"
            numbers = [row["_source_row"] for row in rows]
            assert numbers == list(range(1, one.rows + 1)), f"bronze {name}: {len(numbers)} lines of {one}"
            if one.kind == "full":
                stands[one.site].clear()
            for row in rows:
                assert row["site"] == one.site
                if row["op"] == "I":
                    stands[one.site][row["row_key"]] = tuple(row[column] for column, _, _ in columns)
                else:
                    del stands[one.site][row["row_key"]]
            lines += len(rows)
        for site in SITES:
            _same(world.pec.truth(site, name), list(stands[site].values()), f"{name} of {site} played from bronze")
    return lines


def _bronze(world: StormWorld, name: str) -> dict[str, list[dict[str, Any]]]:
    import pyarrow.parquet as pq

    lake, table = Lake(str(world.hubs[0].project / "lake"), project_name="rede"), TableName("bronze", name)
    by_source = defaultdict(list)
    for file in lake.snapshot(table).live:
        for row in pq.read_table(f"{lake.address(table)}/{file.path}").to_pylist():
            if row["_source_row"]:
                by_source[row["_source"]].append(row)
    return by_source


def _sent(world: StormWorld) -> list[_Sent]:
    query = (
        "SELECT id, site, list_name, kind, rows, state, error_code FROM transmissions "
        "ORDER BY site, list_name, started_at, id"
    )
    with psycopg.connect(world.state.uri()) as connection:
        return [_Sent(*row) for row in connection.execute(query)]


def _ids(world: StormWorld, query: str) -> list[str]:
    with psycopg.connect(world.central.uri()) as connection:
        return [row[0] for row in connection.execute(query)]  # type: ignore[arg-type]
