"""What the server or the network said, as a SourceError. A server's message may hold values: only names pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from afluente.core.errors import SourceError
from afluente.sources.postgres.config import Config


@contextmanager
def translated(config: Config) -> Iterator[None]:
    """Raise asyncpg's and the network's errors as SourceError."""
    where = f"{config.host}:{config.port}/{config.database}"
    try:
        yield
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise SourceError(
            "source.login_refused", f"{where} refused the login", hint="check user, password and pg_hba.conf"
        ) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise SourceError(
            "source.database_missing", f"{where}: the database does not exist", hint="check the option database"
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise SourceError(
            "source.permission", f"{where}: {error}", hint="grant SELECT on it to the user of this source"
        ) from error
    except asyncpg.QueryCanceledError as error:
        raise SourceError(
            "source.timeout",
            f"{where}: the statement was cancelled, after {config.statement_timeout_seconds} s at most",
            hint="raise statement_timeout_seconds, or read incrementally",
            retryable=True,
        ) from error
    except asyncpg.SyntaxOrAccessError as error:
        raise SourceError(
            "source.query_refused", f"{where} refused the query: {error}", hint="check table, query and column names"
        ) from error
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError) as error:
        raise _lost(where, error) from error
    except asyncpg.PostgresError as error:
        is_passing = (error.sqlstate or "")[:2] in ("08", "40", "53", "57")
        raise SourceError(
            "source.query_failed",
            f"{where}: the query failed with {type(error).__name__} ({error.sqlstate})",
            hint="run the query in psql to see the server's own message",
            retryable=is_passing,
        ) from error
    except (OSError, TimeoutError) as error:
        raise _lost(where, error) from error


def _lost(where: str, error: Exception) -> SourceError:
    return SourceError(
        "source.unreachable",
        f"{where} cannot be reached: {type(error).__name__}: {error}",
        hint="check host, port, the firewall and sslmode",
        retryable=True,
    )
