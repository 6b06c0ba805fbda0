"""The session with PEC: its bounds, the roles it refuses, what PEC says of itself, and how fresh its units are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from afluente_agent.credentials import find_password, read_credentials
from afluente_agent.errors import PecError
from afluente_agent.freshness import newest_days
from afluente_agent.pec import Installation, PecAddress, SessionLimits, connected, opened, read_installation
from tests.fleet_world.pec import address_of


def installed(address: PecAddress) -> Installation:
    async def inner() -> Installation:
        async with connected(address) as connection:
            return await read_installation(connection)

    return asyncio.run(inner())


def fresh(address: PecAddress, today: date = date(2026, 9, 30)) -> dict[str, str]:
    async def inner() -> dict[str, str]:
        async with connected(address) as connection:
            return await newest_days(connection, today=today)

    return asyncio.run(inner())


def test_pec_says_its_version_and_kind(pec: PecAddress) -> None:
    found = installed(pec)
    assert (found.version, found.kind, found.is_training) == ("5.3.21", "PRONTUARIO", False)
    assert found.server_version >= 90600


def test_a_version_that_is_none_is_empty(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("UPDATE tb_config_sistema SET ds_texto = 'nova' WHERE co_config_sistema = 'VERSAOBANCODADOS'")
    assert installed(pec).version == ""


def test_a_database_that_is_not_pecs_is_said(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("DROP TABLE tb_config_sistema")
    with pytest.raises(PecError) as refused:
        installed(pec)
    assert refused.value.code == "db.not_pec"


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        ("ALTER ROLE papel SUPERUSER", "superuser"),
        ("ALTER ROLE papel BYPASSRLS", "row security"),
        ("ALTER ROLE papel CREATEROLE", "create roles"),
        ("ALTER ROLE papel CREATEDB", "create databases"),
        ("ALTER ROLE papel REPLICATION", "replicate"),
        ("GRANT pg_execute_server_program TO papel", "pg_execute_server_program"),
        ("GRANT pg_write_server_files TO papel", "pg_write_server_files"),
        ("GRANT pg_read_server_files TO papel", "pg_read_server_files"),
        ("GRANT pg_write_all_data TO papel", "pg_write_all_data"),
        ("GRANT INSERT ON tb_fat_cidadao_pec TO papel", "write to 1 tables"),
        ("GRANT UPDATE (no_cidadao) ON tb_fat_cidadao_pec TO papel", "write to 1 tables"),
        ("CREATE ROLE forte SUPERUSER; GRANT forte TO papel", "superuser"),
    ],
)
def test_a_role_that_may_do_more_than_read_is_refused(
    grant: str, reason: str, pec: PecAddress, as_owner: Callable[[str], None]
) -> None:
    name = f"papel_{pec.database}"
    as_owner(f"CREATE ROLE {name} LOGIN; " + grant.replace("papel", name).replace("forte", f"forte_{pec.database}"))
    with pytest.raises(PecError, match=reason) as refused:
        installed(replace(pec, role=name))
    assert refused.value.code == "pec.role_refused"


def test_a_role_that_only_reads_is_taken(pec: PecAddress) -> None:
    assert installed(pec).version


def test_a_session_reads_only_and_is_bounded(pec: PecAddress) -> None:
    async def inner() -> list[str]:
        async with opened(pec, SessionLimits(statement_seconds=7, lock_seconds=3, idle_seconds=11)) as connection:
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("CREATE TABLE public.x (a int)")
            names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "work_mem")
            return [await connection.fetchval(f"SHOW {name}") for name in names]

    assert asyncio.run(inner()) == ["7s", "3s", "11s", "8MB"]


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(PecError) as down:
        installed(PecAddress(host=str(tmp_path), password="segredo"))
    assert down.value.code == "db.down"
    assert "segredo" not in str(down.value) + repr(PecAddress(host="h", password="segredo"))


def test_the_newest_day_of_each_unit(pec: PecAddress) -> None:
    found = fresh(pec)
    assert list(found) == ["2000137", "2000274", "2000411", "2000548"]
    assert all("20260801" < day <= "20260930" for day in found.values())


def test_days_are_judged_by_the_hubs_time_and_not_by_the_clock_of_pecs_machine(pec: PecAddress) -> None:
    early = fresh(pec, date(2026, 7, 15))
    assert list(early) == list(fresh(pec))
    assert all(day <= "20260716" for day in early.values())
    assert fresh(pec, date(2090, 1, 1)) == fresh(pec)


def test_the_year_3000_and_days_to_come_are_no_days(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner(
        "UPDATE tb_fat_atendimento_individual SET co_dim_tempo = 30001231;"
        "UPDATE tb_fat_visita_domiciliar SET co_dim_tempo = 20270901;"
        "UPDATE tb_fat_visita_domiciliar SET co_dim_tempo = 20260105 WHERE co_seq_fat_visita_domiciliar = 1"
    )
    assert list(fresh(pec).values()) == ["20260105"]


def test_a_pec_without_a_table_or_column_has_no_freshness_of_it(
    pec: PecAddress, as_owner: Callable[[str], None]
) -> None:
    as_owner("ALTER TABLE tb_fat_visita_domiciliar DROP COLUMN co_dim_unidade_saude")
    assert len(fresh(pec)) == 4
    as_owner("DROP TABLE tb_fat_atendimento_individual CASCADE")
    assert fresh(pec) == {}


@pytest.mark.parametrize(
    "text",
    [
        "usuario=postgres\nsenha=outra\nusuario=esus_leitura\nsenha=certa\n",
        "Usuário: esus_leitura\r\nSenha: certa\r\n",
        "db.user = postgres\ndb.password = outra\nesus_leitura.senha = certa\n",
        "esus_leitura certa",
        "postgres;outra\nesus_leitura;certa",
        "esus_leitura: certa",
        "senha=certa\nusuario=esus_leitura\n",
    ],
)
def test_the_password_of_the_role_is_found(text: str) -> None:
    assert find_password(text, role="esus_leitura") == "certa"


def test_the_password_of_another_role_is_never_given(tmp_path: Path) -> None:
    file = tmp_path / "credenciais.txt"
    file.write_bytes("usuário=postgres\nsenha=outra".encode("latin-1"))
    with pytest.raises(PecError) as missing:
        read_credentials(file, role="esus_leitura")
    assert missing.value.code == "pec.credentials_missing"
    file.write_text("usuario=esus_leitura\nsenha=certa")
    assert read_credentials(file, role="esus_leitura").password == "certa"


def test_an_address_is_read_from_a_uri() -> None:
    assert address_of("postgresql://postgres@127.0.0.1:5433/esus").port == 5433
