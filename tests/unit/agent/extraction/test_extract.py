"""A list read from a real PostgreSQL: what leaves, its limits, and what is left behind when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from afluente_agent.catalogue import Column, ListQuery, Window
from afluente_agent.delta import DeltaStore
from afluente_agent.errors import AgentError, CatalogueError, ExtractionError
from afluente_agent.extract import Extracted, Reading, Sink, extract
from afluente_agent.list_format import Limits, read_blocks
from afluente_agent.pec import PecAddress, connected
from afluente_agent.pseudonym import Pseudonyms
from tests.unit.agent.extraction.lists import NOON, Hub, MemorySink, a_list, reading

KEY = bytes(range(32))


def read(address: PecAddress, query: ListQuery, sink: Sink, how: Reading) -> Extracted:
    async def inner() -> Extracted:
        async with connected(address) as connection:
            return await extract(connection, query, sink, how)

    return asyncio.run(inner())


def test_the_first_time_a_list_goes_whole(pec: PecAddress, tmp_path: Path) -> None:
    sink = MemorySink()
    found = read(pec, a_list(), sink, reading(tmp_path, "t1"))
    lines = sink.lines
    assert (found.kind, found.base, found.rows, found.read_rows) == ("full", "", len(lines), len(lines))
    assert len(lines) == 399
    assert {line[0] for line in lines} == {"I"}
    assert (found.size_bytes, found.sha256) == (len(sink.packed), sha256(sink.packed).hexdigest())
    assert found.columns == ("co", "nome", "telefone")
    blocks = read_blocks([bytes(sink.packed)], columns=3, limits=Limits(10_000, 10**7))
    assert b"".join(blocks).count(b"\n") == 399


def test_then_only_what_changed_travels(pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path) -> None:
    hub, store = Hub(), DeltaStore(tmp_path)
    first = MemorySink()
    read(pec, a_list(), first, reading(tmp_path, "t1"))
    hub.load(first.lines, kind="full")
    store.confirm("pessoas", "t1")
    as_owner(
        "UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = '1' WHERE co_seq_fat_cidadao_pec IN (5, 6);"
        "DELETE FROM tb_fat_cidadao_pec WHERE co_seq_fat_cidadao_pec = 7;"
        "INSERT INTO tb_fat_cidadao_pec (co_seq_fat_cidadao_pec, no_cidadao) VALUES (9001, 'NOVA')"
    )
    second = MemorySink()
    found = read(pec, a_list(), second, reading(tmp_path, "t2"))
    assert (found.kind, found.base, found.rows) == ("delta", "t1", 4)
    assert sorted(line[0] for line in second.lines) == ["D", "I", "I", "I"]
    hub.load(second.lines, kind="delta")
    whole = MemorySink()
    read(pec, a_list(), whole, reading(tmp_path / "other", "t3"))
    assert hub.rows == {line[1]: line[3:] for line in whole.lines}


def test_a_delta_of_nothing_is_empty(pec: PecAddress, tmp_path: Path) -> None:
    read(pec, a_list(), MemorySink(), reading(tmp_path, "t1"))
    DeltaStore(tmp_path).confirm("pessoas", "t1")
    sink = MemorySink()
    assert read(pec, a_list(), sink, reading(tmp_path, "t2")).rows == 0
    assert sink.lines == []


def test_other_columns_send_the_list_whole(pec: PecAddress, tmp_path: Path) -> None:
    read(pec, a_list(), MemorySink(), reading(tmp_path, "t1"))
    DeltaStore(tmp_path).confirm("pessoas", "t1")
    fewer = a_list("SELECT co_seq_fat_cidadao_pec AS co FROM tb_fat_cidadao_pec", (Column("co", "integer"),))
    assert read(pec, fewer, MemorySink(), reading(tmp_path, "t2")).kind == "full"


def test_a_list_is_read_whole_when_asked(pec: PecAddress, tmp_path: Path) -> None:
    read(pec, a_list(), MemorySink(), reading(tmp_path, "t1"))
    DeltaStore(tmp_path).confirm("pessoas", "t1")
    assert read(pec, a_list(), MemorySink(), reading(tmp_path, "t2", is_full=True)).kind == "full"


def test_values_with_tabs_and_breaks_leave_as_copy_wrote_them(pec: PecAddress, tmp_path: Path) -> None:
    social = a_list(
        "SELECT co_seq_fat_cidadao_pec AS co, no_social_cidadao AS social FROM tb_fat_cidadao_pec "
        "WHERE co_seq_fat_cidadao_pec IN (301, 302)",
        (Column("co", "integer"), Column("social", "text", "name")),
    )
    sink = MemorySink()
    read(pec, social, sink, reading(tmp_path, "t1"))
    assert sorted(line[3:] for line in sink.lines) == [["301", r"NOME\tCOM\\BARRA\n301"], ["302", r"\N"]]


def test_hashes_in_the_place_of_a_cns_are_values_like_others(pec: PecAddress, tmp_path: Path) -> None:
    cards = a_list(
        "SELECT co_seq_fat_cad_individual AS co, nu_cns_cidadao AS cns FROM tb_fat_cad_individual",
        (Column("co", "integer"), Column("cns", "text", "cns")),
    )
    sink = MemorySink()
    read(pec, cards, sink, reading(tmp_path, "t1"))
    assert sum(len(line[4]) == 32 for line in sink.lines) == 8


def test_pseudonyms_leave_in_the_place_of_values(pec: PecAddress, tmp_path: Path) -> None:
    columns = (Column("co", "integer"), Column("cpf", "text", "cpf", pseudonym=True))
    query = a_list(
        "SELECT co_seq_fat_cidadao_pec AS co, nu_cpf_cidadao AS cpf FROM tb_fat_cidadao_pec",
        columns,
        key=("cpf", "co"),
    )
    plain, disguised = MemorySink(), MemorySink()
    read(pec, a_list(query.text, (columns[0], Column("cpf", "text", "cpf"))), plain, reading(tmp_path / "a", "t1"))
    read(pec, query, disguised, reading(tmp_path / "b", "t1", pseudonyms=Pseudonyms(KEY)))
    values = {line[3]: line[4] for line in plain.lines}
    for line in disguised.lines:
        if values[line[3]] == r"\N":
            assert line[4] == r"\N"
        else:
            assert line[4] == Pseudonyms(KEY).of("cpf", values[line[3]].encode()).decode()
    assert not {value for value in values.values() if value != r"\N"} & {v for line in disguised.lines for v in line}


def test_a_list_with_pseudonyms_is_not_read_without_a_key(pec: PecAddress, tmp_path: Path) -> None:
    sink = MemorySink()
    query = a_list("SELECT 'a' AS cpf", (Column("cpf", "text", "cpf", pseudonym=True),), key=("cpf",))
    with pytest.raises(CatalogueError, match="no_key"):
        read(pec, query, sink, reading(tmp_path, "t1"))
    assert sink.is_aborted


MANY = "SELECT n AS co FROM generate_series(1, 3000000) AS n"
NUMBER = (Column("co", "integer"),)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (a_list(most_rows=100), "query.too_many_rows"),
        (a_list(MANY, NUMBER, most_rows=5000), "query.too_many_rows"),
        (a_list(MANY, NUMBER, most_rows=10**7, most_bytes=100_000), "query.too_many_rows"),
        (a_list("SELECT repeat('x', 3000000) AS co", (Column("co", "text"),)), "query.too_many_rows"),
        (a_list("SELECT 1 AS co UNION ALL SELECT 1", NUMBER), "query.failed"),
        (a_list("SELECT 1 / (n - 500) AS co FROM generate_series(1, 1000) AS n", NUMBER), "query.failed"),
        (
            a_list(
                "SELECT count(*) AS co FROM generate_series(1, 100000) a, generate_series(1, 100000) b",
                NUMBER,
                most_seconds=1,
            ),
            "query.timeout",
        ),
        (a_list("SELECT 1 AS co FROM nenhuma", NUMBER), "query.schema_drift"),
    ],
)
def test_what_fails_leaves_nothing(query: ListQuery, code: str, pec: PecAddress, tmp_path: Path) -> None:
    sink = MemorySink()
    with pytest.raises(AgentError) as failed:
        read(pec, query, sink, reading(tmp_path, "t1"))
    assert failed.value.code == code
    assert failed.value.message_pt
    assert sink.is_aborted
    assert list((tmp_path / "pessoas").iterdir()) == []


def test_a_sink_that_is_full_stops_the_reading(pec: PecAddress, tmp_path: Path) -> None:
    class Full(MemorySink):
        def write(self, packed: bytes) -> None:
            raise ExtractionError("spool.full", "cheio", "full")

    with pytest.raises(ExtractionError, match="spool.full"):
        read(pec, a_list(MANY, NUMBER, most_rows=10**7), Full(), reading(tmp_path, "t1"))


def test_a_server_that_goes_away_is_said(pec_server: str, pec: PecAddress, tmp_path: Path) -> None:
    import asyncpg

    async def inner() -> None:
        owner = await asyncpg.connect(pec_server, database="postgres")

        class Killing(MemorySink):
            killing: asyncio.Future[str] | None = None

            def write(self, packed: bytes) -> None:
                super().write(packed)
                if self.killing is None:
                    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{pec.database}'"
                    self.killing = asyncio.ensure_future(owner.execute(kill))

        sink = Killing()
        try:
            async with connected(pec) as connection:
                await extract(connection, a_list(MANY, NUMBER, most_rows=10**7), sink, reading(tmp_path, "t1"))
        finally:
            assert sink.killing is not None
            await sink.killing
            await owner.close()

    with pytest.raises(AgentError) as down:
        asyncio.run(inner())
    assert down.value.code == "db.down"


VACCINES = a_list(
    "SELECT co_seq_fat_vacinacao AS co, co_dim_tempo AS dia FROM tb_fat_vacinacao",
    (Column("co", "integer"), Column("dia", "integer")),
    window=Window("dia", overlap_days=60),
)


def test_a_window_reads_recent_days_and_keeps_the_others(
    pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    hub, store = Hub(), DeltaStore(tmp_path)
    first = MemorySink()
    read(pec, VACCINES, first, reading(tmp_path, "t1"))
    hub.load(first.lines, kind="full")
    store.confirm("pessoas", "t1")
    as_owner(
        "INSERT INTO tb_fat_vacinacao (co_seq_fat_vacinacao, co_dim_tempo) VALUES (5000, 20260929), (5001, 30001231);"
        "DELETE FROM tb_fat_vacinacao WHERE co_seq_fat_vacinacao = (SELECT max(co_seq_fat_vacinacao) FROM tb_fat_vacinacao"
        " WHERE co_dim_tempo BETWEEN 20260901 AND 20260920)"
    )
    second = MemorySink()
    found = read(pec, VACCINES, second, reading(tmp_path, "t2"))
    hub.load(second.lines, kind="delta")
    assert found.kind == "delta"
    assert found.read_rows < 100
    assert sorted(line[0] for line in second.lines) == ["D", "I", "I"]
    whole = MemorySink()
    read(pec, VACCINES, whole, reading(tmp_path / "other", "t3"))
    assert hub.rows == {line[1]: line[3:] for line in whole.lines}


def test_a_window_is_read_whole_again_after_its_time(pec: PecAddress, tmp_path: Path) -> None:
    read(pec, VACCINES, MemorySink(), reading(tmp_path, "t1"))
    DeltaStore(tmp_path).confirm("pessoas", "t1")
    month_later = Reading("t2", DeltaStore(tmp_path), (), now=lambda: NOON + 31 * 86_400)
    assert read(pec, VACCINES, MemorySink(), month_later).kind == "full"


def test_edits_that_wait_in_the_spool_are_the_base_of_the_next(
    pec: PecAddress, as_owner: Callable[[str], None], tmp_path: Path
) -> None:
    read(pec, a_list(), MemorySink(), reading(tmp_path, "t1"))
    as_owner("UPDATE tb_fat_cidadao_pec SET nu_telefone_celular = '1' WHERE co_seq_fat_cidadao_pec = 5")
    second = read(pec, a_list(), MemorySink(), reading(tmp_path, "t2", waiting=("t1",)))
    assert (second.kind, second.base, second.rows) == ("delta", "t1", 1)
    third = read(pec, a_list(), MemorySink(), reading(tmp_path, "t3", waiting=("t1", "t2")))
    assert (third.kind, third.base, third.rows) == ("delta", "t2", 0)
    never_sent = read(pec, a_list(), MemorySink(), reading(tmp_path, "t4"))
    assert never_sent.kind == "full"


def test_a_folder_that_cannot_be_written_is_said(pec: PecAddress, tmp_path: Path) -> None:
    (tmp_path / "maps").write_text("a file in the place of the folder")
    sink = MemorySink()
    with pytest.raises(AgentError) as failed:
        read(pec, a_list(), sink, reading(tmp_path / "maps", "t1"))
    assert failed.value.code == "disk.error"
    assert sink.is_aborted
