"""What is written into the spool comes out of it, and nothing of it can be read beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from afluente_agent.errors import SpoolError
from afluente_agent.spool.recovery import recover
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.spool_world import SMALL, Facts, content_of, listed, open_spool, put


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=8), st.data())
def test_any_part_of_a_transmission_is_what_was_written(pieces: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = open_spool(Path(folder))
        with spool.new_sink() as sink:
            for piece in pieces:
                sink.write(piece)
            start = sink.commit(listed())
        whole = b"".join(pieces)
        [one] = open_spool(Path(folder)).waiting()
        assert one.start == start
        assert start.size_bytes == len(whole)
        offset = data.draw(st.integers(0, len(whole)))
        size = data.draw(st.integers(0, len(whole) + 10))
        assert spool.read(one, offset, size) == whole[offset : offset + size]


def test_transmissions_wait_in_the_order_of_their_commits(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    late = spool.new_sink()
    late.write(b"late")
    early = put(spool, b"early").id
    late.commit(listed())
    assert [one.id for one in spool.waiting()] == [early, late.id]


def test_what_is_not_committed_does_not_wait(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with spool.new_sink() as sink:
        sink.write(b"x" * 1000)
    assert spool.waiting() == []
    assert list(spool.waiting_folder.iterdir()) == []


def test_nothing_of_a_list_stands_readable_on_the_disk(tmp_path: Path) -> None:
    put(open_spool(tmp_path), b"NOME DE UMA PESSOA" * 50, name="lista_de_pessoas")
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"PESSOA" not in stored
    assert b"lista_de_pessoas" not in stored


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_only_the_owner_may_read_the_spool_and_its_key(tmp_path: Path) -> None:
    put(open_spool(tmp_path), b"x" * 1000)
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    key = tmp_path / "identity" / "spool.key"
    key.chmod(0o644)
    open_spool(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_segment_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    first, second = put(spool, bytes(600)).id, put(spool, bytes(600)).id
    [one, other] = spool.waiting()
    folders = [spool.folder_of(name) for name in (first, second)]
    shutil.copy(folders[0] / "000000.segment", folders[1] / "000000.segment")
    with pytest.raises(SpoolError, match="damaged"):
        spool.read(other, 0, 600)
    shutil.copy(folders[0] / "000001.segment", folders[0] / "000000.segment")
    with pytest.raises(SpoolError, match="damaged"):
        spool.read(one, 0, 600)


def test_a_manifest_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts)
    first, second = put(spool, b"first").id, put(spool, b"other").id
    shutil.copy(spool.folder_of(first) / "manifest", spool.folder_of(second) / "manifest")
    assert [one.id for one in spool.waiting()] == [first]
    assert facts.codes == ["spool.quarantined"]


def test_a_damaged_key_is_kept_beside_and_what_it_sealed_is_set_aside(tmp_path: Path) -> None:
    put(open_spool(tmp_path), b"x")
    key = tmp_path / "identity" / "spool.key"
    damaged = bytes([key.read_bytes()[0] ^ 1]) + key.read_bytes()[1:]
    key.write_bytes(damaged)
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts)
    assert recover(spool).quarantined == 1
    assert facts.codes == ["spool.key_lost", "spool.quarantined"]
    assert (tmp_path / "identity" / "spool.key.damaged-1").read_bytes() == damaged
    start = put(spool, b"new")
    assert content_of(spool, start.id) == b"new"


def test_memory_holds_a_record_and_not_a_list(tmp_path: Path) -> None:
    import tracemalloc

    spool = open_spool(tmp_path, limits=type(SMALL)(segment_bytes=1 << 20, record_bytes=1 << 16))
    block = bytes(1 << 16)
    with spool.new_sink() as sink:
        sink.write(block)
        tracemalloc.start()
        for _ in range(160):
            sink.write(block)
        sink.commit(listed())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_status_says_what_waits(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, free_bytes=10**9)
    put(spool, bytes(600))
    broken = put(spool, b"y").id
    (spool.folder_of(broken) / "manifest").write_bytes(b"")
    status = spool.status()
    assert (status.waiting_bytes, status.waiting_segments, status.quarantined) == (600, 3, 1)
    assert status.free_disk_bytes == 10**9
    assert status.oldest_at > 0
