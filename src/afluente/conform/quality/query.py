"""Quality rules written as a query in Spark SQL that answers one number.

Invariant: `{object}` and `{property}` (and ODCS's other spellings of them) stand for the view and the column; an
answer that is not exactly one number makes the rule an error.
"""

from __future__ import annotations

import re
from decimal import Decimal

import pyarrow as pa

from afluente.conform.quality.outcome import CannotExecute, Measurement
from afluente.conform.quality.target import Target
from afluente.project.contract import QualityRule

_PLACEHOLDER = re.compile(r"\$?\{\s*(object|table|schema|model|property|column|field)\s*\}")
_OF_COLUMN = ("property", "column", "field")


def measure_query(rule: QualityRule, target: Target) -> Measurement:
    if not rule.query:
        raise CannotExecute("a regra não tem consulta", "the rule has no query")
    sql = target.native(filled_query(rule, f"`{target.view}`").rstrip().rstrip(";"))
    answer = target.engine.query(sql)
    if answer.num_columns != 1 or answer.num_rows != 1:
        raise CannotExecute(
            f"a consulta deu {answer.num_rows} linhas e {answer.num_columns} colunas em vez de um número",
            f"the query gave {answer.num_rows} rows and {answer.num_columns} columns instead of one number",
        )
    return Measurement({"value": _number(answer.column(0)[0])}, "value")


def filled_query(rule: QualityRule, table: str) -> str:
    """The rule's query with this name of the table, and its column; CannotExecute when it is of no column."""

    def fill(found: re.Match[str]) -> str:
        if found.group(1) not in _OF_COLUMN:
            return table
        if rule.column is None:
            raise CannotExecute(
                f"{found.group(0)} numa regra que não é de uma coluna", f"{found.group(0)} in a rule of no column"
            )
        return f"`{rule.column.replace('`', '``')}`"

    return _PLACEHOLDER.sub(fill, rule.query or "")


def _number(scalar: pa.Scalar) -> Decimal | int:
    value = scalar.as_py()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, Decimal)):
        return value
    if isinstance(value, float):
        number = Decimal(repr(value))
        if number.is_finite():
            return number
    raise CannotExecute("a consulta não deu um número", "the query did not give a number")
