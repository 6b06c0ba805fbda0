"""A release held against its manifest, its signature, the state and the audit log.

Invariant: a file that was changed, added or removed, a manifest that was changed even together with its files, and
an edited entry of the audit log are each found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.core.language import Language
from afluente.products.release.folder import MANIFEST, SIGNATURE
from afluente.products.release.manifest import ReadManifest, file_sha256, read_manifest
from afluente.products.release.sshsig import BadSignature, fingerprint, public_key_of, verify
from afluente.products.release.told_before import checked_ledger_file
from afluente.state import audit_chain, releases
from afluente.state.audit_chain import GENESIS, AuditEntry

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release


@dataclass(frozen=True, slots=True)
class VerifyProblem:
    """One thing that does not fit. `subject` is the file, or the audit entry's number."""

    code: str
    subject: str
    message_pt: str
    message_en: str

    def message(self, language: Language) -> str:
        return self.message_pt if language == "pt" else self.message_en


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """`checked` counts the files that were compared."""

    problems: tuple[VerifyProblem, ...]
    checked: int
    is_signed: bool

    @property
    def is_whole(self) -> bool:
        return not self.problems


def verify_release(workspace: Workspace, release: Release) -> VerifyReport:
    """Check everything that is known about a release. Reads every byte of its files."""
    folder = Path(workspace.project.root, release.folder)
    key = _public_key(workspace, release.product)
    report = verify_folder(folder, public_key=key)
    problems = list(report.problems)
    path = folder / MANIFEST
    digest = file_sha256(path) if path.is_file() else ""
    with workspace.state.read() as connection:
        log = audit_chain.entries(connection)
        ledger = releases.ledger_rows_of(connection, release.id)
    if digest and digest != release.manifest_sha256:
        problems.append(
            VerifyProblem(
                "manifest.changed",
                MANIFEST,
                "o manifesto não é o que foi registrado",
                "the manifest is not the one that was recorded",
            )
        )
    problems += _audit_problems(log, release)
    for row in ledger:
        try:
            checked_ledger_file(workspace.project.root, row)
        except AfluenteError as error:
            pt = f"o arquivo do livro-razão {row.path} não é o que foi registrado"
            problems.append(VerifyProblem("ledger.changed", row.path, pt, error.message))
    return VerifyReport(tuple(problems), report.checked, report.is_signed)


def verify_folder(folder: Path, *, public_key: str = "") -> VerifyReport:
    """Check a folder by itself, as a partner can: files against manifest, and the signature when a key is given."""
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = read_manifest(content)
    except (OSError, AfluenteError):
        problem = VerifyProblem(
            "manifest.unreadable", MANIFEST, "o manifesto não pode ser lido", "the manifest cannot be read"
        )
        return VerifyReport((problem,), 0, is_signed=False)
    problems = [*_file_problems(folder, manifest), *_signature_problems(folder, content, manifest, public_key)]
    return VerifyReport(tuple(problems), len(manifest.files), bool(public_key))


def _file_problems(folder: Path, manifest: ReadManifest) -> Iterator[VerifyProblem]:
    named = {file.name for file in manifest.files}
    for file in manifest.files:
        path = folder / file.name
        if not path.is_file():
            yield VerifyProblem("file.missing", file.name, f"falta o arquivo {file.name}", f"{file.name} is missing")
        elif path.stat().st_size != file.size_bytes or file_sha256(path) != file.sha256:
            yield VerifyProblem(
                "file.changed",
                file.name,
                f"o arquivo {file.name} não é o do manifesto",
                f"{file.name} is not the file of the manifest",
            )
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in named and name not in (MANIFEST, SIGNATURE):
            yield VerifyProblem(
                "file.unknown",
                name,
                f"o arquivo {name} não está no manifesto",
                f"{name} is not in the manifest",
            )


def _signature_problems(
    folder: Path, content: bytes, manifest: ReadManifest, public_key: str
) -> Iterator[VerifyProblem]:
    path = folder / SIGNATURE
    if not public_key:
        return
    if not path.is_file():
        yield VerifyProblem("signature.missing", SIGNATURE, "falta a assinatura", "the signature is missing")
        return
    try:
        verify(content, path.read_text(encoding="ascii", errors="replace"), public_key)
    except BadSignature as error:
        yield VerifyProblem(error.code, SIGNATURE, f"a assinatura não vale ({error.code})", error.message)
        return
    if manifest.signed_by != fingerprint(public_key):
        yield VerifyProblem(
            "signature.other_key",
            SIGNATURE,
            "o manifesto nomeia outra chave",
            "the manifest names another key",
        )


def _audit_problems(log: Sequence[AuditEntry], release: Release) -> Iterator[VerifyProblem]:
    broken = audit_chain.first_broken(list(log))
    if broken is not None:
        yield VerifyProblem(
            "audit.broken",
            str(broken.id),
            f"o registro de auditoria foi adulterado na entrada {broken.id} ou antes dela",
            f"the audit log was tampered with at entry {broken.id} or before it",
        )
    mine = [entry for entry in log if entry.subject == release.subject]
    recorded = [entry for entry in mine if entry.payload.get("manifest_sha256") == release.manifest_sha256]
    if not recorded:
        yield VerifyProblem(
            "audit.missing",
            release.subject,
            "o registro de auditoria não tem a entrada desta liberação",
            "the audit log has no entry of this release",
        )
        return
    before = {entry.hash for entry in log if entry.id < recorded[0].id} | {GENESIS}
    if release.audit_head not in before:
        yield VerifyProblem(
            "audit.head_lost",
            release.subject,
            "a entrada que o manifesto nomeia não está no registro de auditoria",
            "the entry that the manifest names is not in the audit log",
        )


def _public_key(workspace: Workspace, name: str) -> str:
    """The public half of the product's signing key; empty for a product that does not sign, or is gone."""
    for product in workspace.project.products:
        if product.name == name and product.signing_key is not None:
            return public_key_of(workspace.secret(product.signing_key))
    return ""
