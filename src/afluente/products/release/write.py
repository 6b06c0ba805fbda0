"""A draft written down: files, extras, manifest and signature in a folder; what it tells in the ledger's folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.products.privacy.pseudonym import key_of
from afluente.products.release.folder import FILES, MANIFEST, SIGNATURE, ledger_folder, settle
from afluente.products.release.formats.write import SUFFIXES, write_format
from afluente.products.release.manifest import ManifestFile, describe_file, file_sha256, manifest_bytes
from afluente.products.release.sshsig import fingerprint, public_key_of, sign
from afluente.state.releases import LedgerRow, Release

if TYPE_CHECKING:
    from afluente.products.release.draft import Draft, DraftOutput
    from afluente.products.release.gates import Gates
    from afluente.project.product import Format, Product
    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the folder."""

    files: tuple[ManifestFile, ...]
    manifest_sha256: str


def prefix_of(product: str, number: int) -> str:
    """What the names of a release's files begin with."""
    return f"{product}-{number:06d}"


def file_name(release: Release, output: str, form: Format) -> str:
    return f"{prefix_of(release.product, release.number)}-{output}.{SUFFIXES[form]}"


def write_release(
    workspace: Workspace, product: Product, draft: Draft, release: Release, folder: Path, gates: Gates
) -> Written:
    """Write everything a release is into an empty folder. ProjectError when the signing key cannot be used."""
    private_key = workspace.secret(product.signing_key) if product.signing_key is not None else ""
    files = [_write(release, one, form, folder) for one in draft.outputs for form in one.output.formats]
    if gates.report is not None:
        gates.report(workspace, product, {one.output.name: one.table for one in draft.outputs}, folder)
        files += _extras(folder)
    inputs = draft.selection.inputs
    manifest = manifest_bytes(
        product,
        number=release.number,
        replaces=release.replaces,
        as_of=inputs.as_of,
        inputs=release.inputs,
        outputs=[one.in_manifest() for one in draft.outputs],
        files=files,
        ledger_position=draft.before.position,
        audit_head=release.audit_head or "",
        pseudonym_key_id=key_of(workspace, product).key_id if draft.has_pseudonyms else "",
        signed_by=fingerprint(public_key_of(private_key)) if private_key else "",
    )
    (folder / MANIFEST).write_bytes(manifest)
    if private_key:
        (folder / SIGNATURE).write_text(sign(manifest, private_key), encoding="ascii")
    return Written(tuple(files), sha256(manifest).hexdigest())


def _write(release: Release, one: DraftOutput, form: Format, folder: Path) -> ManifestFile:
    path = folder / FILES / file_name(release, one.output.name, form)
    write_format(path, one.table, form)
    return describe_file(folder, path, rows=one.table.num_rows, output=one.output.name, form=form)


def _extras(folder: Path) -> list[ManifestFile]:
    """What stands in the folder beside the files of outputs."""
    data = folder / FILES
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != data]
    return [describe_file(folder, path) for path in found]


def keep_ledger(workspace: Workspace, draft: Draft, release: Release, gates: Gates) -> tuple[LedgerRow, ...]:
    """Write what each output tells into the ledger's folder, and bring it to the disk."""
    name = ledger_folder(release.partner, release.id)
    folder = workspace.project.root / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for one in draft.outputs:
        path = folder / f"{one.output.name}.parquet"
        gates.write_ledger(path, [replace(told, release=release.id) for told in one.told])
        rows.append(
            LedgerRow(
                partner=release.partner,
                product=release.product,
                release_id=release.id,
                output=one.output.name,
                path=f"{name}/{path.name}",
                sha256=file_sha256(path),
                cells=len(one.told),
                at=release.created_at,
            )
        )
    settle(folder)
    return tuple(rows)
