"""The predicate of an output, checked: Spark SQL over the columns of its facts and nothing else.

Invariant: a predicate that passes here picks rows by their own columns, so that the ledger can set two outputs against
each other, and picks nobody by who they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlglot import exp

    from afluente.core.tables import TableName
    from afluente.project.product import Output
    from afluente.project.settings import Project

_CLAUSES = ("group", "having", "order", "limit", "offset", "qualify", "joins", "with_", "distinct")


def predicate_problems(project: Project, schemas: Mapping[TableName, Mapping[str, str]]) -> list[Problem]:
    """What is wrong with the predicates of all outputs. `schemas` gives the tables' columns as Spark SQL types."""
    outputs = [output for product in project.products for output in product.outputs]
    return [problem for output in outputs if output.where for problem in _of_output(project, output, schemas)]


def _of_output(project: Project, output: Output, schemas: Mapping[TableName, Mapping[str, str]]) -> Iterator[Problem]:
    from sqlglot import exp

    from afluente.models.parse import parse_query
    from afluente.models.spark_types import parse_type
    from afluente.models.translate import translate
    from afluente.project.facts_columns import facts_columns

    place = output.place_of("where")
    what = f"'where' of output {output.name!r}"
    columns = schemas.get(output.facts)
    if columns is None:
        return
    try:
        tree = parse_query(
            f"SELECT 1 AS one FROM {output.facts} WHERE ({output.where})", file=place.file, first_line=place.line
        )
        if not isinstance(tree, exp.Select) or any(tree.args.get(clause) for clause in _CLAUSES) or _has_query(tree):
            hint = "compare columns of the facts with values; what needs other tables belongs in the model"
            yield Problem(place, "product.where", f"{what} is more than a predicate over {output.facts}", hint)
            return
        translate(
            tree,
            {output.facts: {name: parse_type(kind) for name, kind in columns.items()}},
            file=place.file,
            first_line=place.line,
        )
    except AfluenteError as error:
        yield Problem(place, error.code, f"{what}: {error.message}", error.hint)
        return
    declared = facts_columns(output.facts, project.contracts, project.models) or {}
    persons = {name.casefold() for name, one in declared.items() if one.classification == "direct_identifier"}
    persons |= {output.person.casefold()} - {""}
    for name in sorted({column.name for column in tree.find_all(exp.Column) if column.name.casefold() in persons}):
        message = f"{what} picks rows by {name!r}, by who a person is"
        yield Problem(place, "product.direct_identifier", message, "pick rows by what they are about")


def _has_query(tree: exp.Select) -> bool:
    from sqlglot import exp

    return any(node is not tree for node in tree.find_all(exp.Query))
