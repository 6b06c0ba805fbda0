"""The graph of models: which tables each reads, and what keeps them from having an order.

Invariant: models without problems have no cycle and read only tables that exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from afluente.core.errors import ModelError, Problem
from afluente.core.nearest import did_you_mean
from afluente.core.tables import LAYERS, TableName
from afluente.models.parse import parse_model, place_of

if TYPE_CHECKING:
    from afluente.project.model import Model


def graph_problems(models: Sequence[Model], tables: Collection[TableName]) -> list[Problem]:
    """Every mistake: SQL that does not parse, unknown tables, two models of one table, cycles."""
    reads, problems = _read_all(models, tables)
    return problems + _cycles([model for model in models if model.table in reads], reads)


def tables_read(model: Model) -> frozenset[TableName]:
    """The tables the model's SQL names; ModelError when it does not parse or a name has no known layer."""
    return frozenset(table for table, _ in _named(model, parse_model(model)))


def _named(model: Model, tree: exp.Query) -> list[tuple[TableName, exp.Table]]:
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: list[tuple[TableName, exp.Table]] = []
    for node in tree.find_all(exp.Table):
        layer, name = node.text("db").lower(), node.name.lower()
        if not layer and name in ctes:
            continue
        place = place_of(node, model.place.file, model.sql_line)
        if not layer or node.text("catalog"):
            message = f"table '{node.sql(dialect='spark')}' is not written layer.name"
            raise ModelError("model.unknown_table", message, hint=f"layers: {', '.join(LAYERS)}", place=place)
        try:
            found.append((TableName.parse(f"{layer}.{name}"), node))
        except ValueError as failure:
            raise ModelError(
                "model.unknown_table", str(failure), hint=did_you_mean(layer, LAYERS), place=place
            ) from failure
    return found


def _read_all(
    models: Sequence[Model], tables: Collection[TableName]
) -> tuple[dict[TableName, frozenset[TableName]], list[Problem]]:
    known = {*tables, *(model.table for model in models)}
    reads: dict[TableName, frozenset[TableName]] = {}
    problems: list[Problem] = []
    for model in models:
        if model.table in reads:
            hint = "keep one, or give one another name"
            problems.append(Problem(model.place, "model.repeated_table", f"two models make {model.table}", hint))
        try:
            named = _named(model, parse_model(model))
        except ModelError as failure:
            problems.append(Problem(failure.place or model.place, failure.code, failure.message, failure.hint))
            continue
        reads[model.table] = frozenset(table for table, _ in named)
        for table, node in named:
            if table not in known:
                place = place_of(node, model.place.file, model.sql_line)
                hint = did_you_mean(str(table), [str(name) for name in known if name != model.table])
                problems.append(Problem(place, "model.unknown_table", f"table '{table}' does not exist", hint))
    return reads, problems


def _cycles(models: Sequence[Model], reads: Mapping[TableName, frozenset[TableName]]) -> list[Problem]:
    made = {model.table: model for model in models}
    done: set[TableName] = set()
    problems: list[Problem] = []
    for start in sorted(made):
        path: list[TableName] = []
        _walk(start, path, made, reads, done, problems)
    return problems


def _walk(
    table: TableName,
    path: list[TableName],
    made: Mapping[TableName, Model],
    reads: Mapping[TableName, frozenset[TableName]],
    done: set[TableName],
    problems: list[Problem],
) -> None:
    if table in path:
        ring = " -> ".join(str(step) for step in [*path[path.index(table) :], table])
        hint = "one of them has to read something else"
        problems.append(Problem(made[table].place, "model.cycle", f"models read each other in a ring: {ring}", hint))
        return
    if table in done or table not in made:
        return
    path.append(table)
    for read in sorted(reads.get(table, ())):
        _walk(read, path, made, reads, done, problems)
    path.pop()
    done.add(table)
