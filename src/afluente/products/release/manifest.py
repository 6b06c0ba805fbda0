"""The manifest of a release: what it is, what is in it, and under which promises.

Invariant: the same content at the same place of the ledger and of the audit log gives the same bytes: no clock and no
machine is in it. Nothing of the privacy policy stands in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.state.json_value import Json

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.contract import Column, Contract
    from afluente.project.product import Format, Product

FORMAT = "afluente-release/1"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file below the release's folder. `name` is its path there; `format` and `output` are empty for extras."""

    name: str
    sha256: str
    size_bytes: int
    rows: int = 0
    output: str = ""
    format: Format | None = None


@dataclass(frozen=True, slots=True)
class ManifestOutput:
    """One output: its contract, its columns and the days it tells."""

    name: str
    contract: Contract
    schema: pa.Schema
    rows: int
    days: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """What is needed of a manifest to verify and to deliver a release."""

    product: str
    title: str
    partner: str
    number: int
    replaces: int | None
    audit_head: str
    files: tuple[ManifestFile, ...]
    columns: Mapping[str, tuple[str, ...]]
    schemas: Mapping[str, tuple[tuple[str, str], ...]]
    period: tuple[str, str] | None
    signed_by: str


def describe_file(
    folder: Path, path: Path, *, rows: int = 0, output: str = "", form: Format | None = None
) -> ManifestFile:
    """A file of a release's folder with its digest."""
    name = path.relative_to(folder).as_posix()
    return ManifestFile(name, file_sha256(path), path.stat().st_size, rows, output, form)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_bytes(
    product: Product,
    *,
    number: int,
    replaces: int | None,
    as_of: datetime,
    inputs: Mapping[str, int],
    outputs: Sequence[ManifestOutput],
    files: Sequence[ManifestFile],
    ledger_position: int,
    audit_head: str,
    pseudonym_key_id: str,
    signed_by: str,
) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, one line end.

    `as_of` is when the newest of the inputs was committed. `ledger_position` is the newest figure that was told
    before, `audit_head` the audit log's newest entry when the release was built.
    """
    days = [output.days for output in outputs if output.days is not None]
    document: dict[str, Json] = {
        "format": FORMAT,
        "product": product.name,
        "title": product.title,
        "version": product.version,
        "partner": product.partner,
        "purpose": product.purpose,
        "legal_basis": product.legal_basis,
        "number": number,
        "replaces": replaces,
        "data_as_of": as_of.astimezone(UTC).isoformat(timespec="milliseconds"),
        "period": [min(first for first, _ in days), max(last for _, last in days)] if days else None,
        "inputs": dict(inputs),
        "outputs": [_output(output) for output in outputs],
        "files": [_file(file) for file in sorted(files, key=lambda file: file.name)],
        "ledger_position": ledger_position,
        "audit_head": audit_head,
        "pseudonym_key_id": pseudonym_key_id or None,
        "signed_by": signed_by or None,
    }
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode()


def read_manifest(content: bytes) -> ReadManifest:
    """Read what `manifest_bytes` wrote. AfluenteError `release.manifest` for anything else."""
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise ValueError(document["format"])
        period = document["period"]
        return ReadManifest(
            product=document["product"],
            title=document["title"],
            partner=document["partner"],
            number=document["number"],
            replaces=document["replaces"],
            audit_head=document["audit_head"],
            files=tuple(
                ManifestFile(
                    file["name"], file["sha256"], file["size_bytes"], file["rows"], file["output"], file["format"]
                )
                for file in document["files"]
            ),
            columns={
                output["name"]: tuple(column["name"] for column in output["columns"]) for output in document["outputs"]
            },
            schemas={
                output["name"]: tuple((column["name"], column["type"]) for column in output["columns"])
                for output in document["outputs"]
            },
            period=(period[0], period[1]) if period else None,
            signed_by=document["signed_by"] or "",
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise AfluenteError(
            "release.manifest", "the manifest is not one of a release of this format", hint="verify the release"
        ) from error


def _file(file: ManifestFile) -> dict[str, Json]:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "rows": file.rows,
        "output": file.output,
        "format": file.format,
    }


def _output(output: ManifestOutput) -> dict[str, Json]:
    from afluente.conform.spark_types import spark_type_of

    columns = {column.name: column for column in output.contract.columns}
    return {
        "name": output.name,
        "rows": output.rows,
        "period": list(output.days) if output.days else None,
        "contract": {
            "id": output.contract.id,
            "version": output.contract.version,
            "sha256": output.contract.text_sha256,
        },
        "columns": [_column(columns[field.name], spark_type_of(field.type)) for field in output.schema],
        "key": [name for name in output.contract.keys if name in output.schema.names],
    }


def _column(column: Column, kind: str) -> dict[str, Json]:
    return {
        "name": column.name,
        "type": kind,
        "required": column.required,
        "classification": column.classification,
        "description": column.description,
    }
