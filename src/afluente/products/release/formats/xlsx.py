"""XLSX: one sheet, row after row to the disk, created on a day that is always the same.

Invariant: text is written as text and never as a formula, a number or a link; an integer that a spreadsheet would
round is written as text.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from afluente.core.errors import AfluenteError
from afluente.products.release.formats.cells import batches_of, is_number, is_text, plain_text

MOST_ROWS = 1_048_575
MOST_CHARACTERS = 32_767
_EXACT_BELOW = 10**15
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a spreadsheet's times have no zone


def write_xlsx(path: Path, table: pa.Table) -> None:
    """AfluenteError `release.xlsx_rows`, `release.xlsx_text` for what a sheet cannot hold."""
    if table.num_rows > MOST_ROWS:
        raise AfluenteError(
            "release.xlsx_rows",
            f"{path.name}: {table.num_rows} rows are more than the {MOST_ROWS} of a sheet",
            hint="take xlsx out of the output's formats, or release fewer days",
        )
    import xlsxwriter  # type: ignore[import-untyped]

    with xlsxwriter.Workbook(
        path,
        {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    ) as book:
        book.set_properties({"created": _CREATED})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet = book.add_worksheet("dados")
        for position, name in enumerate(table.column_names):
            sheet.write_string(0, position, name)
        row = 1
        for batch in batches_of(table):
            columns = [_values(column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                for position, value in enumerate(values):
                    _write(sheet, row, position, value, day)
                row += 1


def _values(column: pa.Array) -> list[object]:
    if is_text(column.type) or is_number(column.type) or pa.types.is_boolean(column.type):
        return list(column.to_pylist())
    return list(column.to_pylist() if pa.types.is_date(column.type) else plain_text(column).to_pylist())


def _write(sheet: Any, row: int, position: int, value: object, day: Any) -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(row, position, value)
        case int() if abs(value) >= _EXACT_BELOW:
            sheet.write_string(row, position, str(value))
        case int() | Decimal():
            sheet.write_number(row, position, value)
        case float():
            if value == value and abs(value) != float("inf"):  # noqa: PLR0124 - NaN
                sheet.write_number(row, position, value)
        case str():
            if len(value) > MOST_CHARACTERS:
                raise AfluenteError(
                    "release.xlsx_text",
                    f"row {row} column {position + 1}: {len(value)} characters are more than a cell's {MOST_CHARACTERS}",
                    hint="take xlsx out of the output's formats",
                )
            sheet.write_string(row, position, value)
        case _:
            sheet.write_datetime(row, position, value, day)
