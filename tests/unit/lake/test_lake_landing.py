"""Landing: whole or absent, once, and never outside its source's folder."""

from __future__ import annotations

import io
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest
from afluente.core.errors import LakeError
from afluente.lake import LandedFile, Lake
from hypothesis import given
from hypothesis import strategies as st


def test_a_file_is_kept_as_it_was_sent(lake: Lake) -> None:
    content = os.urandom(3 << 20)
    landed = lake.landing.put("pedidos", "pedidos 2024-01.csv", io.BytesIO(content))
    digest = sha256(content).hexdigest()
    assert landed == LandedFile(f"pedidos/{digest[:2]}/{digest}/pedidos 2024-01.csv", digest, len(content))
    with lake.landing.open(landed) as file:
        assert file.read() == content
    assert (landed.source, landed.name) == ("pedidos", "pedidos 2024-01.csv")
    assert lake.landing.exists(landed)
    assert lake.landing.files("pedidos") == [landed]


def test_the_same_content_is_not_written_twice(lake: Lake) -> None:
    first = lake.landing.put("pedidos", "a.csv", [b"x", b"y"])
    path = Path(lake.landing.address_of(first))
    before = path.stat()
    assert lake.landing.put("pedidos", "a.csv", io.BytesIO(b"xy")) == first
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_stream_that_breaks_leaves_nothing(lake: Lake, tmp_path: Path) -> None:
    def broken() -> object:
        yield b"metade"
        raise ConnectionResetError("rede")

    with pytest.raises(LakeError):
        lake.landing.put("pedidos", "a.csv", broken())
    assert lake.landing.files("pedidos") == []
    assert [path for path in (tmp_path / "lago").rglob("*") if path.is_file()] == []


def test_what_a_killed_process_had_begun_to_land_goes_after_a_day(lake: Lake, tmp_path: Path) -> None:
    lake.landing.put("pedidos", "a.csv", io.BytesIO(b"inteiro"))
    incoming = tmp_path / "lago" / "landing" / ".incoming"
    dead, running = incoming / "morto", incoming / "vivo"
    for path in (dead, running):
        path.write_bytes(b"met")
    long_ago = time.time() - 25 * 3600
    os.utime(dead, (long_ago, long_ago))
    lake.landing.put("pedidos", "b.csv", io.BytesIO(b"outro"))
    assert [path.name for path in incoming.iterdir()] == ["vivo"]


def test_a_file_that_was_cut_is_landed_again(lake: Lake) -> None:
    landed = lake.landing.put("pedidos", "a.csv", io.BytesIO(b"inteiro"))
    Path(lake.landing.address_of(landed)).write_bytes(b"int")
    assert not lake.landing.exists(landed)
    lake.landing.put("pedidos", "a.csv", io.BytesIO(b"inteiro"))
    assert lake.landing.exists(landed)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "unnamed"),
        ("C:\\dados\\vendas.csv", "vendas.csv"),
        (".bashrc", "bashrc"),
        ("", "unnamed"),
        ("a\x00b\n*.csv", "a_b_.csv"),
        ("ação.csv", "ação.csv"),
        ("é" * 300 + ".csv.gz", "é" * 88 + ".gz"),
    ],
)
def test_names_do_not_lead_elsewhere(lake: Lake, name: str, kept: str) -> None:
    assert lake.landing.put("pedidos", name, io.BytesIO(b"x")).name == kept


@given(name=st.text(max_size=400))
def test_any_name_becomes_one_segment(name: str) -> None:
    from afluente.lake.landing import safe_name

    safe = safe_name(name)
    assert safe
    assert safe not in {".", ".."}
    assert "/" not in safe
    assert "\\" not in safe
    assert len(safe.encode()) <= 180
    assert safe_name(safe) == safe


@pytest.mark.parametrize("source", ["", "..", "a/b", "A", ".incoming"])
def test_a_source_must_be_able_to_name_a_folder(lake: Lake, source: str) -> None:
    with pytest.raises(LakeError) as caught:
        lake.landing.put(source, "a.csv", io.BytesIO(b"x"))
    assert caught.value.code == "lake.landing_name"


def test_a_landed_path_that_leads_outside_is_refused(lake: Lake) -> None:
    with pytest.raises(LakeError):
        lake.landing.open(LandedFile("pedidos/../../x", "", 0))


def test_a_landed_file_that_is_gone_is_said_to_be_missing(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        lake.landing.open(LandedFile("pedidos/ab/abc/x.csv", "abc", 1))
    assert caught.value.code == "lake.file_missing"
