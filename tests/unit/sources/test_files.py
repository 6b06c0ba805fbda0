"""The connector `files`: what is landed, what is remembered, what is parsed, and what is refused."""

from __future__ import annotations

import gzip
import io
import os
import random
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from afluente.core.errors import CheckFailed, SourceError
from afluente.project.settings import SourceSettings
from afluente.sources.files.listing import list_files
from afluente.sources.files.read import Files, FilesSource
from afluente.sources.source import Landed, Reject, SourceContext

_NOBODY = 65534
Settings = Callable[..., SourceSettings]
Open = Callable[..., FilesSource]


@pytest.fixture
def source(context: SourceContext, settings: Settings) -> Open:
    def make(path: object = "dados/*", **options: object) -> FilesSource:
        return Files().open(settings({"path": path, **options}), context)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dados").mkdir()
    return tmp_path / "dados"


def rows_of(source: FilesSource, landed: Landed) -> list[dict[str, object]]:
    parsed = source.parse(Landed.from_json(landed.to_json()))
    return [row for batch in parsed.batches for row in batch.rows.to_pylist()]


def read_one(source: FilesSource) -> list[dict[str, object]]:
    (landed,) = source.read({})
    return rows_of(source, landed)


def rejects_of(source: FilesSource) -> list[Reject]:
    (landed,) = source.read({})
    return [reject for batch in source.parse(landed).batches for reject in batch.rejects]


def error_of(source: FilesSource) -> SourceError:
    with pytest.raises(SourceError) as raised:
        for landed in source.read({}):
            rows_of(source, landed)
    assert raised.value.hint
    return raised.value


