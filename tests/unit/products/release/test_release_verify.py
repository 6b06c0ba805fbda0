from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from release_project import PREFIX, ToldGates

from afluente.products.release.build import build_release
from afluente.products.release.sshsig import make_key, public_key_of, sign
from afluente.products.release.verify import verify_folder, verify_release
from afluente.runs.steps.workspace import Workspace
from afluente.state.release_schema import AUDIT_LOG, RELEASES
from afluente.state.releases import Release


@pytest.fixture
def made(opened: Callable[..., Workspace]) -> tuple[Workspace, Release, Path]:
    workspace = opened()
    product = workspace.project.products[0]
    release = build_release(workspace, product, actor="ana", gates=ToldGates().gates()).release
    assert release is not None
    return workspace, release, workspace.project.root / release.folder


def codes(workspace: Workspace, release: Release) -> list[str]:
    return [problem.code for problem in verify_release(workspace, release).problems]


def test_a_release_as_it_was_made_is_whole(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, _ = made
    report = verify_release(workspace, release)
    assert (report.is_whole, report.checked, report.is_signed) == (True, 5, True)


def test_a_changed_a_missing_and_an_added_file_are_found(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, folder = made
    path = folder / f"{PREFIX}vendas_mes.csv"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"SP", b"RJ", 1))
    assert codes(workspace, release) == ["file.changed"]
    path.unlink()
    assert codes(workspace, release) == ["file.missing"]
    path.write_bytes(content)
    (folder / "files" / "extra.csv").write_text("x")
    assert codes(workspace, release) == ["file.unknown"]


def test_a_changed_manifest_is_found_even_when_its_file_was_changed_with_it(
    made: tuple[Workspace, Release, Path],
) -> None:
    workspace, release, folder = made
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":2', 1))
    assert codes(workspace, release) == ["signature.wrong", "manifest.changed"]


def test_a_manifest_signed_anew_by_another_key_is_found(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, folder = made
    path = folder / "manifest.json"
    (folder / "manifest.json.sig").write_text(sign(path.read_bytes(), make_key().private))
    assert codes(workspace, release) == ["signature.other_key"]
    (folder / "manifest.json.sig").unlink()
    assert codes(workspace, release) == ["signature.missing"]


def test_a_manifest_that_was_changed_and_signed_by_us_is_found_by_the_audit_log(
    made: tuple[Workspace, Release, Path],
) -> None:
    workspace, release, folder = made
    path = folder / "manifest.json"
    content = path.read_bytes().replace(b'"title":"Vendas', b'"title":"Compras', 1)
    path.write_bytes(content)
    private = (workspace.project.root / "chaves" / "assinatura").read_text(encoding="ascii")
    (folder / "manifest.json.sig").write_text(sign(content, private))
    assert codes(workspace, release) == ["manifest.changed"]
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    with workspace.state.write() as connection:
        connection.execute(sa.update(RELEASES).values(manifest_sha256=digest))
    from dataclasses import replace

    assert codes(workspace, replace(release, manifest_sha256=digest)) == ["audit.missing"]


def test_an_edited_audit_entry_is_found(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, _ = made
    with workspace.state.write() as connection:
        connection.execute(sa.update(AUDIT_LOG).values(actor="outra pessoa"))
    assert codes(workspace, release) == ["audit.broken"]


def test_a_cut_audit_log_is_found(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, _ = made
    with workspace.state.write() as connection:
        connection.execute(sa.delete(AUDIT_LOG))
    assert codes(workspace, release) == ["audit.missing"]


def test_a_changed_ledger_file_is_found(made: tuple[Workspace, Release, Path]) -> None:
    workspace, release, _ = made
    path = next((workspace.project.root / ".afluente" / "ledger").rglob("vendas_mes.parquet"))
    path.unlink()
    assert codes(workspace, release) == ["ledger.changed"]


def test_a_partner_can_verify_a_folder_alone(made: tuple[Workspace, Release, Path], tmp_path: Path) -> None:
    workspace, _, folder = made
    private = (workspace.project.root / "chaves" / "assinatura").read_text(encoding="ascii")
    assert verify_folder(folder, public_key=public_key_of(private)).is_whole
    assert [one.code for one in verify_folder(tmp_path).problems] == ["manifest.unreadable"]
