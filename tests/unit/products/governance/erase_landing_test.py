"""Landed files without a person: the other records byte for byte as they came, in every packing."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.governance.erase_landing import Marks, without_person
from afluente.products.governance.person import Tokens
from afluente.products.governance.person_scan import occurrences
from afluente.products.governance.text_search import lines_with, mentions

TOKENS = Tokens(strong={"52998224725", "bia@example.com", "C-0001"})
MARKS = Marks({"cliente_id": {"C-0001"}}, TOKENS.strong, TOKENS.pattern())
KEPT = 'id;nome\r\nC-0002;"Carlos; ""o outro""\r\nsegunda linha"\r\n'
CSV = 'id;nome\r\nC-0001;"Bia\r\nde duas linhas"\r\nC-0002;"Carlos; ""o outro""\r\nsegunda linha"\r\n'


def test_records_go_whole_and_the_others_stay_as_they_were_sent() -> None:
    assert without_person("x.csv", CSV.encode(), MARKS) == (KEPT.encode(), 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_stays(encoding: str) -> None:
    text = "cliente_id,nome\nC-0001,Conceição\nC-0002,João\n"
    after, records = without_person("x.csv", text.encode(encoding), MARKS)
    assert records == 1
    assert after is not None
    assert after.decode(encoding) == "cliente_id,nome\nC-0002,João\n"


def test_packed_files_are_packed_again() -> None:
    packed, _ = without_person("x.csv.gz", gzip.compress(CSV.encode()), MARKS)
    assert packed is not None
    assert gzip.decompress(packed).decode() == KEPT
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(CSV.encode())
    packed, _ = without_person("x.csv.zst", sink.getvalue().to_pybytes(), MARKS)
    assert packed is not None
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as unpacked:
        assert unpacked.read().decode() == KEPT


def test_members_of_a_zip_lose_their_records() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", "id\nC-0003\n")
    after, records = without_person("x.zip", buffer.getvalue(), MARKS)
    assert records == 1
    assert after is not None
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            "a.csv": KEPT,
            "b.csv": "id\nC-0003\n",
        }


def test_json_lines_are_read_before_they_are_compared() -> None:
    theirs = json.dumps({"cpf": "529.982.247-25"}) + "\n" + '{"e": "bia\\u0040example.com"}\n'
    other = '{"cpf":  "111.444.777-35"}\n'
    assert without_person("x.jsonl", (theirs + other).encode(), MARKS) == (other.encode(), 2)


def test_a_json_document_loses_the_objects_of_its_lists() -> None:
    document = {"pagina": 1, "itens": [{"cliente_id": "C-0001"}, {"cliente_id": "C-0002", "itens": []}]}
    after, records = without_person("x.json", json.dumps(document).encode(), MARKS)
    assert records == 1
    assert after is not None
    assert json.loads(after) == {"pagina": 1, "itens": [{"cliente_id": "C-0002", "itens": []}]}


def test_parquet_loses_rows() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"cliente_id": ["C-0001", "C-0002"], "n": [1, 2]}), sink)
    after, records = without_person("x.parquet", sink.getvalue().to_pybytes(), MARKS)
    assert records == 1
    assert pq.read_table(pa.BufferReader(after)).to_pylist() == [{"cliente_id": "C-0002", "n": 2}]


def test_a_file_of_no_known_form_goes_whole_when_it_holds_the_person() -> None:
    header_is_theirs = b"529.982.247-25\n1\n"
    assert without_person("x.csv", header_is_theirs, MARKS)[0] is None
    broken = b"PK\x03\x04 529.982.247-25"
    assert without_person("x.zip", broken, MARKS)[0] is None
    other = b"PK\x03\x04 nobody"
    assert without_person("x.zip", other, MARKS) == (other, 0)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["x.csv", "x.jsonl", "x.json", "x.txt"]))
def test_a_text_without_the_person_comes_back_as_it_was(text: str, name: str) -> None:
    pattern = TOKENS.pattern()
    assert pattern is not None
    content = text.encode("utf-8", errors="ignore")
    if not pattern.search(text):
        assert without_person(name, content, Marks({}, (), pattern)) == (content, 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet='abc,;"\n\r 5', max_size=12), max_size=8), st.integers(0, 8))
def test_no_text_with_the_person_is_left(lines: list[str], at: int) -> None:
    content = "\n".join(["a,b", *lines[:at], "1,529.982.247-25", *lines[at:]]).encode()
    after, _ = without_person("x.csv", content, MARKS)
    assert after is None or not re.search(rb"529\D?982", after)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("529.982.247-25", True),
        ("52998224725", True),
        ("529 982 247 25", True),
        ("x152998224725", False),
        ("529982247250", False),
        ("BIA@EXAMPLE.COM", True),
        ("tabia@example.com", False),
        ("C-00011", False),
    ],
)
def test_a_token_is_found_in_any_spelling_and_not_inside_another(text: str, is_found: bool) -> None:  # noqa: FBT001
    pattern = TOKENS.pattern()
    assert pattern is not None
    assert (pattern.search(text) is not None) is is_found


def test_a_scan_looks_into_what_is_packed_and_into_parquet() -> None:
    pattern = TOKENS.pattern()
    assert pattern is not None
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": [52998224725], "s": [[{"v": "bia@example.com"}]]}), sink, compression="zstd")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.parquet", sink.getvalue().to_pybytes())
    assert occurrences(buffer.getvalue(), pattern) >= 2
    assert occurrences(gzip.compress(b"C-0001"), pattern) == 1
    assert occurrences(b"nobody", pattern) == 0


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(alphabet="ab1 .-@é'\"\\/çÇ", min_size=6, max_size=14), min_size=1, max_size=3),
    st.lists(st.text(alphabet="ab1 .-@é'\"\\/çÇ\u00a0", max_size=30), max_size=4),
)
def test_the_fast_search_finds_what_the_exact_one_finds(tokens: list[str], lines: list[str]) -> None:
    pattern = Tokens(strong=set(tokens)).pattern()
    if pattern is None:
        return
    given_lines = [*lines, *(f"x {token.upper()}, y" for token in tokens)]
    expected = {at for at, line in enumerate(given_lines) if pattern.search(line)}
    assert lines_with(pattern, given_lines) == expected
    assert all(mentions(pattern, line) is (at in expected) for at, line in enumerate(given_lines))
