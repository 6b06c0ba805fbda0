"""What the libraries below raise, told as LakeError.

Invariant: no exception class of deltalake, pyarrow, fsspec or botocore leaves this room.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from afluente.core.errors import AfluenteError, LakeError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_SPACE_TEXT = ("no space left", "os error 28", "os error 122", "quota exceeded", "file too large", "os error 27")
_READ_ONLY_TEXT = ("read-only file system", "permission denied", "os error 30", "os error 13", "os error 1)")
_CREDENTIALS_TEXT = (
    "accessdenied",
    "access denied",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "credential",
    "status code: 401",
    "status code: 403",
    "401 unauthorized",
    "403 forbidden",
    "expiredtoken",
)
_NO_BUCKET_TEXT = ("nosuchbucket", "specified bucket does not exist", "containernotfound")
_UNREACHABLE_TEXT = (
    "generic s3 error",
    "generic gcs error",
    "generic microsoftazure error",
    "error sending request",
    "could not connect",
    "connection refused",
    "connection reset",
    "timed out",
    "timeout",
    "dns error",
    "service unavailable",
)
_CORRUPTED_TEXT = ("json error", "no table metadata", "parquet error", "invalid json", "missing version", "checkpoint")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Run the block; what a library raises leaves it as LakeError that begins with `doing`."""
    try:
        yield
    except AfluenteError:
        raise
    except Exception as error:
        if not _is_of_a_library(error):
            raise
        raise describe(error, doing) from error


def describe(error: BaseException, doing: str) -> LakeError:
    """The LakeError that a library's exception stands for."""
    text = _COLOURS.sub("", str(error))
    lowered = text.lower()
    number = error.errno if isinstance(error, OSError) else None
    reason = _first_lines(text)
    if number in _NO_SPACE or any(mark in lowered for mark in _NO_SPACE_TEXT):
        return LakeError(
            "lake.disk_full", f"{doing}: the disk is full ({reason})", hint="free some space, then run again"
        )
    if number in _READ_ONLY or any(mark in lowered for mark in _READ_ONLY_TEXT):
        return LakeError(
            "lake.read_only",
            f"{doing}: the lake cannot be written or read ({reason})",
            hint="give this user permission on the lake's folder, or choose another folder",
        )
    if any(mark in lowered for mark in _CREDENTIALS_TEXT) or "nocredentials" in type(error).__name__.lower():
        return LakeError(
            "lake.credentials",
            f"{doing}: the object store refused the credentials ({reason})",
            hint="look at the lake's options in afluente.yaml and at the secrets they name",
        )
    if any(mark in lowered for mark in _NO_BUCKET_TEXT):
        return LakeError(
            "lake.bucket_missing",
            f"{doing}: the bucket does not exist",
            hint="make the bucket, or look at the lake's address in afluente.yaml",
        )
    if (
        isinstance(error, ConnectionError | TimeoutError)
        or _package(error) in {"botocore", "aiohttp"}
        or any(mark in lowered for mark in _UNREACHABLE_TEXT)
    ):
        return LakeError(
            "lake.unreachable",
            f"{doing}: the object store did not answer ({reason})",
            hint="look at the address and the network; trying again may succeed",
            retryable=True,
        )
    if isinstance(error, FileNotFoundError):
        return LakeError("lake.file_missing", f"{doing}: a file is missing ({reason})", hint="was it vacuumed?")
    if any(mark in lowered for mark in _CORRUPTED_TEXT):
        return LakeError(
            "lake.log_corrupted",
            f"{doing}: a file of the table or of its log cannot be read ({reason})",
            hint="restore the table's folder from a copy, or remove it and run with --full-refresh",
        )
    return LakeError(
        "lake.failed",
        f"{doing}: {reason}",
        hint="look whether something else changed the lake's folder; a table whose folder is removed is made anew",
    )


def _package(error: BaseException) -> str:
    return type(error).__module__.split(".", 1)[0]


def _is_of_a_library(error: Exception) -> bool:
    if isinstance(error, OSError) or _package(error) in {
        "deltalake",
        "_internal",
        "pyarrow",
        "duckdb",
        "_duckdb",
        "botocore",
        "aiohttp",
        "fsspec",
        "s3fs",
    }:
        return True
    return any(kind.__name__ == "DeltaError" for kind in type(error).__mro__) or type(error) is Exception


def _first_lines(text: str) -> str:
    lines = [line.strip(" ↳") for line in text.splitlines() if line.strip()]
    kept = [line for line in lines[:8] if not re.match(r"\d+: |at |<", line)]
    return "; ".join(kept)[:400] or "no reason given"
