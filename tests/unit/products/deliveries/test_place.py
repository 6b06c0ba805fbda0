"""A release put on a shelf: whatever was there before, and wherever a try before it ended."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.deliveries.carried import carried
from afluente.products.deliveries.delivery import DeliveryError, Package, PackageFile
from afluente.products.deliveries.folder.shelf import BLOCK_BYTES, FolderShelf
from afluente.products.deliveries.place import AGAIN, ANNOUNCING, STAGE, place, verify
from afluente.core.errors import Place
from afluente.project.product import DeliverySettings
from afluente.state.json_value import Json

OK = "vendas-000001.ok"
MANIFEST = "vendas-000001.manifest.json"


def package(root: Path, contents: tuple[bytes, ...] = (b"a;b\n1;2\n", b"x" * 5000)) -> Package:
    root.mkdir(parents=True, exist_ok=True)
    files = []
    for index, content in enumerate(contents):
        path = root / f"vendas-000001-{index}.csv"
        path.write_bytes(content)
        files.append(PackageFile(path.name, path, hashlib.sha256(content).hexdigest(), len(content)))
    (root / "manifest.json").write_text('{"number": 1}')
    (root / "manifest.json.sig").write_text("signature")
    return Package(
        "r1", "vendas", "Vendas", "marca", 1, None, datetime(2026, 3, 1, tzinfo=UTC), tuple(files),
        root / "manifest.json", root / "manifest.json.sig", "vendas-000001", None,
    )  # fmt: skip


def expected(told: Package) -> dict[str, bytes]:
    manifest = told.manifest.read_bytes()
    ok = f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
    files = {file.name: file.path.read_bytes() for file in told.files}
    return {**files, MANIFEST: manifest, f"{MANIFEST}.sig": b"signature", OK: ok}


def seen(shelf: FolderShelf) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in shelf.folder.iterdir()}


def shelf_in(folder: Path) -> FolderShelf:
    shelf = FolderShelf(folder, label="delivery copia")
    shelf.make()
    return shelf


class Watched(FolderShelf):
    """A folder that remembers the order of what it was asked, and fails when it is told to."""

    def __init__(self, folder: Path, *, fails_at: int = -1) -> None:
        super().__init__(folder, label="delivery copia")
        self.asked: list[str] = []
        self._fails_at = fails_at

    def _ask(self, what: str) -> None:
        if len(self.asked) == self._fails_at:
            raise DeliveryError("delivery.connection", "it ended here", retryable=True)
        self.asked.append(what)

    def put(self, name: str, path: Path, offset: int) -> None:
        self._ask(f"put {name}")
        super().put(name, path, offset)

    def write(self, name: str, content: bytes) -> None:
        self._ask(f"write {name}")
        super().write(name, content)

    def rename(self, name: str, to: str) -> None:
        self._ask(f"rename {to}")
        super().rename(name, to)


def keep(kept: dict[str, Json]) -> object:
    def save(progress: object) -> None:
        kept.clear()
        kept.update(progress)  # type: ignore[call-overload]

    return save


def test_the_ok_comes_last_after_the_signature_after_the_manifest(tmp_path: Path) -> None:
    shelf = Watched(tmp_path / "out")
    shelf.make()
    told = package(tmp_path / "in")
    place(shelf, told, progress={}, save=lambda _: shelf.asked.append("save"))
    names = [file.name for file in told.files] + [MANIFEST, f"{MANIFEST}.sig"]
    steps = [step for name in names for step in (f"put {name}.tmp", f"rename {name}")]
    assert shelf.asked == [*steps, "save", f"write {OK}.tmp", f"rename {OK}"]
    assert seen(shelf) == expected(told)


def test_a_second_try_finds_it_there_and_changes_nothing(tmp_path: Path) -> None:
    shelf, told = Watched(tmp_path / "out"), package(tmp_path / "in")
    shelf.make()
    place(shelf, told, progress={}, save=lambda _: None)
    shelf.asked.clear()
    assert place(shelf, told, progress={}, save=lambda _: None)["outcome"] == "found"
    assert shelf.asked == []


@pytest.mark.parametrize("fails_at", range(10))
def test_a_try_after_any_interruption_ends_with_the_whole_release(tmp_path: Path, fails_at: int) -> None:
    told, kept = package(tmp_path / "in"), {}
    shelf = Watched(tmp_path / "out", fails_at=fails_at)
    shelf.make()
    with pytest.raises(DeliveryError):
        place(shelf, told, progress={}, save=keep(kept))  # type: ignore[arg-type]
    assert OK not in seen(shelf)
    place(shelf_in(tmp_path / "out"), told, progress=kept, save=keep(kept))  # type: ignore[arg-type]
    assert seen(shelf) == expected(told)


def test_what_was_announced_and_taken_away_is_not_sent_again(tmp_path: Path) -> None:
    told, shelf = package(tmp_path / "in"), shelf_in(tmp_path / "out")
    assert place(shelf, told, progress={STAGE: ANNOUNCING}, save=lambda _: None)["outcome"] == "collected"
    assert seen(shelf) == {}


def test_sent_again_by_an_operator_brings_back_what_is_missing(tmp_path: Path) -> None:
    told, shelf = package(tmp_path / "in"), shelf_in(tmp_path / "out")
    place(shelf, told, progress={}, save=lambda _: None)
    (shelf.folder / told.files[0].name).unlink()
    (shelf.folder / told.files[1].name).write_bytes(b"edited")
    assert place(shelf, told, progress={AGAIN: True}, save=lambda _: None)["outcome"] == "placed"
    assert seen(shelf) == expected(told)


def test_a_changed_ok_or_manifest_is_refused(tmp_path: Path) -> None:
    told, shelf = package(tmp_path / "in"), shelf_in(tmp_path / "out")
    place(shelf, told, progress={}, save=lambda _: None)
    for name in (OK, MANIFEST):
        (shelf.folder / name).write_bytes(b"another")
        with pytest.raises(DeliveryError) as raised:
            place(shelf, told, progress={}, save=lambda _: None)
        assert raised.value.code == "delivery.changed"
        assert not raised.value.retryable
        with pytest.raises(DeliveryError):
            verify(shelf, told)
        (shelf.folder / name).write_bytes(expected(told)[name])
    assert set(verify(shelf, told)["files"].values()) == {"same"}  # type: ignore[union-attr]


def test_a_file_that_is_not_the_released_one_gets_no_name(tmp_path: Path) -> None:
    told, shelf = package(tmp_path / "in"), shelf_in(tmp_path / "out")
    told.files[0].path.write_bytes(b"a;b\n1;3\n")
    with pytest.raises(DeliveryError) as raised:
        place(shelf, told, progress={}, save=lambda _: None)
    assert raised.value.code == "delivery.release_changed"
    assert told.files[0].name not in seen(shelf)
    told.files[0].path.unlink()
    with pytest.raises(DeliveryError) as raised:
        place(shelf, told, progress={}, save=lambda _: None)
    assert raised.value.code == "delivery.release_changed"


@given(
    content=st.binary(max_size=300),
    before=st.binary(max_size=400) | st.none(),
    half=st.binary(max_size=400) | st.integers(0, 300),
)
@settings(max_examples=60, deadline=None)
def test_whatever_lay_there_the_release_is_what_is_seen(
    content: bytes, before: bytes | None, half: bytes | int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told, shelf = package(Path(folder, "in"), (content,)), shelf_in(Path(folder, "out"))
        name = told.files[0].name
        if before is not None:
            (shelf.folder / name).write_bytes(before)
        (shelf.folder / f"{name}.tmp").write_bytes(half if isinstance(half, bytes) else content[:half])
        place(shelf, told, progress={}, save=lambda _: None, is_read_back=True)
        left = seen(shelf)
        if before == content:
            left.pop(f"{name}.tmp")
        assert left == expected(told)


def test_a_long_half_is_resumed_from_its_last_equal_block(tmp_path: Path) -> None:
    content = os.urandom(3 * BLOCK_BYTES + 77)
    told, shelf = package(tmp_path / "in", (content,)), shelf_in(tmp_path / "out")
    name = f"{told.files[0].name}.tmp"
    (shelf.folder / name).write_bytes(content[: 2 * BLOCK_BYTES] + b"?" * BLOCK_BYTES)
    done = place(shelf, told, progress={}, save=lambda _: None)
    assert done["resumed_bytes"] == 2 * BLOCK_BYTES
    assert seen(shelf) == expected(told)


@pytest.mark.parametrize(
    ("number", "code", "retryable"),
    [
        (errno.ENOSPC, "delivery.quota", True),
        (errno.EDQUOT, "delivery.quota", True),
        (errno.EACCES, "delivery.refused", False),
        (errno.EROFS, "delivery.refused", False),
        (errno.EIO, "delivery.connection", True),
        (errno.ESTALE, "delivery.connection", True),
    ],
)
def test_failures_of_a_folder_are_told_apart(tmp_path: Path, number: int, code: str, retryable: bool) -> None:
    found = FolderShelf(tmp_path, label="delivery copia").failure(OSError(number, os.strerror(number)))
    assert (found.code, found.retryable) == (code, retryable)


def test_a_delivery_carries_its_outputs_and_formats(tmp_path: Path) -> None:
    told = package(tmp_path / "in")
    path = told.manifest
    files = tuple(
        PackageFile(f"{output}.{kind}", path, "", 0, output=output, format=kind)
        for output in ("dia", "mes")
        for kind in ("csv", "parquet")
    )
    extra = PackageFile("leia.txt", path, "", 0)
    whole = Package("r", "p", "t", "m", 1, None, told.released_at, (*files, extra), path, None, "p-000001", None)

    def names(**chosen: tuple[str, ...]) -> list[str]:
        way = DeliverySettings("a", "folder", Place("x"), **chosen)  # type: ignore[arg-type]
        return [file.name for file in carried(whole, way).files]

    assert len(names()) == 5
    assert names(outputs=("mes",), formats=("csv",)) == ["mes.csv", "leia.txt"]
    assert names(formats=("parquet",)) == ["dia.parquet", "mes.parquet", "leia.txt"]
