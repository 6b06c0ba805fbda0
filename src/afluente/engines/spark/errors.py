"""Spark Connect's exceptions as EngineError.

Invariant: only messages about names and syntax are repeated; one that depends on the rows is told by its kind,
because Spark writes the value into the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from pyspark.errors import AnalysisException, ParseException, PySparkException

from afluente.core.errors import EngineError
from afluente.engines.os_error import translate_os_error
from afluente.engines.partitions import EMPTY_VALUE_MARK, TOO_LONG, empty_value, too_long_value

_STRUCTURAL = re.compile(
    r"TABLE_OR_VIEW_NOT_FOUND|UNRESOLVED_|table not found|is missing from the schema|cannot resolve|AMBIGUOUS_"
    r"|PARSE_SYNTAX_ERROR|expected something else|unknown function|DATATYPE_MISMATCH|UNSUPPORTED_",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left on device|disk quota exceeded|storage full|file too large", re.IGNORECASE)
_READ_ONLY = re.compile(r"permission denied|operation not permitted|read-only file system", re.IGNORECASE)
_DAMAGED = re.compile(
    r"parquet (argument )?error|EOF: unexpected eof|is not a parquet file|CANNOT_READ_FILE_FOOTER", re.IGNORECASE
)
_MEMORY = re.compile(r"resources exhausted|outofmemory|out of memory|java heap space", re.IGNORECASE)
_MISSING = re.compile(
    r"no such file or directory|PATH_NOT_FOUND|FILE_NOT_EXIST|object at location .* not found", re.IGNORECASE
)
_GONE = re.compile(r"UNAVAILABLE|failed to connect|connection refused|SESSION_CLOSED|SESSION_NOT_FOUND", re.IGNORECASE)
_STORE = re.compile(
    r"generic (s3|gcs|microsoftazure|http) error|no credentials found|credential provider|failed to lookup address"
    r"|failed to resolve region|url scheme is not allowed|connection refused \(os error|AccessDenied|NoSuchBucket|S3Exc",
    re.IGNORECASE,
)
"""What a server says that cannot reach an object store, and not what the client says of a server that is gone."""
_NAMED = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever the client raises inside into an EngineError; `doing` starts the message."""
    try:
        yield
    except grpc.RpcError as error:
        raise unreachable(doing, str(error.code()) if isinstance(error, grpc.Call) else type(error).__name__) from None
    except PySparkException as error:
        raise translate(error, doing) from None
    except OSError as error:
        raise translate_os_error(error, doing) from None


def translate(error: PySparkException, doing: str) -> EngineError:
    message = str(error)
    if EMPTY_VALUE_MARK in message:
        return empty_value(re.split(r"[^\w]", message.split(EMPTY_VALUE_MARK, 1)[1], maxsplit=1)[0])
    if TOO_LONG.search(message):
        return too_long_value(doing)
    if _FULL.search(message):
        return EngineError(
            "engine.disk_full",
            f"{doing}: no space left on the disk",
            hint="free space where the lake and Spark's work folders are, then run again; nothing was committed",
        )
    if _MEMORY.search(message):
        return EngineError(
            "engine.out_of_memory",
            f"{doing}: Spark used all the memory it may have",
            hint="give the Spark server more memory",
        )
    if _READ_ONLY.search(message):
        return EngineError("engine.io_failed", f"{doing}: permission denied", hint="check who may write the lake")
    if _DAMAGED.search(message):
        return EngineError(
            "engine.file_damaged",
            f"{doing}: a Parquet file is damaged",
            hint="restore it from a copy, or remove the folder of its table and run again: what can be is made anew",
        )
    if _STORE.search(message) and not _MISSING.search(message):
        return EngineError(
            "engine.store_unreachable",
            f"{doing}: the Spark server cannot reach the lake's store",
            hint="the server needs the address, region and credentials of its own (for Sail AWS_ENDPOINT_URL, AWS_REGION, "
            "AWS_ACCESS_KEY_ID... in its environment), and the right to write: see docs/engines.md",
        )
    if _GONE.search(message):
        return unreachable(doing, type(error).__name__)
    if _MISSING.search(message):
        return EngineError(
            "engine.file_missing",
            f"{doing}: a file of the table is not there",
            hint="it may have been removed by vacuum while it was being read, or Spark does not see this folder",
        )
    is_structural = isinstance(error, ParseException) or (
        isinstance(error, AnalysisException) and bool(_STRUCTURAL.search(message))
    )
    if is_structural or _is_syntax(message):
        return EngineError("engine.sql_failed", f"{doing}: {_first_line(message)}")
    named = _NAMED.search(message)
    kind = named.group(1) if named else type(error).__name__
    return EngineError("engine.sql_failed", f"{doing}: a value was refused ({kind})")


def unreachable(doing: str, reason: str) -> EngineError:
    return EngineError(
        "engine.unreachable",
        f"{doing}: the Spark server did not answer ({reason})",
        hint="check engine.spark in afluente.yaml and that the server runs",
        retryable=True,
    )


def _is_syntax(message: str) -> bool:
    return message.startswith("invalid argument: found ")


def _first_line(message: str) -> str:
    line = " ".join(message.split("\n", 1)[0].split())[:300]
    return line[:1].lower() + line[1:]