def test_new_files_are_landed_once_and_changed_files_again(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("x\n2\n")
    files = source()
    reading = files.read({})
    assert [landed.source for landed in reading] == ["a.csv", "b.csv"]
    assert list(files.read(reading.position)) == []
    (folder / "b.csv").write_text("x\n22\n")
    (folder / "c.csv").write_text("x\n3\n")
    again = files.read(reading.position)
    assert [(landed.source, rows_of(files, landed)[0]["x"]) for landed in again] == [("b.csv", "22"), ("c.csv", "3")]
    assert list(files.read(again.position)) == []


def test_a_reading_stopped_halfway_goes_on_from_the_last_position(folder: Path, source: Open) -> None:
    for name in "abc":
        (folder / f"{name}.csv").write_text(f"x\n{name}\n")
    files = source()
    first = next(iter(files.read({})))
    assert [landed.source for landed in files.read(first.position)] == ["b.csv", "c.csv"]


def test_a_touched_file_with_the_same_bytes_is_not_new(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("x\n1\n")
    reading = source().read({})
    assert len(list(reading)) == 1
    os.utime(folder / "a.csv", (1, 1))
    again = source().read(reading.position)
    assert list(again) == []
    assert again.position != reading.position


def test_a_renamed_file_and_a_copy_are_not_new(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("x\n1\n")
    reading = source().read({})
    assert len(list(reading)) == 1
    (folder / "a.csv").rename(folder / "b.csv")
    (folder / "c.csv").write_text("x\n1\n")
    assert list(source().read(reading.position)) == []


def test_a_copy_is_read_when_the_file_it_repeated_changes(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "b.csv").write_text("x\n1\n")
    reading = source().read({})
    assert [landed.source for landed in reading] == ["a.csv"]
    (folder / "a.csv").write_text("x\n2\n")
    again = source().read(reading.position)
    assert [landed.source for landed in again] == ["a.csv", "b.csv"]
    assert list(source().read(again.position)) == []


def test_a_file_rotated_to_another_name_keeps_its_rows(folder: Path, source: Open) -> None:
    (folder / "hoje.csv").write_text("x\n1\n")
    reading = source().read({})
    list(reading)
    (folder / "hoje.csv").rename(folder / "ontem.csv")
    (folder / "hoje.csv").write_text("x\n22\n")
    assert [landed.source for landed in source().read(reading.position)] == ["hoje.csv", "ontem.csv"]


def test_other_reading_options_make_every_file_new(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("x;y\n1;2\n")
    reading = source(delimiter=",").read({})
    list(reading)
    assert len(list(source(delimiter=";").read(reading.position))) == 1


def test_identities_do_not_depend_on_where_the_folder_lies(folder: Path, source: Open) -> None:
    (folder / "2026").mkdir()
    (folder / "2026" / "a.csv").write_text("x\n1\n")
    relative = [landed.source for landed in source("dados/**/*.csv").read({})]
    absolute = [landed.source for landed in source(str(folder / "**/*.csv")).read({})]
    assert relative == absolute == ["2026/a.csv"]


def test_several_patterns_share_one_base(folder: Path, source: Open) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "x.csv").write_text(f"x\n{name}\n")
    found = source(("dados/a/*.csv", "dados/b/x.csv", "dados/a/x.csv")).read({})
    assert [landed.source for landed in found] == ["a/x.csv", "b/x.csv"]


def test_folders_that_lead_back_to_themselves_are_entered_once(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("a\n1\n")
    (folder / "2026").mkdir()
    (folder / "2026" / "b.csv").write_text("a\n2\n")
    for name in ("again", "and_again", "2026/up"):
        (folder / name).symlink_to(folder)
    (folder / "itself.csv").symlink_to(folder / "itself.csv")
    assert [landed.source for landed in source("dados/**/*.csv").read({})] == ["2026/b.csv", "a.csv"]


def test_what_is_no_file_is_left_out_of_a_pattern(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_text("a\n1\n")
    (folder / ".partial.csv").write_text("a\n2\n")
    (folder / "folder.csv").mkdir()
    (folder / "nowhere.csv").symlink_to(folder / "gone")
    os.mkfifo(folder / "pipe.csv")
    for pattern in ("dados/*.csv", "dados/**", "**/*.csv", "d*/[ab].csv", "dados/*"):
        assert [landed.source.rpartition("/")[2] for landed in source(pattern).read({})] == ["a.csv"]


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv"])
def test_a_folder_that_cannot_be_listed_is_an_error_and_no_file_less(pattern: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        closed = Path(place) / "closed"
        closed.mkdir()
        (closed / "a.csv").write_text("a\n1\n")
        (Path(place) / "b.csv").write_text("a\n2\n")
        closed.chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(_NOBODY)
        try:
            with pytest.raises(SourceError) as raised:
                list_files([f"closed/{pattern}", f"**/{pattern}"], Path(place), is_optional=True)
        finally:
            os.seteuid(user)
            closed.chmod(0o755)
    assert raised.value.code == "source.file_unreadable"
    assert "closed" in str(raised.value)


def test_a_missing_file_names_the_nearest(folder: Path, source: Open) -> None:
    (folder / "pedidos.csv").write_text("x\n1\n")
    error = error_of(source("dados/pedido.csv"))
    assert (error.code, "pedidos.csv" in error.hint) == ("source.file_missing", True)
    assert error_of(source("dado/pedidos.csv")).code == "source.file_missing"
    assert list(source("dados/outro*.csv", optional=True).read({})) == []


def test_a_file_that_changes_while_it_is_read_is_noticed(folder: Path, source: Open, context: SourceContext) -> None:
    path = folder / "a.csv"
    path.write_text("x\n1\n")
    put = context.landing.put

    class Writer(type(context.landing)):  # type: ignore[misc]
        def put(self, *arguments: object) -> object:
            landed = put(*arguments)  # type: ignore[arg-type]
            path.write_text("x\n1\n2\n")
            return landed

    files = source()
    files._context = SourceContext(context.project_root, context.resolve, context.clock, Writer(folder))  # noqa: SLF001
    error = error_of(files)
    assert (error.code, error.retryable) == ("source.file_changed", True)


@pytest.mark.parametrize(
    ("encoded", "options"),
    [
        ("nome;cidade\nJosé;São Paulo\n".encode("latin-1"), {"encoding": "latin-1"}),
        ("nome;cidade\nJosé;São Paulo\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("nome;cidade\nJosé;São Paulo\n".encode(), {}),
        ("nome;cidade\nJosé;São Paulo\n".encode("utf-8-sig"), {}),
        ("nome;cidade\nJosé;São Paulo\n".encode("utf-8-sig"), {"encoding": "latin-1"}),
        ("nome;cidade\nJosé;São Paulo\n".encode("utf-16"), {}),
    ],
)
def test_encodings_are_read(folder: Path, source: Open, encoded: bytes, options: dict[str, str]) -> None:
    (folder / "a.csv").write_bytes(encoded)
    assert read_one(source(**options)) == [{"nome": "José", "cidade": "São Paulo", "_source_row": 1}]


@pytest.mark.parametrize("distance", [0, 1024 * 1024 - 3, 3_000_000])
def test_a_byte_of_another_encoding_is_named_with_its_offset(folder: Path, source: Open, distance: int) -> None:
    head = b"x\n" + b"a" * distance + "ç".encode() + b"\n"
    (folder / "a.csv").write_bytes(head + b"S\xe3o Paulo\n")
    error = error_of(source())
    assert error.code == "source.encoding"
    assert f"0xe3 at offset {len(head) + 1}" in error.message
    assert "cp1252" in error.hint


def test_a_wide_text_without_mark_is_refused(folder: Path, source: Open) -> None:
    (folder / "a.csv").write_bytes("nome;cidade\nA;B\n".encode("utf-16-le"))
    assert error_of(source()).code == "source.encoding"
    assert read_one(source(encoding="utf-16-le"))[0]["cidade"] == "B"


def test_a_gzip_of_several_parts_is_one_text(folder: Path, source: Open) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n") + gzip.compress(b"3,4\n") + b"\0" * 100)
    assert [row["x"] for row in read_one(source())] == ["1", "3"]


def test_a_large_gzip_comes_back_whole(folder: Path, source: Open) -> None:
    values = [str(random.Random(number).getrandbits(200)) for number in range(60_000)]  # noqa: S311
    (folder / "a.csv.gz").write_bytes(gzip.compress(("x\n" + "\n".join(values)).encode(), 1))
    assert [row["x"] for row in read_one(source())] == values


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zip", "a.parquet"])
def test_a_file_cut_in_the_middle_is_an_error(folder: Path, source: Open, name: str) -> None:
    text = ("x,y\n" + "".join(f"{i},{i * 7919 % 1000}\n" for i in range(20_000))).encode()
    packed = io.BytesIO()
    if name.endswith("gz"):
        packed.write(gzip.compress(text))
    elif name.endswith("zip"):
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
    else:
        pq.write_table(pa.table({"x": list(range(1000))}), packed)
    (folder / name).write_bytes(packed.getvalue()[: packed.tell() * 2 // 3])
    assert error_of(source()).code == "source.file_cut"


def test_damage_inside_a_pack_is_an_error(folder: Path, source: Open) -> None:
    packed = bytearray(gzip.compress(("x\n" + "\n".join(map(str, range(9999)))).encode()))
    packed[len(packed) // 2] ^= 0xFF
    (folder / "a.csv.gz").write_bytes(packed)
    assert error_of(source()).code in ("source.file_damaged", "source.encoding", "source.file_cut")
    (folder / "a.csv.gz").write_bytes(b"not a gzip")
    assert error_of(source()).code == "source.file_damaged"


def test_the_members_of_a_zip_are_one_unit_with_united_columns(folder: Path, source: Open) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../fora/2.csv", "y;z\n3;4\n5\n6;7\n")
        archive.writestr("1.csv", "x;y\n1;2\n")
        archive.writestr("__MACOSX/1.csv", "lixo")
        archive.writestr("leia.me", "nada")
    files = source(members="*.csv")
    assert read_one(files) == [
        {"y": "3", "z": "4", "x": None, "_source_row": 1},
        {"y": "6", "z": "7", "x": None, "_source_row": 3},
        {"y": "2", "z": None, "x": "1", "_source_row": 4},
    ]
    assert [reject.source_row for reject in rejects_of(files)] == [2]
    assert error_of(source()).code == "source.format_unknown"
    assert error_of(source(members="*.xls")).code == "source.no_members"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_files_of_one_name_is_refused_and_hides_no_row(folder: Path, source: Open) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr("a.csv", "x\n1\n")
        packed.writestr("a.csv", "x\n2\n")
    assert error_of(source(format="csv")).code == "source.repeated_member"


def test_a_file_that_unpacks_beyond_the_bounds_is_refused(folder: Path, source: Open) -> None:
    with gzip.open(folder / "a.csv.gz", "wb", 9) as bomb:
        bomb.write(b"x\n")
        for _ in range(80):
            bomb.write(b"0" * 999_999 + b"\n")
    assert error_of(source()).code == "source.unpacks_too_large"
    assert len(read_one(source(max_unpack_ratio=2000))) == 80


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", b""), ("a.csv", b"\n\n "), ("a.jsonl", b"\n"), ("a.csv", b"\xef\xbb\xbf")]
)
def test_an_empty_file_is_an_error_unless_allowed(folder: Path, source: Open, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert error_of(source()).code == "source.file_empty"
    assert read_one(source(empty="allow")) == []


def test_json_lines_keep_numbers_verbatim_and_unite_keys(folder: Path, source: Open) -> None:
    lines = [
        '{"id": 1, "preço": 10.50, "ok": true}',
        "",
        '{"id": 12345678901234567890123, "itens": [{"q": 1.10, "n": null}], "nome": "José", "preço": null}',
        '{"id": 3, "cut": "in the mid',
        "[1]",
        '{"ID": 1e5}',
    ]
    (folder / "a.jsonl").write_text("\n".join(lines))
    rows = read_one(source())
    assert rows[0] == {
        "id": "1",
        "preço": "10.50",
        "ok": "true",
        "itens": None,
        "nome": None,
        "ID_2": None,
        "_source_row": 1,
    }
    assert (rows[1]["id"], rows[1]["itens"]) == ("12345678901234567890123", '[{"q": 1.10, "n": null}]')
    assert (rows[1]["preço"], rows[1]["nome"], rows[2]["ID_2"]) == (None, "José", "1e5")
    assert [(r.source_row, r.line, r.rule) for r in rejects_of(source())] == [
        (3, 4, "jsonl.invalid"),
        (4, 5, "jsonl.not_object"),
    ]


@pytest.mark.parametrize(
    "line", ['{"x": "\\ud800"}', '{"\\udc00": 1}', '{"x": [{"y": "a\\uDfff"}]}', '{"x": ' + "[" * 400 + "]" * 400 + "}"]
)
def test_a_line_that_no_text_can_hold_costs_only_itself(folder: Path, source: Open, line: str) -> None:
    (folder / "a.jsonl").write_text('{"x": "\\ud83d\\ude00"}\n' + line + '\n{"x": "\\\\ud800"}\n')
    assert [row["x"] for row in read_one(source())] == ["😀", "\\ud800"]
    assert [(reject.line, reject.rule) for reject in rejects_of(source())] == [(2, "jsonl.invalid")]


def test_a_json_document_is_not_taken_for_json_lines(folder: Path, source: Open) -> None:
    (folder / "a.json").write_text('[\n  {\n "id": 1\n }\n]\n')
    assert error_of(source()).code == "source.format_wrong"


def test_thousands_of_files_are_remembered_one_by_one(folder: Path, source: Open) -> None:
    for number in range(3000):
        (folder / f"{number}.csv").write_text(f"x\n{number}\n")
    reading = source().read({})
    assert len({landed.source for landed in reading}) == 3000
    assert list(source().read(reading.position)) == []


def test_parquet_keeps_its_types_and_loses_nothing(folder: Path, source: Open) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None], pa.uint32()),
            "d": pa.array([Decimal("1.10"), Decimal("2.20")], pa.decimal128(10, 2)),
            "t": pa.array([datetime(2026, 1, 2, 3), None], pa.timestamp("ms")),
            "c": pa.array(["a", "b"]).dictionary_encode(),
            "l": pa.array([[1], None], pa.list_(pa.uint8())),
            "dia": pa.array([date(2026, 1, 2), None]),
        }
    )
    pq.write_table(table, folder / "a.parquet")
    files = source()
    (landed,) = files.read({})
    schema = files.parse(landed).schema
    assert schema.field("n").type == pa.int64()
    assert schema.field("t").type == pa.timestamp("us")
    assert schema.field("c").type == pa.string()
    assert rows_of(files, landed)[0] == {**table.to_pylist()[0], "_source_row": 1}


def test_every_wrong_option_is_reported_at_once(context: SourceContext, settings: Settings) -> None:
    wrong = settings(
        {"delimeter": ";", "encoding": "latim-1", "format": "cvs", "header": "yes", "quote": "ab", "skip_rows": -1}
    )
    problems = Files().check(wrong)
    assert {problem.code for problem in problems} == {
        "source.option_missing",
        "source.option_invalid",
        "source.option_unknown",
    }
    hints = " ".join(problem.hint for problem in problems)
    for right in ("'delimiter'", "'latin-1'", "'csv'"):
        assert right in hints
    assert len(problems) == 7
    with pytest.raises(CheckFailed):
        Files().open(wrong, context)


def test_discovery_lists_the_files_without_landing_them(folder: Path, source: Open, context: SourceContext) -> None:
    (folder / "a.csv").write_text("x\n")
    assert source().discover().names == ("a.csv",)
    assert not (context.project_root / ".landing").exists()
