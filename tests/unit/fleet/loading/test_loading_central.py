from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import psycopg
import pytest
from fleet_loading_world import COLUMNS, World, delete_line, insert_line, packed

from afluente.fleet import facts, probe
from afluente.fleet.admission import Admission
from afluente.fleet.central import Central
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.loading import Loaded, Loader, needs_full
from afluente_agent.protocol.fact_codes import ALL_SITES

Ask = Callable[[str], list[tuple[object, ...]]]
ALL = "SELECT site, cns, nome, peso FROM hipertensos ORDER BY site, cns"


def load(world: World, **settings: object) -> list[Loaded]:
    async def go() -> list[Loaded]:
        async with world.central() as central:
            return await world.loader(central, **settings).load_due()

    return asyncio.run(go())


def test_a_full_list_makes_its_table_and_the_values_are_what_was_sent(world: World, rows: Ask) -> None:
    strange = ["7\t", "a\\b\nc\r", None]
    done = world.land("s1", [insert_line(["1", "Ana", "60"]), insert_line(strange)])
    loaded = load(world)
    assert [(one.transmission, one.state, one.merged.inserted) for one in loaded if one.merged] == [(done, "loaded", 2)]
    assert rows(ALL) == [("s1", "1", "Ana", "60"), ("s1", "7\t", "a\\b\nc\r", None)]
    assert world.state(done) == ("loaded", None)


def test_another_full_list_changes_only_what_changed_and_only_its_own_site(world: World, rows: Ask) -> None:
    world.land("s1", [insert_line([str(i), "x", "1"]) for i in range(10)])
    world.land("s2", [insert_line(["1", "other", "1"])])
    load(world)
    before = dict(rows("SELECT site || cns, xmin::text FROM hipertensos"))
    world.land("s1", [insert_line([str(i), "y" if i == 3 else "x", "1"]) for i in range(1, 11)])
    merged = load(world)[0].merged
    assert merged is not None
    assert (merged.inserted, merged.updated, merged.deleted) == (1, 1, 1)
    after = dict(rows("SELECT site || cns, xmin::text FROM hipertensos"))
    assert {k for k in after if after[k] != before.get(k)} == {"s13", "s110"}
    assert rows("SELECT nome FROM hipertensos WHERE site = 's2'") == [("other",)]


def test_a_delta_is_applied_on_its_base(world: World, rows: Ask) -> None:
    base = world.land("s1", [insert_line([str(i), "x", "1"]) for i in range(4)])
    world.land(
        "s1", [insert_line(["1", "new", "1"]), insert_line(["9", "added", None]), delete_line("2")],
        kind="delta", base=base,
    )  # fmt: skip
    assert [one.state for one in load(world)] == ["loaded", "loaded"]
    assert rows(ALL) == [
        ("s1", "0", "x", "1"),
        ("s1", "1", "new", "1"),
        ("s1", "3", "x", "1"),
        ("s1", "9", "added", None),
    ]


def test_a_delta_on_another_base_is_refused_and_asks_for_the_whole_list(world: World, rows: Ask) -> None:
    first = world.land("s1", [insert_line(["1", "a", "1"])])
    world.land("s1", [insert_line(["1", "b", "1"])])
    load(world)
    late = world.land("s1", [insert_line(["1", "c", "1"])], kind="delta", base=first)
    assert load(world)[0].error_code == "loading.base_missing"
    assert world.state(late) == ("refused", "loading.base_missing")
    assert needs_full(*world.state(late))
    assert rows("SELECT nome FROM hipertensos") == [("b",)]
    assert [(site, code) for site, code, _ in world.facts()] == [("s1", "hub.load_refused")]


def test_a_delta_whose_base_is_still_coming_waits_for_it(world: World) -> None:
    base = world.land("s1", [insert_line(["1", "a", "1"])], state="receiving")
    delta = world.land("s1", [delete_line("1")], kind="delta", base=base)
    assert load(world)[0].state == "waiting"
    with world.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE transmissions SET state = 'landed' WHERE id = '{base}'")
    world.later(seconds=600)
    assert [one.state for one in load(world)] == ["loaded", "loaded"]
    assert world.state(delta)[0] == "loaded"


def test_a_delta_with_other_columns_than_its_base_is_refused(world: World) -> None:
    base = world.land("s1", [insert_line(["1", "a", "1"])])
    world.land(
        "s1", [insert_line(["1", "a", "1", "x"])], kind="delta", base=base, columns=[*COLUMNS, "extra"], schema="s2"
    )
    assert [one.error_code for one in load(world)] == ["", "loading.schema_changed"]


