"""The SQL of contracts, compiled from the files alone: expressions of columns, row rules and queries of quality rules.

Invariant: what is refused here a run would refuse too. Where the columns are known only to the run (of a bronze table,
of a query that names one) an expression is parsed and guarded, and its columns are left to the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from afluente.conform.quality.outcome import CannotExecute
from afluente.conform.quality.query import filled_query
from afluente.core.errors import ModelError, Place, Problem
from afluente.core.tables import TableName
from afluente.models.expression_text import guard_expression, translate_expression
from afluente.models.graph import tables_read
from afluente.models.parse import parse_query
from afluente.models.spark_types import parse_type
from afluente.models.translate import translate

if TYPE_CHECKING:
    from afluente.project.contract import Contract, QualityRule
    from afluente.project.settings import Project

Schemas = Mapping[TableName, Mapping[str, str]]


def contract_problems(project: Project, schemas: Schemas) -> list[Problem]:
    """What is wrong with the SQL of the contracts of silver and gold. `schemas` gives columns as Spark SQL types."""
    return [problem for contract in project.contracts for problem in _of_contract(project, contract, schemas)]


def _of_contract(project: Project, contract: Contract, schemas: Schemas) -> Iterator[Problem]:
    own = schemas.get(contract.table, {})
    for column in contract.columns:
        if column.expression is not None:
            came = None if contract.source is None else schemas.get(contract.source)
            what = f"contract {contract.table}: transformLogic of column {column.name!r}"
            is_known = contract.source is not None and contract.source.layer == "silver"
            yield from _of_expression(column.expression, came if is_known else None, column.place, what)
    for rule in contract.row_rules:
        what = f"contract {contract.table}: rule {rule.name!r}"
        yield from _of_expression(rule.expression, own, rule.place, what)
    named = _tables_a_query_may_name(project, contract)
    for quality in contract.quality:
        if quality.kind == "sql" and quality.query:
            yield from _of_query(quality, contract, {table: schemas[table] for table in named if table in schemas})


def _of_expression(sql: str, columns: Mapping[str, str] | None, place: Place, what: str) -> Iterator[Problem]:
    try:
        if columns is None:
            guard_expression(sql, place)
        else:
            translate_expression(sql, columns, place, "duckdb")
    except ModelError as error:
        yield Problem(place, error.code, f"{what}: {error.message}", error.hint)


def _of_query(rule: QualityRule, contract: Contract, schemas: Schemas) -> Iterator[Problem]:
    what = f"contract {contract.table}: rule {rule.name or 'sql'!r}"
    typed = {table: {name: parse_type(kind) for name, kind in columns.items()} for table, columns in schemas.items()}
    try:
        query = filled_query(rule, str(contract.table))
        answer = translate(parse_query(query.rstrip().rstrip(";"), file=rule.place.file), typed, file=rule.place.file)
    except CannotExecute as error:
        yield Problem(rule.place, "quality.query", f"{what}: {error.reason.en}")
    except ModelError as error:
        yield Problem(rule.place, error.code, f"{what}: {error.message}", error.hint)
    else:
        if len(answer.columns) != 1:
            message = f"{what}: the query gives {len(answer.columns)} columns instead of one number"
            yield Problem(rule.place, "quality.query", message, "such as SELECT count(*) FROM ${table} WHERE ...")


def _tables_a_query_may_name(project: Project, contract: Contract) -> list[TableName]:
    """The table itself, and what its step reads: of silver what it refers to, of gold what the model names."""
    model = next((one for one in project.models if one.table == contract.table), None)
    read = [reference.table for reference in contract.references] if model is None else sorted(tables_read(model))
    return [contract.table, *read]
