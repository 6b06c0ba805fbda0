"""The rows of an output in chunks, and the body of each request.

Invariant: the chunks hold every row once and in order; none has more than `chunk_rows` rows or `chunk_bytes` of rows;
the same rows and limits always give the same bodies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from afluente.products.deliveries.delivery import DeliveryError, Package
from afluente.state.json_value import Json


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a chunk may be. `chunk_bytes` counts the rows' JSON texts and the commas between them."""

    chunk_rows: int
    chunk_bytes: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How many chunks an output has, and how many rows."""

    chunks: int
    rows: int


def cut(rows: Iterable[bytes], limits: Limits) -> Iterator[tuple[bytes, ...]]:
    """The rows in chunks; one empty chunk when there are none. DeliveryError `delivery.api_row_too_large`."""
    held: list[bytes] = []
    size_bytes = 0
    is_first = True
    for number, row in enumerate(rows, 1):
        if len(row) > limits.chunk_bytes:
            raise DeliveryError(
                "delivery.api_row_too_large",
                f"row {number} has {len(row)} bytes, more than the {limits.chunk_bytes} of a chunk",
                hint="raise max_chunk_mb",
            )
        if held and (len(held) == limits.chunk_rows or size_bytes + 1 + len(row) > limits.chunk_bytes):
            yield tuple(held)
            held, size_bytes, is_first = [], 0, False
        size_bytes += len(row) + bool(held)
        held.append(row)
    if held or is_first:
        yield tuple(held)


def count(rows: Iterable[bytes], limits: Limits) -> Counted:
    """What `cut` will give, with nothing kept."""
    chunks = total = 0
    for chunk in cut(rows, limits):
        chunks += 1
        total += len(chunk)
    return Counted(chunks, total)


def chunk_body(
    package: Package, output: str, *, chunk: int, chunks: int, rows: Sequence[bytes], columns: Sequence[str]
) -> bytes:
    """The body of one request. `chunk` counts from 1."""
    envelope: dict[str, Json] = {
        "release": package.release_id,
        "product": package.product,
        "number": package.number,
        "output": output,
        "chunk": chunk,
        "chunks": chunks,
    }
    if columns:
        envelope["columns"] = list(columns)
    return _json(envelope)[:-1] + b',"rows":[' + b",".join(rows) + b"]}"


def completion_body(package: Package, counted: Mapping[str, Counted], limits: Limits) -> bytes:
    """The body of the last request: what was sent, and the manifest with its signature, both as signed.

    DeliveryError `delivery.api_complete_too_large` when it is larger than a chunk may be.
    """
    manifest = package.manifest.read_text(encoding="utf-8")
    signature = package.signature.read_text(encoding="utf-8") if package.signature is not None else None
    body = _json(
        {
            "release": package.release_id,
            "product": package.product,
            "number": package.number,
            "replaces": package.replaces,
            "complete": True,
            "outputs": [{"output": output, "chunks": one.chunks, "rows": one.rows} for output, one in counted.items()],
            "manifest": manifest,
            "signature": signature,
        }
    )
    if len(body) > limits.chunk_bytes:
        raise DeliveryError(
            "delivery.api_complete_too_large",
            f"the last request has {len(body)} bytes, more than the {limits.chunk_bytes} of a chunk",
            hint="raise max_chunk_mb, or carry fewer outputs in this delivery",
        )
    return body


def _json(value: Mapping[str, Json]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