def test_a_list_with_more_columns_widens_the_table_and_one_with_fewer_leaves_nulls(world: World, rows: Ask) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])])
    world.land("s1", [insert_line(["1", "a", "1", "x"])], columns=[*COLUMNS, "extra"], schema="s2")
    load(world)
    assert rows("SELECT nome, extra FROM hipertensos") == [("a", "x")]
    world.land("s1", [insert_line(["1", "b"])], columns=["cns", "nome"], schema="s3")
    load(world)
    assert rows("SELECT nome, peso, extra FROM hipertensos") == [("b", None, None)]


def test_loading_again_what_was_committed_changes_nothing(world: World, rows: Ask) -> None:
    done = world.land("s1", [insert_line(["1", "a", "1"])])
    load(world)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE transmissions SET state = 'loading', due_at = NULL")
    again = load(world)
    assert [(one.transmission, one.state, one.merged.is_repeat) for one in again if one.merged] == [
        (done, "loaded", True)
    ]
    assert rows("SELECT count(*) FROM afluente_loads") == [(1,)]


def test_an_older_full_list_never_takes_the_place_of_a_newer_one(world: World, rows: Ask) -> None:
    old = world.land("s1", [insert_line(["1", "old", "1"])], state="receiving")
    world.land("s1", [insert_line(["1", "new", "1"])])
    load(world)
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE transmissions SET state = 'landed' WHERE state = 'receiving'")
    load(world)
    assert world.state(old) == ("refused", "loading.superseded")
    assert not needs_full(*world.state(old))
    assert rows("SELECT nome FROM hipertensos") == [("new",)]


GOOD = [insert_line(["1", "a", "1"])]


@pytest.mark.parametrize(
    ("landing", "code"),
    [
        ({"lines": GOOD, "sha256": "0" * 64}, "loading.digest"),
        ({"lines": GOOD, "size_bytes": 3}, "loading.size"),
        ({"lines": GOOD, "rows": 2}, "loading.row_count"),
        ({"lines": GOOD, "content": b"not zstd"}, "loading.rows"),
        ({"lines": GOOD, "content": packed(GOOD)[:-3]}, "loading.rows"),
        ({"lines": [*GOOD, *GOOD]}, "loading.repeated_key"),
        ({"lines": [delete_line("1")]}, "loading.rows"),
        ({"lines": [insert_line(["1", "a"])]}, "loading.rows"),
        ({"lines": [b"I\tzz\tzz\ta\tb\tc\n"]}, "loading.rows"),
        ({"lines": [insert_line(["1", "a", "1"]).replace(b"\ta\t", b"\t\xff\t")]}, "loading.rows"),
        ({"lines": GOOD, "list_name": 'x"; DROP TABLE y'}, "loading.list_name"),
        ({"lines": GOOD, "list_name": "afluente_loads"}, "loading.list_name"),
        ({"lines": GOOD, "columns": ["cns", "nome", "site"]}, "loading.columns"),
        ({"lines": GOOD, "columns": ["cns", "nome", "nome"]}, "loading.columns"),
        ({"lines": GOOD, "landed_path": "gone"}, "landing.missing"),
        ({"lines": [insert_line(["1", "a" * 9000, "1"])] * 2500}, "loading.bomb"),
    ],
)
def test_what_is_not_as_announced_is_refused_with_a_fact_and_loads_nothing(
    world: World, rows: Ask, landing: dict[str, object], code: str
) -> None:
    bad = world.land("s1", **landing)
    good = world.land("s2", GOOD)
    load(world)
    assert world.state(bad) == ("refused", code)
    assert world.state(good) == ("loaded", None)
    assert rows("SELECT site FROM hipertensos") == [("s2",)]
    assert [(site, fact, evidence["code"]) for site, fact, evidence in world.facts()] == [
        ("s1", "hub.load_refused", code)
    ]


def test_a_list_that_the_catalogue_does_not_know_makes_no_table(world: World, rows: Ask) -> None:
    unknown = world.land("s1", GOOD, list_name="other")
    wide = world.land("s1", GOOD)

    async def go() -> None:
        async with world.central() as central:
            loader = Loader(
                world.database, central, clock=world.clock, open_landed=lambda path: (world.landing / path).open("rb"),
                columns_of=lambda _, name, __: ("cns", "nome") if name == "hipertensos" else None,
            )  # fmt: skip
            await loader.load_due()

    asyncio.run(go())
    assert world.state(unknown) == ("refused", "loading.list_unknown")
    assert world.state(wide) == ("refused", "loading.columns")


