"""The outputs of a product: tables of cells or of rows.

Invariant: within an output every column is made once, and everything that names a measure, a place or a dimension of
it names one there is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Literal, get_args

from afluente.core.nearest import did_you_mean
from afluente.core.tables import RELEASE, TableName
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.names import is_new, read_name
from afluente.project.output_columns import output_columns
from afluente.project.product import Format, Generalise, Grain, Output, PseudonymColumn, Segment
from afluente.project.read_measure import read_measures
from afluente.project.yaml_node import Node

FORMATS: tuple[Format, ...] = get_args(Format)
GRAINS: tuple[Grain, ...] = get_args(Grain)
NOBODY = "none"
"""`person: none` says that the facts are about nobody."""

_TRUNCATE: tuple[Literal["", "year", "month", "day"], ...] = ("year", "month", "day")
_COMMON = ("name", "facts", "contract", "formats", "where", "person")
_OF_CELLS = ("period", "place", "dimensions", "labels", "measures", "segment")
_OF_ROWS = ("columns", "pseudonyms", "generalise")


def read_outputs(product: Fields) -> tuple[Output, ...]:
    """Read `outputs`, of which there must be one."""
    node = (
        product.require("outputs", hint="a list of what is released") if isinstance(product.node.value, dict) else None
    )
    if node is None:
        return ()
    if not isinstance(node.value, tuple):
        product.wrong("outputs", node, "a list")
        return ()
    if not node.items:
        product.mistakes.add("product.no_outputs", f"{product.what} has no outputs", node, is_key=True)
    names: set[str] = set()
    read = [_output(item, product.mistakes) for item in node.items]
    return tuple(
        one for one in read if one is not None and is_new(one.name, names, one.place, product.mistakes, "outputs")
    )


def written_names(product: Fields) -> set[str]:
    """The names of all outputs in the file, those that cannot be read too."""
    node = product.get("outputs")
    return {item.mapping["name"].raw for item in (node.items if node is not None else ()) if "name" in item.mapping}


def _output(node: Node, mistakes: Mistakes) -> Output | None:
    fields = Fields(node, mistakes, "an output")
    name = read_name(fields)
    if not isinstance(node.value, dict):
        return None
    fields.what = f"output {name!r}" if name else fields.what
    is_of_cells = "measures" in fields or not any(key in fields for key in _OF_ROWS)
    _check_keys(fields, is_of_cells=is_of_cells)
    facts = fields.table("facts", layers=("gold", "silver")) if fields.require("facts", hint="gold.NAME") else None
    contract = _contract(fields)
    output = Output(
        name=name,
        facts=facts or TableName("gold", "_"),
        contract=contract,
        place=mistakes.place(node),
        formats=_formats(fields),
        where=fields.text("where"),
        person=_person(fields),
        key_places={key: mistakes.place(item) for key, item in node.mapping.items()},
    )
    output = _with_cells(output, fields) if is_of_cells else _with_rows(output, fields)
    is_whole = facts is not None and contract and name and output.is_of_cells == is_of_cells
    return output if is_whole else None


def _check_keys(fields: Fields, *, is_of_cells: bool) -> None:
    others, kind = (_OF_ROWS, "cells") if is_of_cells else (_OF_CELLS, "rows")
    known = (*_COMMON, *(_OF_CELLS if is_of_cells else _OF_ROWS))
    for key, node in fields.node.mapping.items():
        if key in others:
            hint = "an output with measures is of cells, one without is of rows"
            message = f"{fields.what} is of {kind}, and {key!r} is not for those"
            fields.mistakes.add("product.conflict", message, node, hint=hint, is_key=True)
        elif key not in known:
            message = f"{fields.what} has no setting {key!r}"
            hint = did_you_mean(key, (*_COMMON, *_OF_CELLS, *_OF_ROWS))
            fields.mistakes.add("project.unknown_key", message, node, hint=hint, is_key=True)


def _contract(fields: Fields) -> str:
    node = fields.require("contract", hint="the physicalName of a contract, release.NAME")
    if node is None:
        return ""
    table = fields.table("contract", layers=(RELEASE,))
    return "" if table is None else str(table)


def _formats(fields: Fields) -> tuple[Format, ...]:
    node = fields.get("formats")
    if node is None:
        return ("csv",)
    chosen: dict[Format, None] = {}
    for name in fields.texts("formats"):
        found = next((written for written in FORMATS if written == name), None)
        if found is None:
            message = f"{fields.what} has format {name!r}, which does not exist"
            fields.mistakes.add("product.unknown_format", message, node, hint=did_you_mean(name, FORMATS))
        else:
            chosen[found] = None
    if not node.is_scalar and not node.items:
        fields.mistakes.add("product.unknown_format", f"{fields.what} has no format", node, hint=", ".join(FORMATS))
    return tuple(chosen)


def _person(fields: Fields) -> str:
    person = fields.text("person")
    return "" if person == NOBODY else person


def _with_cells(output: Output, fields: Fields) -> Output:
    period_column, grain = _period(fields)
    places, dimensions = fields.texts("place"), fields.texts("dimensions")
    for name in dimensions:
        if name == period_column:
            message = f"{fields.what} has its period's column {name!r} as a dimension"
            hint = "a release tells a day or a month, never an hour"
            fields.mistakes.add("product.period", message, fields.get("dimensions"), hint=hint)
    labels = fields.text_pairs("labels")
    _check_labels(fields, labels, (*places, *dimensions))
    fields.require("measures", hint="measures: [{name: receita, sum: valor}]")
    measures = read_measures(fields)
    read = replace(
        output,
        period_column=period_column,
        grain=grain,
        places=places,
        dimensions=dimensions,
        labels=labels,
        measures=measures,
        segment=_segment(fields),
    )
    _check_columns(read, fields)
    return read


def _period(fields: Fields) -> tuple[str, Grain]:
    node = fields.get("period")
    if node is None:
        return "", "month"
    inner = Fields(node, fields.mistakes, f"period of {fields.what}")
    inner.only(("column", "grain"))
    if isinstance(node.value, dict):
        inner.require("column", hint="a date or a time of the facts")
        inner.require("grain", hint="grain: day, or month")
    return inner.text("column"), inner.choice("grain", GRAINS, "month")


def _check_labels(fields: Fields, labels: dict[str, str], named: Collection[str]) -> None:
    node = fields.get("labels")
    for label, column in labels.items():
        if column not in named:
            message = f"label {label!r} of {fields.what} is for {column!r}, which is no place or dimension of it"
            at = node.mapping.get(label) if node is not None else None
            fields.mistakes.add("product.label", message, at, hint=did_you_mean(column, named))


def _segment(fields: Fields) -> Segment | None:
    node = fields.get("segment")
    if node is None:
        return None
    inner = Fields(node, fields.mistakes, f"segment of {fields.what}")
    inner.only(("column", "entity", "own", "measure"))
    if not isinstance(node.value, dict):
        return None
    for key, hint in (
        ("column", "the column that names a row's segment"),
        ("entity", "the column that names whose row it is"),
        ("own", "own: [Marca], the entities that are the partner's"),
        ("measure", "the column that is compared"),
    ):
        inner.require(key, hint=hint)
    own = inner.texts("own")
    if (listed := inner.get("own")) is not None and not own and not listed.is_scalar:
        message = f"{inner.what} names no entity of the partner's"
        inner.mistakes.add("product.segment", message, listed, hint="own: [Marca]")
    return Segment(inner.text("column"), inner.text("entity"), own, inner.text("measure"), inner.mistakes.place(node))


def _check_columns(output: Output, fields: Fields) -> None:
    seen: set[str] = set()
    for name, _ in output_columns(output, {}):
        if name and name.casefold() in seen:
            message = f"{fields.what} makes column {name!r} twice"
            fields.mistakes.add("product.duplicate_column", message, output.place, hint="rename or leave out one")
        seen.add(name.casefold())


def _with_rows(output: Output, fields: Fields) -> Output:
    mistakes = fields.mistakes
    columns = fields.texts("columns")
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        message = f"{fields.what} has column {name!r} twice"
        mistakes.add("product.duplicate_column", message, fields.get("columns"), hint="leave out one")
    pseudonyms = tuple(
        PseudonymColumn(name, output.place_of("pseudonyms")) for name in dict.fromkeys(fields.texts("pseudonyms"))
    )
    read: list[Generalise] = []
    node = fields.get("generalise")
    if node is not None and not isinstance(node.value, tuple):
        fields.wrong("generalise", node, "a list", hint="generalise: [{column: cep, keep: 5}]")
    for item in node.items if node is not None else ():
        one = _generalise(item, mistakes, fields.what)
        if one is not None:
            read.append(one)
    named: set[str] = set()
    changes: list[PseudonymColumn | Generalise] = [*pseudonyms, *read]
    for changed in changes:
        if changed.column in named:
            message = f"{fields.what} changes column {changed.column!r} in two ways"
            mistakes.add("product.conflict", message, changed.place, hint="keep one")
        elif columns and changed.column not in columns:
            message = f"{fields.what} changes column {changed.column!r}, which it does not release"
            mistakes.add("project.unknown_column", message, changed.place, hint=did_you_mean(changed.column, columns))
        named.add(changed.column)
    return replace(output, columns=tuple(dict.fromkeys(columns)), pseudonyms=pseudonyms, generalise=tuple(read))


def _generalise(node: Node, mistakes: Mistakes, what: str) -> Generalise | None:
    fields = Fields(node, mistakes, f"a 'generalise' of {what}")
    fields.only(("column", "keep", "truncate", "step"))
    if not isinstance(node.value, dict):
        return None
    fields.require("column", hint="{column: cep, keep: 5}")
    ways = [key for key in ("keep", "truncate", "step") if key in fields]
    if len(ways) != 1:
        hint = "keep: characters, truncate: year, month or day, or step: a number"
        there = " and ".join(ways) or "no way"
        message = f"{fields.what} has {there}, and not one of keep, truncate and step"
        mistakes.add("product.generalise", message, node, hint=hint)
        return None
    step = fields.number("step")
    if step is not None and step <= 0:
        mistakes.add("project.wrong_value", f"'step' of {fields.what} is {step:g}, not above 0", fields.get("step"))
    return Generalise(
        column=fields.text("column"),
        place=mistakes.place(node),
        keep=fields.integer("keep", 1, minimum=1) if "keep" in fields else 0,
        truncate=fields.choice("truncate", _TRUNCATE, "year") if "truncate" in fields else "",
        step=step or 0.0,
    )
