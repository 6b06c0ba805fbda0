"""What can go wrong while a list is read, as errors in the words of who is at the machine.

Invariant: no error carries a value of a row or the text of a query; SQLSTATE tells what PostgreSQL refused.
"""

from __future__ import annotations

import errno

from afluente_agent import durable
from afluente_agent.catalogue import ListQuery
from afluente_agent.errors import AgentError, ExtractionError, PecError
from afluente_agent.guard import drifted, not_readable
from afluente_agent.protocol import fact_codes


def translated(query: ListQuery, error: Exception, *, seconds: float) -> AgentError:
    import asyncpg

    match error:
        case asyncpg.QueryCanceledError() if seconds >= query.most_seconds:
            return ExtractionError(
                fact_codes.QUERY_TIMEOUT,
                f"a lista {query.name} passou do limite de {query.most_seconds} segundos",
                f"list {query.name} took longer than {query.most_seconds} seconds",
                "Nada a fazer aqui: o agente tenta de novo, e a equipe da central revê a consulta.",
                evidence={"list": query.name, "seconds": query.most_seconds},
            )
        case asyncpg.DiskFullError():
            return PecError(
                fact_codes.DISK_FULL,
                "o banco do PEC ficou sem espaço em disco",
                "PEC's database has no room on its disk",
                "Libere espaço no disco do computador do PEC.",
                evidence={"where": "banco do PEC"},
            )
        case (
            asyncpg.QueryCanceledError()
            | asyncpg.LockNotAvailableError()
            | asyncpg.SerializationError()
            | asyncpg.InsufficientResourcesError()
        ):
            return ExtractionError(
                fact_codes.QUERY_CANCELLED,
                f"a leitura da lista {query.name} foi interrompida no banco do PEC",
                f"list {query.name}: the query was cancelled in PEC's database",
                "Nada a fazer: o agente tenta de novo sozinho.",
                evidence={"list": query.name},
            )
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError():
            return drifted(query, "tabela ou coluna")
        case asyncpg.InsufficientPrivilegeError():
            return not_readable(query)
        case asyncpg.DataCorruptedError() | asyncpg.IndexCorruptedError():
            return PecError(
                fact_codes.DB_CORRUPTED,
                "o banco do PEC diz que uma tabela ou um índice está danificado",
                f"PEC's database is damaged: {error.sqlstate}",
                "Avise quem cuida do PEC: é preciso restaurar uma cópia de segurança ou refazer o índice.",
                evidence={"list": query.name, "sqlstate": error.sqlstate or "?"},
            )
        case asyncpg.PostgresConnectionError() | asyncpg.OperatorInterventionError() | OSError():
            return down()
        case asyncpg.PostgresError():
            return failed(query, error.sqlstate or "?")
        case _:
            return down()


def too_much(query: ListQuery, what: str) -> ExtractionError:
    return ExtractionError(
        fact_codes.QUERY_TOO_MANY_ROWS,
        f"a lista {query.name} tem mais dados do que o limite do catálogo",
        f"list {query.name} has more than its limit ({what})",
        "Nada foi enviado desta lista. A equipe da central revê o limite.",
        evidence={"list": query.name},
    )


def failed(query: ListQuery, reason: str) -> ExtractionError:
    return ExtractionError(
        fact_codes.QUERY_FAILED,
        f"a lista {query.name} não pôde ser lida do PEC",
        f"list {query.name} could not be read: {reason}",
        "Nada a fazer aqui: o agente tenta de novo, e a equipe da central é avisada.",
        evidence={"list": query.name, "reason": reason},
    )


def disk(error: OSError) -> ExtractionError:
    is_full = durable.is_disk_full(error)
    return ExtractionError(
        fact_codes.DISK_FULL if is_full else fact_codes.DISK_ERROR,
        "o disco desta máquina está cheio" if is_full else "o disco desta máquina deu erro ao gravar",
        f"the map of a list could not be written: {errno.errorcode.get(error.errno or 0, '?')}",
        "Libere espaço no disco em que o agente guarda seus dados." if is_full else "Avise quem cuida do computador.",
        evidence={"where": "mapa de uma lista"},
    )


def down() -> PecError:
    return PecError(
        fact_codes.DB_DOWN,
        "o banco do PEC parou de responder durante a leitura",
        "PEC's database went away while a list was read",
        "Confira se o serviço e-SUS-AB-PostgreSQL está em execução neste computador.",
    )
