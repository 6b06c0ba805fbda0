"""Values of a contract as SQL literals of a column's type.

Invariant: a value that cannot be of the column's type makes the rule not executable; it is never compared as text by
accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from afluente.conform.dialect import Dialect
from afluente.conform.quality.outcome import CannotExecute


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def literals(values: Sequence[object], kind: pa.DataType, dialect: Dialect) -> str:
    """A comma-separated list for `IN (...)`."""
    return ", ".join(literal(value, kind, dialect) for value in values)


def literal(value: object, kind: pa.DataType, dialect: Dialect) -> str:
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value)
    if is_text(kind):
        return dialect.literal(text)
    if pa.types.is_boolean(kind):
        if text.lower() in ("true", "false"):
            return text.upper()
    elif pa.types.is_date(kind) and _is_moment(text):
        return f"CAST({dialect.literal(text)} AS DATE)"
    elif pa.types.is_timestamp(kind) and _is_moment(text):
        return f"CAST({dialect.literal(text)} AS {dialect.sql_type('timestamp')})"
    elif pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and not isinstance(value, bool):
            return format(number, "f")
    raise CannotExecute(
        "um valor dos argumentos não é do tipo da coluna",
        f"a value of the arguments is not of the column's type {kind}",
    )


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
