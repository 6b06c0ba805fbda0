"""`apply` and `column`: any kind of frame in, the same kind out."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import afluente.conform
from afluente.conform import Cleaned, apply, column
from afluente.core.errors import AfluenteError, CheckFailed, DataRefused, UsageError

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: vendas.clientes
version: "1.0.0"
status: active
schema:
  - name: clientes
    physicalName: silver.clientes
    customProperties:
      - {property: from, value: bronze.clientes}
      - {property: deduplicate, value: {keys: [cpf], keep: first}}
    properties:
      - name: cpf
        logicalType: string
        required: true
        classification: direct_identifier
        logicalTypeOptions: {format: br.cpf}
      - name: valor
        logicalType: number
        physicalType: decimal(12,2)
        customProperties:
          - {property: semanticType, value: money}
          - {property: locale, value: pt-BR}
      - name: compras
        logicalType: integer
      - name: dia
        logicalType: date
        customProperties:
          - {property: formats, value: ["dd/MM/yyyy"]}
"""
ROWS = {
    "cpf": ["529.982.247-25", "390.533.447-05", "39053344700", "390.533.447-05", "191000000"],
    "valor": ["R$ 1.234,56", "10", "1", "11", None],
    "compras": ["2", None, "1", "3", "12.0"],
    "dia": ["29/02/2024", "01/01/2024", "01/01/2024", "02/01/2024", None],
}
ACCEPTED = [
    {"cpf": "52998224725", "valor": Decimal("1234.56"), "compras": 2, "dia": date(2024, 2, 29)},
    {"cpf": "39053344705", "valor": Decimal("10.00"), "compras": None, "dia": date(2024, 1, 1)},
    {"cpf": "00191000000", "valor": None, "compras": 12, "dia": None},
]


def rows_of(frame: object) -> list[dict[str, object]]:
    if isinstance(frame, pd.DataFrame):
        plain = frame.astype(object)
        return plain.where(plain.notna(), None).to_dict("records")
    if isinstance(frame, pl.LazyFrame):
        return frame.collect().to_dicts()
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return frame.to_arrow_table().to_pylist()
    assert isinstance(frame, (pa.Table, pa.RecordBatch))
    return frame.to_pylist()


def frames() -> dict[str, object]:
    table = pa.table(ROWS)
    connection = duckdb.connect()
    return {
        "arrow": table,
        "batch": table.to_batches()[0],
        "pandas": pd.DataFrame(ROWS),
        "polars": pl.DataFrame(ROWS),
        "lazy": pl.LazyFrame(ROWS),
        "relation": connection.from_arrow(table),
    }


@pytest.mark.parametrize("kind", ["arrow", "batch", "pandas", "polars", "lazy", "relation"])
def test_each_kind_of_frame_is_conformed_and_given_back_in_kind_and_order(kind: str) -> None:
    given = frames()[kind]
    done = apply(given, CONTRACT)
    assert type(done.accepted) is type(given)
    assert type(done.quarantine) is type(given)
    assert rows_of(done.accepted) == ACCEPTED
    refused = rows_of(done.quarantine)
    assert [(r["cpf"], r["_source_row"]) for r in refused] == [("39053344700", 3)]
    report = done.report
    assert (report.rows_in, report.accepted, report.quarantined, report.duplicates.rows) == (5, 3, 1, 1)
    assert report.repaired() == 2


def test_a_reader_is_read_once_and_given_back_as_a_reader() -> None:
    done = apply(pa.table(ROWS).to_reader(), CONTRACT)
    assert done.accepted.read_all().to_pylist() == ACCEPTED


def test_a_relation_comes_back_on_its_own_connection() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE only_here AS SELECT 1 AS one")
    done = apply(connection.from_arrow(pa.table(ROWS)), CONTRACT)
    assert done.accepted.aggregate("count(*)").fetchall() == [(3,)]
    assert done.accepted.join(connection.table("only_here"), "one = 1").fetchall()[0][0] == "52998224725"


def test_an_empty_frame_gives_an_empty_frame_of_the_contracts_columns() -> None:
    for frame in (pa.table(ROWS).slice(0, 0), pd.DataFrame(ROWS).iloc[:0].astype(str), pl.DataFrame(ROWS).clear()):
        done = apply(frame, CONTRACT)
        assert len(done.accepted) == 0
        assert list(pa.table(done.accepted).column_names if isinstance(frame, pa.Table) else done.accepted.columns) == [
            "cpf", "valor", "compras", "dia"
        ]  # fmt: skip


def test_a_contract_is_given_as_text_path_mapping_or_object(tmp_path: Path) -> None:
    path = tmp_path / "clientes.odcs.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    from ruamel.yaml import YAML

    document = json.loads(json.dumps(YAML(typ="safe").load(CONTRACT)))
    for contract in (CONTRACT, path, str(path), document):
        assert apply(pa.table(ROWS), contract).accepted.num_rows == 3


def test_objects_of_mixed_types_in_pandas_are_read_as_texts() -> None:
    frame = pd.DataFrame(
        {"cpf": [39053344705, "191000000", None], "valor": None, "compras": [1, "2", 3.0], "dia": None}
    )
    done = apply(frame, CONTRACT)
    assert done.report.accepted == 2
    assert list(done.accepted["compras"]) == [1, 2]
    assert str(done.accepted["compras"].dtype) == "Int64"


