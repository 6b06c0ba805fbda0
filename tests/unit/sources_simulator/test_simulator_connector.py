"""The connector: options checked, files landed once, read back as they were made."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet
import pytest

from afluente.core.clock import SystemClock
from afluente.core.errors import CheckFailed, Place
from afluente.core.tables import TableName
from afluente.project.option import Option
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.registry import check_source, open_source
from afluente.sources.simulator.dirt import TABLES, TableKey
from afluente.sources.simulator.sheet import SimulatedFile
from afluente.sources.source import LandedFile, Source, SourceContext

OPTIONS: dict[str, Option] = {"seed": 7, "rows": 6_000, "months": 3}


class FolderLanding:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, source_name: str, file_name: str, content: Path | BinaryIO) -> LandedFile:
        path = self._folder / source_name / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert isinstance(content, Path)
        shutil.copyfile(content, path)
        data = path.read_bytes()
        return LandedFile(f"{source_name}/{file_name}", hashlib.sha256(data).hexdigest(), len(data))

    def open(self, landed: LandedFile) -> BinaryIO:
        return (self._folder / landed.path).open("rb")


def no_secret(reference: SecretReference) -> str:
    raise AssertionError(reference)


def settings(**options: Option) -> SourceSettings:
    return SourceSettings("empresa", "simulator", (TableName("bronze", "x"),), options, Place("afluente.yaml", 3))


def opened(root: Path, **options: Option) -> Source:
    context = SourceContext(root, no_secret, SystemClock(), FolderLanding(root / "landing"))
    return open_source(settings(**{**OPTIONS, **options}), context)


@pytest.mark.parametrize("table", TABLES)
def test_what_is_parsed_from_landing_is_what_was_simulated(
    tmp_path: Path, company: Mapping[TableKey, list[SimulatedFile]], table: TableKey
) -> None:
    source = opened(tmp_path, table=table)
    units = list(source.read({}))
    assert [unit.source for unit in units] == [file.name for file in company[table]]
    for unit, file in zip(units, company[table], strict=True):
        batches = list(source.parse(unit).batches)
        assert [reject for batch in batches for reject in batch.rejects] == []
        parsed = pa.Table.from_batches([batch.rows for batch in batches])
        expected = file.rows.append_column("_source_row", file.truth["_source_row"])
        assert parsed.equals(expected)


@pytest.mark.parametrize("table", TABLES)
def test_the_truth_stands_beside_landing(
    tmp_path: Path, company: Mapping[TableKey, list[SimulatedFile]], table: TableKey
) -> None:
    assert list(opened(tmp_path, table=table).read({}))
    written = pyarrow.parquet.read_table(tmp_path / "verdade" / f"verdade_{table}.parquet")
    assert written.num_rows == sum(file.rows.num_rows for file in company[table])
    assert [path.name for path in (tmp_path / "verdade").iterdir()] == [f"verdade_{table}.parquet"]


def test_a_second_read_finds_nothing_and_other_options_find_everything(tmp_path: Path) -> None:
    source = opened(tmp_path, table="transacoes")
    reading = source.read({})
    assert len(list(reading)) == 3
    assert list(source.read(reading.position)) == []
    assert len(list(opened(tmp_path, table="transacoes", seed=8).read(reading.position))) == 3


def test_reading_goes_on_after_the_last_file_that_was_saved(tmp_path: Path) -> None:
    source = opened(tmp_path, table="transacoes")
    first = next(iter(source.read({})))
    rest = list(source.read(first.position))
    assert [unit.source for unit in rest] == ["transacoes-2026-02.csv", "transacoes-2026-03.csv"]
    assert list(source.read(rest[-1].position)) == []


def test_files_are_exported_as_a_company_would(tmp_path: Path) -> None:
    for table in TABLES:
        assert list(opened(tmp_path, table=table).read({}))
    landed = tmp_path / "landing" / "empresa"
    orders = (landed / "transacoes-2026-01.csv").read_bytes()
    assert orders.startswith(b"transacao_id;cliente_id;")
    assert "São Paulo".encode("latin-1") in orders
    assert (landed / "produtos.csv").read_bytes().startswith(codecs.BOM_UTF8 + b"produto_id,")
    assert gzip.decompress((landed / "clientes.csv.gz").read_bytes()).startswith(b"cliente_id,nome,cpf,")


def test_discovering_names_the_files_without_making_them(tmp_path: Path) -> None:
    found = opened(tmp_path, table="transacoes").discover()
    assert found.names == ("transacoes-2026-01.csv", "transacoes-2026-02.csv", "transacoes-2026-03.csv")
    assert not (tmp_path / "verdade").exists()


def test_every_mistake_in_the_options_is_told_at_once() -> None:
    wrong = settings(
        tabel="produtos",
        months=0,
        first_month="2026-13",
        dirt={"clientes.cpf.digito_fals": 0.1, "clientes.cpf.formato": 0.9, "clientes.uf.caixa": 2},
    )
    problems = check_source(wrong)
    assert sorted(problem.code for problem in problems) == [
        "source.option_invalid",
        "source.option_invalid",
        "source.option_invalid",
        "source.option_invalid",
        "source.option_missing",
        "source.option_unknown",
        "source.option_unknown",
    ]
    assert any("did you mean 'clientes.cpf.digito_falso'?" in problem.hint for problem in problems)


def test_opening_with_wrong_options_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed):
        opened(tmp_path, table="clientez")
