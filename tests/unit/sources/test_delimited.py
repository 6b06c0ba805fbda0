"""Delimited text: what any writer of CSV wrote comes back, and what cannot be read is kept as a reject."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.errors import SourceError
from afluente.sources.delimited.dialect import Dialect, Limits
from afluente.sources.delimited.reading import DelimitedText, Format
from afluente.sources.delimited.records import RecordReader
from afluente.sources.source import Reject

CELL = st.text(st.sampled_from("ab1 \";,\t|\n\r'çã€\x00.-"), max_size=8)


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(
    data: bytes, text_format: Format | None = None, *, piece: int = 7
) -> tuple[list[tuple[str, ...]], list[Reject]]:
    text = DelimitedText(pieces_of(data, piece), text_format or Format(), unit="file")
    rows: list[tuple[str, ...]] = []
    rejects: list[Reject] = []
    for batch in text.batches():
        rows += [tuple(row.values()) for row in batch.rows.to_pylist()]
        rejects += batch.rejects
    return rows, rejects


def cells_of(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [row[:-1] for row in rows]


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    block=st.sampled_from([1, 20, 64, 4096]),
    piece=st.integers(1, 50),
)
def test_rows_written_by_the_csv_module_come_back_verbatim(
    rows: list[list[str]], delimiter: str, quoting: int, end: str, block: int, piece: int
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(["x", "y", "z"])
    if quoting == csv.QUOTE_MINIMAL and end == "\n":
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    writer.writerows(rows)
    found, rejects = read(written.getvalue().encode(), Format(delimiter=delimiter, block_bytes=block), piece=piece)
    assert cells_of(found) == [tuple(row) for row in rows]
    assert [row[-1] for row in found] == list(range(1, len(rows) + 1))
    assert rejects == []


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(st.sampled_from('a"",\n'), max_size=60),
    block=st.sampled_from([1, 5, 20, 4096]),
    piece=st.integers(1, 30),
)
def test_the_fast_road_and_the_exact_road_agree_on_any_text(text: str, block: int, piece: int) -> None:
    data = text.encode()
    columns = Format(delimiter=",", has_header=False, columns=("x", "y"), block_bytes=block)
    found, rejects = read(data, columns, piece=piece)
    records = RecordReader(Dialect(","), max_record_bytes=1000).split(data, at_end=True).records
    good = [(*r.cells, n) for n, r in enumerate(records, 1) if r.cells is not None and len(r.cells) == 2]
    bad = [(n, r.raw.decode()) for n, r in enumerate(records, 1) if r.cells is None or len(r.cells) != 2]
    assert found == good
    assert [(reject.source_row, reject.text) for reject in rejects] == bad


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from(["a", "b c", '"d\ne"', "f"]), st.integers(1, 4)), max_size=20))
def test_every_line_is_a_row_or_a_reject_with_its_line_number(rows: list[tuple[str, int]]) -> None:
    lines = [",".join([cell] * width) for cell, width in rows]
    data = ("x,y\n" + "".join(line + "\n" for line in lines)).encode()
    found, rejects = read(data, Format(delimiter=","))
    assert len(found) + len(rejects) == len(rows)
    starts = [2 + sum(line.count("\n") + 1 for line in lines[:index]) for index in range(len(lines))]
    for reject in rejects:
        assert reject.rule == "csv.column_count"
        assert reject.text == lines[reject.source_row - 1]
        assert reject.line in (0, starts[reject.source_row - 1])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["nome", "valor"], ["Ana", "R$ 1.234,56" if delimiter != "," else "12"], ["Rui", "5"]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    assert cells_of(read(data)[0]) == [tuple(row) for row in rows[1:]]


def test_decimal_commas_do_not_beat_semicolons() -> None:
    assert cells_of(read(b"a;b\n1,2;3,4\n5,6;7,8\n")[0]) == [("1,2", "3,4"), ("5,6", "7,8")]


def test_a_text_without_any_delimiter_has_one_column() -> None:
    assert cells_of(read(b"nome\nAna\n\nRui\n")[0]) == [("Ana",), ("Rui",)]


def test_an_excel_separator_line_is_obeyed() -> None:
    assert cells_of(read(b"sep=|\na|b\n1,2|3\n")[0]) == [("1,2", "3")]


@pytest.mark.parametrize("block", [8, 4096])
def test_headers_repeated_on_every_page_are_dropped(block: int) -> None:
    data = b"id,nome\n1,Ana\nid,nome\n2,Rui\nid,x\nid,nome\n"
    assert read(data, Format(delimiter=",", block_bytes=block))[0] == [
        ("1", "Ana", 1),
        ("2", "Rui", 3),
        ("id", "x", 4),
    ]


def test_lines_whose_column_count_changes_are_rejected_with_their_text_and_reason() -> None:
    rows, rejects = read(b"a;b\n1;2\n3;4;5\n6\n7;8\n")
    assert rows == [("1", "2", 1), ("7", "8", 4)]
    assert [(r.source_row, r.line, r.text, r.rule) for r in rejects] == [
        (2, 3, "3;4;5", "csv.column_count"),
        (3, 4, "6", "csv.column_count"),
    ]
    assert rejects[0].reason_pt == "a linha tem 3 colunas; são 2"
    assert rejects[0].reason_en == "the line has 3 columns, not 2"


def test_a_quote_that_never_closes_costs_one_line() -> None:
    rows, rejects = read(b'a,b\n1,2\n3,"x\n4,5\n6,7\n')
    assert rows == [("1", "2", 1), ("4", "5", 3), ("6", "7", 4)]
    assert [(r.rule, r.text, r.line) for r in rejects] == [("csv.quote_open", '3,"x', 3)]


def test_text_after_a_closing_quote_costs_one_line() -> None:
    rows, rejects = read(b'a,b\n"SAO PAULO "CENTRO"",2\n3,4\n')
    assert rows == [("3", "4", 2)]
    assert [r.rule for r in rejects] == ["csv.quote"]


def test_a_quote_inside_a_cell_without_quotes_is_verbatim() -> None:
    assert cells_of(read(b'a,b\nTV 42",1\n"x\ny",2\n')[0]) == [('TV 42"', "1"), ("x\ny", "2")]


def test_quotes_can_be_plain_characters() -> None:
    assert cells_of(read(b'a,b\n"x,1\n', Format(quote=""))[0]) == [('"x', "1")]


def test_lines_may_end_in_carriage_returns_alone() -> None:
    assert cells_of(read(b"a,b\r1,2\r3,4\r", Format(delimiter=",", block_bytes=4))[0]) == [("1", "2"), ("3", "4")]


def test_lines_before_the_header_and_after_the_last_row_can_be_left_out() -> None:
    data = b"Relatorio\nEmitido em 2026\na;b\n1;2\n3;4\n\nTotal: 2\nFim\n\n"
    rows, rejects = read(data, Format(skip_lines=2, skip_last_lines=2))
    assert (cells_of(rows), rejects) == ([("1", "2"), ("3", "4")], [])


@given(count=st.integers(0, 6), lines=st.lists(st.sampled_from(["a", "b,c", ""]), max_size=8), piece=st.integers(1, 9))
@settings(deadline=None, max_examples=150)
def test_exactly_the_last_lines_that_are_not_blank_are_left_out(count: int, lines: list[str], piece: int) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    text_format = Format(delimiter="\x01", quote="", has_header=False, columns=("x",), skip_last_lines=count)
    full = [line for line in lines if line]
    assert [cells[0] for cells in cells_of(read(data, text_format, piece=piece)[0])] == full[
        : max(len(full) - count, 0)
    ]


def test_names_are_trimmed_made_unique_and_never_the_platforms() -> None:
    text = DelimitedText(iter(["Nome ; NOME;;_source;\xa0valor\n".encode()]), Format(), unit="file")
    assert text.names == ("Nome", "NOME_2", "column_3", "_source_2", "valor")
    assert len(text.warnings) == 3


def test_a_name_made_unique_does_not_take_one_that_was_written() -> None:
    assert DelimitedText(iter([b"a,a,a_2\n"]), Format(), unit="file").names == ("a", "a_3", "a_2")


def test_ten_thousand_columns_are_refused() -> None:
    with pytest.raises(SourceError) as raised:
        DelimitedText(iter([",".join(f"c{i}" for i in range(10_000)).encode()]), Format(), unit="file")
    assert raised.value.code == "source.too_many_columns"


@pytest.mark.parametrize("value", ["x" * 5000, '"' + "x\n" * 2500 + '"'])
@pytest.mark.parametrize("piece", [100, 100_000])
def test_a_record_beyond_the_limit_is_rejected_and_its_neighbours_are_read(value: str, piece: int) -> None:
    limits = Format(delimiter=",", limits=Limits(max_record_bytes=1000), block_bytes=100)
    rows, rejects = read(f"a,b\n1,2\n{value},3\n4,5\n".encode(), limits, piece=piece)
    assert cells_of(rows)[0] == ("1", "2")
    assert cells_of(rows)[-1] == ("4", "5")
    assert rejects[0].rule == "csv.record_too_long"


def test_column_names_can_be_given_with_and_without_a_header() -> None:
    assert cells_of(read(b"1,2\n", Format(has_header=False, columns=("x", "y")))[0]) == [("1", "2")]
    assert cells_of(read(b"a,b\n1,2\n", Format(columns=("x", "y")))[0]) == [("1", "2")]
    assert DelimitedText(iter([b"1,2\n"]), Format(has_header=False), unit="f").names == ("column_1", "column_2")
    with pytest.raises(SourceError) as raised:
        read(b"a,b\n1,2\n", Format(columns=("x",)))
    assert raised.value.code == "source.columns_differ"


def test_an_empty_cell_is_an_empty_text_and_never_null() -> None:
    assert cells_of(read(b'a,b\n,""\nNULL,NA\n')[0]) == [("", ""), ("NULL", "NA")]


def test_a_header_alone_has_names_and_no_rows() -> None:
    text = DelimitedText(iter([b"a,b"]), Format(), unit="file")
    assert text.names == ("a", "b")
    assert list(text.batches()) == []
    assert not text.is_empty


@pytest.mark.parametrize("piece", [1000, 300_000, 10_000_000])
def test_misplaced_quotes_far_apart_cost_only_their_own_lines(piece: int) -> None:
    lines = [f'{number},"x\n""{number}""",z' for number in range(40_000)]
    for bad in (3, 20_000, 39_999):
        lines[bad] = f'{bad},"x" y,z'
    rows, rejects = read(("a,b,c\n" + "\n".join(lines)).encode(), Format(delimiter=","), piece=piece)
    assert [int(row[0]) for row in rows] == [number for number in range(40_000) if number not in (3, 20_000, 39_999)]
    assert [row[-1] for row in rows] == [int(row[0]) + 1 for row in rows]
    assert [(reject.source_row, reject.rule) for reject in rejects] == [
        (4, "csv.quote"),
        (20_001, "csv.quote"),
        (40_000, "csv.quote"),
    ]


@pytest.mark.parametrize("block", [10, 4096])
def test_a_quoted_cell_longer_than_a_block_is_read(block: int) -> None:
    cell = 'x"\n' * 5_000
    data = f'a,b\n1,"{cell.replace(chr(34), chr(34) * 2)}"\n2,y\n'.encode()
    assert cells_of(read(data, Format(delimiter=",", block_bytes=block), piece=500)[0]) == [("1", cell), ("2", "y")]
