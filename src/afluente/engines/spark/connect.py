"""Opens a session of Spark Connect with the semantics projects are written for.

Invariant: ANSI mode is on, the time zone is the project's, and Parquet timestamps are microseconds in the proleptic
calendar, whatever the server's own defaults.
"""

from __future__ import annotations

import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from afluente.core.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

_DEFAULT_PORT = 15002
_CONNECT_TIMEOUT_SECONDS = 10.0
_RETRIES = 5
_CALENDAR = (
    "spark.sql.parquet.datetimeRebaseModeInRead",
    "spark.sql.parquet.datetimeRebaseModeInWrite",
    "spark.sql.parquet.int96RebaseModeInRead",
    "spark.sql.parquet.int96RebaseModeInWrite",
)


def connect(url: str, *, timezone: str, options: Mapping[str, str] | None = None) -> SparkSession:
    """A new session at `sc://host:port/;options`; EngineError `engine.unreachable` when nobody answers.

    `options` are further fields of the address, such as `token`, which the address itself should not hold.
    """
    _knock(url)
    try:
        with warnings.catch_warnings(), main_module_with_a_file():
            warnings.simplefilter("ignore")
            from pyspark.sql.connect.client.retries import DefaultPolicy
            from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise EngineError(
            "engine.extra_missing",
            f"the Spark client is not installed ({error.name} is missing)",
            hint="install it with: pip install 'afluente[spark]'",
        ) from None
    from afluente.engines.spark.errors import translated

    with translated("opening a Spark session"):
        session = SparkSession.builder.remote(address(url, options or {})).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
        session.conf.set("spark.sql.ansi.enabled", "true")
        session.conf.set("spark.sql.session.timeZone", timezone)
        session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        for name in _CALENDAR:
            session.conf.set(name, "CORRECTED")
    return session


def address(url: str, options: Mapping[str, str]) -> str:
    """The address with these fields after its own: `sc://host:15002/;token=abc`."""
    if not options:
        return url
    before, separator, given = url.partition("/;")
    fields = [given] if separator and given else []
    fields += [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in options.items()]
    return f"{before.rstrip('/')}/;{';'.join(fields)}"


@contextmanager
def main_module_with_a_file() -> Iterator[None]:
    """A process started by `-c` or by another program has no main file, and the client then takes it for its own
    doctests, looks for a Spark installation and ends the process (`pyspark.sql.connect.utils.check_dependencies`).
    """
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "afluente"
    try:
        yield
    finally:
        del main.__file__


def _knock(url: str) -> None:
    """Refuse at once an address where nothing listens: the client itself would try for ten minutes."""
    parts = urlsplit(url)
    if parts.scheme != "sc" or not parts.hostname:
        raise EngineError(
            "engine.setting_invalid",
            f"'{url.split(';', 1)[0]}' is no Spark Connect address",
            hint="write sc://host:15002",
        )
    port = parts.port or _DEFAULT_PORT
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise EngineError(
            "engine.unreachable",
            f"nothing answers at {parts.hostname}:{port} ({(error.strerror or type(error).__name__).lower()})",
            hint="check engine.spark in afluente.yaml and that the server runs",
            retryable=True,
        ) from None
