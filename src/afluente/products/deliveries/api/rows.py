"""The rows of an output as JSON texts, read from the file of the release that holds them.

Invariant: what is read is the file of the manifest; a file that changed since is refused before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from afluente.products.deliveries.api.config import ROW_FORMATS
from afluente.products.deliveries.delivery import DeliveryError, Package, PackageFile
from afluente.project.product import DeliverySettings

_BATCH_ROWS = 8192


def files_of_rows(package: Package, settings: DeliverySettings) -> tuple[PackageFile, ...]:
    """One file for each output of the delivery, in the package's order; JSON lines before Parquet.

    DeliveryError `delivery.api_formats` when an output has neither.
    """
    by_output: dict[str, list[PackageFile]] = {}
    for file in package.files:
        if file.output and (not settings.outputs or file.output in settings.outputs):
            by_output.setdefault(file.output, []).append(file)
    chosen = []
    for output, files in by_output.items():
        allowed = [file for file in files if not settings.formats or file.format in settings.formats]
        found = [file for kind in ROW_FORMATS for file in allowed if file.format == kind]
        if not found:
            raise DeliveryError(
                "delivery.api_formats",
                f"delivery {settings.name}: output '{output}' of {package.prefix} has no jsonl and no parquet file",
                hint=f"add jsonl to the formats of '{output}'",
            )
        chosen.append(found[0])
    return tuple(chosen)


def verify_file(file: PackageFile) -> None:
    """DeliveryError `delivery.file_changed` unless the file has the bytes that its manifest says."""
    try:
        with file.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DeliveryError(
            "delivery.file_missing",
            f"{file.name} of the release cannot be read: {error.strerror}",
            hint="build the release again: `afluente product release`",
        ) from None
    if digest != file.sha256:
        raise DeliveryError(
            "delivery.file_changed",
            f"{file.name} has sha256 {digest[:12]} and its manifest says {file.sha256[:12]}",
            hint="the release was changed after it was made: `afluente product verify`",
        )


def read_rows(file: PackageFile) -> Iterator[bytes]:
    """Each row as the UTF-8 text of a JSON object, in the file's order."""
    return _json_lines(file.path) if file.format == "jsonl" else _parquet_rows(file.path)


def _json_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for line in stream:
            row = line.strip()
            if row:
                yield row


def _parquet_rows(path: Path) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as reader:
        for batch in reader.iter_batches(batch_size=_BATCH_ROWS):
            rows: Sequence[dict[str, object]] = batch.to_pylist()
            for row in rows:
                text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_as_json)
                yield text.encode()


def _as_json(value: object) -> str | int | float:
    """Dates and times after ISO 8601; a decimal as a number where that is exact, else as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        near = float(value)
        return near if Decimal(repr(near)) == value else str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"a column of type {type(value).__name__} has no JSON form")