def test_a_database_that_is_away_is_waited_for_and_told_after_a_while(world: World) -> None:
    done = world.land("s1", GOOD)

    async def away(times: int) -> None:
        async with Central("postgresql://nobody@127.0.0.1:1/none") as central:
            for _ in range(times):
                await world.loader(central, stuck_after_attempts=3).load_due()
                world.later(seconds=700)

    asyncio.run(away(5))
    assert world.state(done) == ("landed", "central.failed")
    assert [code for _, code, _ in world.facts()] == ["hub.load_stuck"]
    assert load(world)[0].state == "loaded"


def test_a_failed_load_is_not_tried_before_its_time(world: World) -> None:
    world.land("s1", GOOD)

    async def away() -> list[Loaded]:
        async with Central("postgresql://nobody@127.0.0.1:1/none") as central:
            loader = world.loader(central)
            return [*await loader.load_due(), *await loader.load_due()]

    assert [one.state for one in asyncio.run(away())] == ["waiting"]


def test_two_loaders_load_each_transmission_once(world: World, rows: Ask) -> None:
    for turn in range(6):
        for site in ("s1", "s2"):
            world.land(site, [insert_line([str(i), str(turn), site]) for i in range(20)])

    async def go() -> list[Loaded]:
        async with world.central() as one, world.central() as two:
            both = await asyncio.gather(*(world.loader(c, concurrency=3).load_due() for c in (one, two)))
            more = await world.loader(one).load_due()
        return [*both[0], *both[1], *more]

    loaded = asyncio.run(go())
    assert sorted(one.state for one in loaded) == ["loaded"] * 12
    assert len({one.transmission for one in loaded}) == 12
    assert rows("SELECT site, nome, count(*) FROM hipertensos GROUP BY 1, 2 ORDER BY 1") == [
        ("s1", "5", 20), ("s2", "5", 20)
    ]  # fmt: skip


def test_a_claim_that_ran_out_is_taken_over_and_its_first_holder_ends_nothing(world: World) -> None:
    from afluente.fleet import claims

    name = world.land("s1", GOOD)
    with world.database.write() as connection:
        (first,) = claims.claim(connection, worker="dead", at=world.clock.now(), lease_seconds=60)
        assert claims.claim(connection, worker="other", at=world.clock.now(), lease_seconds=60) == []
    world.later(seconds=61)
    with world.database.write() as connection:
        (second,) = claims.claim(connection, worker="other", at=world.clock.now(), lease_seconds=60)
        assert not claims.refuse(connection, first, worker="dead", error_code="x")
        assert not claims.renew(connection, first, worker="dead", at=world.clock.now(), lease_seconds=60)
        assert claims.finish(connection, second, worker="other", at=world.clock.now())
    assert world.state(name) == ("loaded", None)
    assert second == dataclasses.replace(first, attempts=2)


def test_a_stage_leaves_no_rows_and_the_refused_load_no_transaction(world: World, dsn: str) -> None:
    world.land("s1", [*GOOD, *GOOD])
    world.land("s2", GOOD)

    async def go() -> None:
        async with world.central() as central:
            await world.loader(central, concurrency=1).load_due()
            with psycopg.connect(dsn) as connection:
                busy = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%in transaction%'"
                ).fetchone()
                assert busy == (0,)

    asyncio.run(go())


def test_the_probe_measures_an_empty_central_database(world: World) -> None:
    async def go() -> float:
        async with world.central() as central:
            return await central.probe()

    assert asyncio.run(go()) > 0


def test_a_central_database_that_does_not_answer_is_told_as_a_fault_of_ours_and_its_return_too(world: World) -> None:
    pulse = HubPulse(world.database, world.clock)
    admission = Admission(world.database, world.clock)

    async def go(dsn: str | None) -> None:
        central = world.central() if dsn is None else Central(dsn)
        async with central:
            await probe.measure(central, admission, on_answer=lambda answers: pulse.central(is_answering=answers))

    for dsn in (None, "postgresql://ninguem@127.0.0.1:1/nada", None):
        world.clock.advance(seconds=60)
        asyncio.run(go(dsn))
    with world.database.read() as connection:
        told = [fact.code for fact in facts.of_site(connection, ALL_SITES)]
    assert sorted(told) == ["hub.central_down", "hub.central_restored"]
