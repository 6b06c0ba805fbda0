"""Packages: paths that lead elsewhere, bombs, links; the same files make the same bytes."""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from afluente_agent.errors import UpdateError
from afluente_agent.protocol.messages import to_json
from afluente_agent.update.install import discard_others, install, verify
from afluente_agent.update.package import (
    MANIFEST,
    Manifest,
    PackedFile,
    build,
    digest,
    is_safe_path,
    read_manifest,
)
from afluente_agent.update.version_number import is_newer, is_version
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.agent.update.update_world import write_version

BAD_PATHS = [
    "../outside.py",
    "toy_agent/../../outside.py",
    "/etc/passwd",
    "C:/Windows/system.ini",
    "c:evil.py",
    "toy_agent\\..\\..\\outside.py",
    "toy_agent//a.py",
    "./a.py",
    "a.py.",
    "a.py ",
    "nul",
    "toy_agent/CON.py",
    "a\nb.py",
    "a\0b.py",
    "",
    "~/a.py",
    ".hidden",
    "a:stream.py",
    "x/" * 20 + "a.py",
    "x" * 300,
]


def packed(path: str, content: bytes = b"x", *, said: bytes | None = None) -> PackedFile:
    size, sha256 = digest(io.BytesIO(content if said is None else said))
    return PackedFile(path, size, sha256)


def archive_of(folder: Path, manifest: Manifest, entries: dict[str, bytes]) -> Path:
    archive = folder / "made.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(MANIFEST, to_json(manifest))
        for name, content in entries.items():
            made.writestr(name, content)
    return archive


def toy(*files: PackedFile) -> Manifest:
    return Manifest("1.1.0", "module", "toy_agent", "3.11", (packed("toy_agent/__main__.py"), *files))


def refused(archive: Path, versions: Path, code: str = "update.package") -> None:
    with pytest.raises(UpdateError) as caught:
        install(archive, versions, version="1.1.0")
    assert caught.value.code == code
    assert not (versions / "1.1.0").exists()


@pytest.mark.parametrize("path", BAD_PATHS)
def test_arbitrary_target_path_a_zip_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    assert not is_safe_path(path)
    if not path or "\0" in path:
        return
    entries = {"toy_agent/__main__.py": b"x", path: b"evil"}
    archive = archive_of(tmp_path, toy(packed(path, b"evil")), entries)
    before = sorted(p for p in tmp_path.rglob("*"))
    refused(archive, tmp_path / "agent" / "versions")
    after = {p for p in tmp_path.rglob("*")} - {tmp_path / "agent", tmp_path / "agent" / "versions"}
    assert sorted(after) == before


def test_an_entry_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, toy(), {"toy_agent/__main__.py": b"x", "../outside.py": b"evil"})
    refused(archive, tmp_path / "versions")


def test_an_entry_twice_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, toy(), {"toy_agent/__main__.py": b"x"})
    with zipfile.ZipFile(archive, "a") as made, pytest.warns(UserWarning):
        made.writestr("toy_agent/__main__.py", b"y")
    refused(archive, tmp_path / "versions")


def test_two_paths_that_are_one_on_windows_are_refused(tmp_path: Path) -> None:
    manifest = toy(packed("toy_agent/A.py"), packed("toy_agent/a.py"))
    archive = archive_of(
        tmp_path, manifest, {"toy_agent/__main__.py": b"x", "toy_agent/A.py": b"x", "toy_agent/a.py": b"x"}
    )
    refused(archive, tmp_path / "versions")


def test_a_path_that_is_a_file_and_a_folder_is_refused() -> None:
    with pytest.raises(UpdateError):
        read_manifest(to_json(toy(packed("toy_agent/a"), packed("toy_agent/a/b.py"))))