def test_numbers_that_pandas_made_floating_are_still_documents() -> None:
    frame = pd.DataFrame(
        {
            "cpf": [39053344705.0, None],
            "valor": [1.5, 2.0],
            "compras": [1, 2],
            "dia": pd.to_datetime(["2024-01-02", None]),
        }
    )
    done = apply(frame, CONTRACT)
    assert rows_of(done.accepted) == [
        {"cpf": "39053344705", "valor": Decimal("1.50"), "compras": 1, "dia": date(2024, 1, 2)}
    ]


def test_every_mistake_of_a_contract_is_told() -> None:
    wrong = CONTRACT.replace("br.cpf", "br.cfp").replace("keep: first", "keep: last")
    with pytest.raises(CheckFailed) as caught:
        apply(pa.table(ROWS), wrong)
    assert "project.unknown_format" in {p.code for p in caught.value.problems}
    assert len(caught.value.problems) > 1
    assert any("did you mean 'br.cpf'?" in p.hint for p in caught.value.problems)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: apply([1, 2], CONTRACT), "conform.frame_unknown"),
        (lambda: apply(pa.table(ROWS), "no_such.odcs.yaml"), "conform.contract_unreadable"),
        (lambda: apply(pa.table({"cpf": ["x"]}), CONTRACT), "contract.column_absent"),
        (lambda: column(["x"], "br.cfp"), "contract.format_unknown"),
        (lambda: column(["x"], "date", format=["dd"]), "conform.option_unknown"),
    ],
)
def test_what_cannot_be_done_is_a_clear_error(call: object, code: str) -> None:
    with pytest.raises(AfluenteError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code == code
    assert caught.value.hint


def test_references_are_given_by_table_name() -> None:
    contract = CONTRACT.replace(
        "      - name: valor\n",
        "        quality:\n          - {type: custom, engine: afluente,"
        " implementation: {rule: references, columns: [cpf], table: silver.pessoas}}\n      - name: valor\n",
    )
    with pytest.raises(DataRefused) as caught:
        apply(pa.table(ROWS), contract)
    assert caught.value.code == "data.reference_not_given"
    done = apply(pl.DataFrame(ROWS), contract, references={"silver.pessoas": pd.DataFrame({"cpf": ["52998224725"]})})
    assert done.accepted["cpf"].to_list() == ["52998224725"]


def test_a_list_or_series_is_read_value_by_value() -> None:
    texts = ["390.533.447-05", "x", None, "11111111111"]
    for values in (texts, pd.Series(texts), pl.Series(texts)):
        assert column(values, "br.cpf") == [
            Cleaned("39053344705", True, ""),
            Cleaned(None, False, "tem a quantidade errada de dígitos"),
            Cleaned(None, True, ""),
            Cleaned(None, False, "CPF inválido: os dígitos verificadores não conferem"),
        ]
    assert column(["31/02/2024"], "date", formats=["dd/MM/yyyy"], language="en")[0].reason == (
        "no such day, or not in a declared format"
    )
    assert column(["1.234,5"], "money", locale="pt-BR")[0].value == Decimal("1234.50")


def test_importing_conform_imports_no_library_of_frames() -> None:
    code = (
        "import sys, afluente.conform; from afluente.conform import apply; import pyarrow as pa;"
        "print(sorted({'pandas', 'polars', 'duckdb'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
    with pytest.raises(AttributeError):
        _ = afluente.conform.nothing  # type: ignore[attr-defined]


def test_usage_error_names_the_kind_of_frame() -> None:
    with pytest.raises(UsageError, match="builtins.dict"):
        apply({"cpf": ["x"]}, CONTRACT)


def test_one_of_several_contracts_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cadastros.odcs.yaml"
    path.write_text(
        CONTRACT + "  - name: lojas\n    physicalName: silver.lojas\n    customProperties:\n"
        "      - {property: from, value: bronze.lojas}\n"
        "    properties:\n      - {name: uf, logicalType: string, logicalTypeOptions: {format: br.uf}}\n",
        encoding="utf-8",
    )
    frame = pl.DataFrame({"uf": ["sp", "são paulo"]})
    for name in ("lojas", "silver.lojas"):
        assert apply(frame, path, table=name).accepted["uf"].to_list() == ["SP", "SP"]
    with pytest.raises(UsageError, match="describes 2 tables: silver.clientes, silver.lojas") as several:
        apply(frame, path)
    assert "table='silver.clientes'" in several.value.hint
    with pytest.raises(UsageError, match="no table 'loja'") as unknown:
        apply(frame, path, table="loja")
    assert "silver.lojas" in unknown.value.hint


def test_a_traceback_shows_the_hint_and_every_mistake() -> None:
    with pytest.raises(CheckFailed) as caught:
        apply(pl.DataFrame({"cpf": ["1"]}), CONTRACT.replace("br.cpf", "br.cfp").replace("money", "monney"))
    shown = "".join(traceback.format_exception(caught.value))
    assert "did you mean 'br.cpf'?" in shown
    assert "monney" in shown
