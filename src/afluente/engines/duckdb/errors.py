"""DuckDB's exceptions as EngineError.

Invariant: an error that depends on the rows (a conversion, an overflow) is told by its kind and target type only,
because DuckDB writes the value into the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from afluente.core.errors import EngineError
from afluente.engines.os_error import disk_full, translate_os_error
from afluente.engines.partitions import EMPTY_VALUE_MARK, TOO_LONG, empty_value, too_long_value

_STRUCTURAL = (
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.NotImplementedException,
    duckdb.PermissionException,
    duckdb.DependencyException,
)
_FULL = re.compile(r"no space left on device|max_temp_directory_size|disk quota exceeded|file too large", re.IGNORECASE)
_MISSING = re.compile(r"no files found that match|no such file or directory|cannot open file", re.IGNORECASE)
_DAMAGED = re.compile(r"parquet|magic bytes", re.IGNORECASE)
_READ_ONLY = re.compile(r"permission denied|read-only file system", re.IGNORECASE)
_TARGET = re.compile(
    r" (?:to|destination type|in \w+ of|with type) ([A-Z][A-Z0-9_]*(?:\(\d+(?:, ?\d+)?\))?)(?![\w'\"])"
)
_DIVIDED_BY_ZERO = "'division by zero'"
"""What the translation of a division casts to raise where Spark raises."""
_PAST = "\n\nLINE"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever DuckDB raises inside into an EngineError; `doing` starts the message."""
    try:
        yield
    except duckdb.Error as error:
        raise translate(error, doing) from None
    except OSError as error:
        raise translate_os_error(error, doing) from None


def translate(error: duckdb.Error, doing: str) -> EngineError:
    message = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        if _FULL.search(message):
            return disk_full(doing)
        return EngineError(
            "engine.out_of_memory",
            f"{doing}: the engine used all the memory it may have",
            hint="raise engine.memory_limit, lower engine.threads, or free space in the folder it spills to",
        )
    if isinstance(error, (duckdb.IOException, duckdb.HTTPException)):
        return _input_output(message, doing)
    if isinstance(error, duckdb.InterruptException):
        return EngineError("engine.interrupted", f"{doing}: interrupted")
    if isinstance(error, _STRUCTURAL):
        return EngineError("engine.sql_failed", f"{doing}: {_first_paragraph(message)}")
    if isinstance(error, duckdb.InvalidInputException) and _DAMAGED.search(message):
        return EngineError(
            "engine.file_damaged",
            f"{doing}: a Parquet file is damaged",
            hint="restore it from a copy, or remove the folder of its table and run again: what can be is made anew",
        )
    if EMPTY_VALUE_MARK in message:
        return empty_value(message.split(EMPTY_VALUE_MARK, 1)[1].strip())
    return EngineError("engine.sql_failed", f"{doing}: {_of_rows(error, message)}")


def _input_output(message: str, doing: str) -> EngineError:
    if _FULL.search(message):
        return disk_full(doing)
    if TOO_LONG.search(message):
        return too_long_value(doing)
    if _MISSING.search(message):
        return EngineError(
            "engine.file_missing",
            f"{doing}: a file of the table is not there",
            hint="it may have been removed by vacuum while it was being read; run again",
        )
    if _READ_ONLY.search(message):
        return EngineError("engine.io_failed", f"{doing}: permission denied", hint="check who may write the lake")
    return EngineError("engine.io_failed", f"{doing}: a file could not be read or written", retryable=True)


def _first_paragraph(message: str) -> str:
    kind, _, rest = message.split(_PAST, 1)[0].partition("Error: ")
    words = " ".join((rest or kind).split())
    return words[:1].lower() + words[1:]


def _of_rows(error: duckdb.Error, message: str) -> str:
    if "scalar subquer" in message:
        return "a subquery used as a value gave more than one row"
    target = _TARGET.search(_without_quotes(message.split(_PAST, 1)[0]))
    into = f" {target.group(1)}" if target else ""
    match error:
        case duckdb.ConversionException() if _DIVIDED_BY_ZERO in message:
            return "a number was divided by zero"
        case duckdb.OutOfRangeException():
            return f"a value is out of the range of its type{into}"
        case duckdb.ConversionException():
            return f"a value could not be converted to{into or ' the type asked for'}"
        case duckdb.ConstraintException():
            return "a value breaks a constraint"
        case duckdb.InvalidInputException() if "according to format" in message:
            return "a text could not be parsed by its date format"
        case duckdb.InternalException() | duckdb.FatalException():
            return f"the engine failed inside ({type(error).__name__})"
        case _:
            return f"a value was refused ({type(error).__name__})"


def _without_quotes(message: str) -> str:
    """Everything from the first quote to the last one taken out: a value may itself hold quotes."""
    marks = [position for position, character in enumerate(message) if character in "'\""]
    return message[: marks[0]] + message[marks[-1] + 1 :] if marks else message