def test_a_link_in_the_zip_is_written_as_a_plain_file(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("toy_agent/link.py")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = archive_of(tmp_path, toy(packed("toy_agent/link.py", b"/etc/passwd")), {"toy_agent/__main__.py": b"x"})
    with zipfile.ZipFile(archive, "a") as made:
        made.writestr(link, b"/etc/passwd")
    install(archive, tmp_path / "versions", version="1.1.0")
    written = tmp_path / "versions" / "1.1.0" / "toy_agent" / "link.py"
    assert not written.is_symlink() and written.read_bytes() == b"/etc/passwd"


def test_zip_bomb_a_file_larger_than_its_manifest_says_is_cut_off(tmp_path: Path) -> None:
    bomb = b"\0" * 50_000_000
    manifest = toy(PackedFile("toy_agent/bomb.bin", 10, "0" * 64))
    archive = archive_of(tmp_path, manifest, {"toy_agent/__main__.py": b"x", "toy_agent/bomb.bin": bomb})
    assert archive.stat().st_size < 100_000
    refused(archive, tmp_path / "versions")
    written = sum(p.stat().st_size for p in (tmp_path / "versions").rglob("*") if p.is_file())
    assert written < 1_000_000


def test_zip_bomb_a_manifest_that_promises_too_much_is_refused() -> None:
    with pytest.raises(UpdateError):
        read_manifest(to_json(toy(PackedFile("toy_agent/bomb.bin", 10**12, "0" * 64))))


def test_a_file_that_is_not_the_one_named_is_refused(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path, toy(packed("toy_agent/a.py", said=b"b")), {"toy_agent/__main__.py": b"x", "toy_agent/a.py": b"a"}
    )
    refused(archive, tmp_path / "versions")


@pytest.mark.parametrize("start", ["os", "toy_agent.missing", "../x", "toy_agent; import os", ""])
def test_a_start_that_is_not_in_the_package_is_refused(start: str) -> None:
    with pytest.raises(UpdateError):
        read_manifest(to_json(replace(toy(), start=start)))


def test_a_version_for_a_newer_python_is_refused(tmp_path: Path) -> None:
    manifest = replace(toy(), minimum_python="3.99")
    refused(archive_of(tmp_path, manifest, {"toy_agent/__main__.py": b"x"}), tmp_path / "versions", "update.python")


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    first = write_version(tmp_path / "a", "1.1.0", extra=1000)
    second = write_version(tmp_path / "b", "1.1.0", extra=1000)
    (second / "toy_agent" / "__pycache__").mkdir()
    (second / "toy_agent" / "__pycache__" / "x.pyc").write_bytes(b"x")
    build(first, tmp_path / "1.zip", version="1.1.0", start="toy_agent")
    build(second, tmp_path / "2.zip", version="1.1.0", start="toy_agent")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


@pytest.mark.parametrize("harm", ["changed", "removed", "added", "link", "manifest"])
def test_a_version_harmed_on_the_disk_is_told_and_mended_by_unpacking_again(tmp_path: Path, harm: str) -> None:
    source = write_version(tmp_path, "1.1.0")
    build(source, tmp_path / "1.zip", version="1.1.0", start="toy_agent")
    versions = tmp_path / "versions"
    manifest = install(tmp_path / "1.zip", versions, version="1.1.0")
    folder = versions / "1.1.0"
    victim = folder / "toy_agent" / "__main__.py"
    match harm:
        case "changed":
            victim.write_text("print('evil')")
        case "removed":
            victim.unlink()
        case "added":
            (folder / "sitecustomize.py").write_text("evil")
        case "link":
            content = victim.read_bytes()
            (tmp_path / "elsewhere.py").write_bytes(content)
            victim.unlink()
            victim.symlink_to(tmp_path / "elsewhere.py")
        case "manifest":
            (folder / MANIFEST).write_bytes(b"{}")
    with pytest.raises(UpdateError) as caught:
        verify(folder)
    assert caught.value.code in ("update.damaged", "update.package")
    install(tmp_path / "1.zip", versions, version="1.1.0")
    assert verify(folder) == manifest


def test_only_versions_not_to_be_kept_are_removed(tmp_path: Path) -> None:
    for name in ("1.0.0", "1.1.0", "1.2.0", ".unpacking-1.3.0", ".aside-1.0.0-ab", "notes"):
        (tmp_path / name).mkdir()
    assert discard_others(tmp_path, keep={"1.1.0", "1.2.0", ""}) == [".aside-1.0.0-ab", ".unpacking-1.3.0", "1.0.0"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.1.0", "1.2.0", "notes"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[a-zA-Z0-9_./\\: ~-]{1,40}", fullmatch=True))
def test_a_safe_path_stays_inside_on_both_systems(text: str) -> None:
    import ntpath
    import posixpath

    if is_safe_path(text):
        assert posixpath.normpath(posixpath.join("/raiz", text)).startswith("/raiz/")
        joined = ntpath.normpath(ntpath.join("D:\\root", text))
        assert joined.startswith("D:\\root\\") and ":" not in joined[2:]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_for_a_manifest_are_refused_in_the_agents_words(content: bytes) -> None:
    with pytest.raises(UpdateError):
        read_manifest(content)


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(0, 99)] * 3), st.tuples(*[st.integers(0, 99)] * 3))
def test_versions_are_ordered_as_numbers(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    first, second = (".".join(map(str, one)) for one in (a, b))
    assert is_version(first) and is_newer(first, second) == (a > b)


@pytest.mark.parametrize("text", ["1.0", "01.0.0", "1.0.0rc1", "1.0.0/../x", "", "1.0.0\n", "1.0.0.0.0", "v1.0.0"])
def test_other_texts_are_no_versions(text: str) -> None:
    assert not is_version(text)
