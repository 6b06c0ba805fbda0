"""Which columns a name can mean at a place of a query, with their types.

Invariant: a name resolves to exactly one column; what is ambiguous or unknown is an error with the nearest right name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from sqlglot import exp

from afluente.core.errors import ModelError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.models.guard import refuse
from afluente.models.parse import place_of
from afluente.models.spark_types import SparkType, quote
from afluente.models.typed import Typed

Columns = tuple[tuple[str, SparkType], ...]


@dataclass(slots=True)
class Context:
    """What the whole translation of one model shares: where it stands, the input schemas, and what it used.

    `any_rows` lets LIMIT stand without ORDER BY: a question may take any rows, a model may not.
    """

    file: str
    first_line: int
    schemas: Mapping[TableName, Mapping[str, SparkType]]
    any_rows: bool = False
    used: set[str] = field(default_factory=set)
    tables: set[TableName] = field(default_factory=set)

    def refuse(self, node: exp.Expr, message: str, *, hint: str = "") -> NoReturn:
        refuse(node, message, file=self.file, first_line=self.first_line, hint=hint)

    def wrong(self, node: exp.Expr, code: str, message: str, *, hint: str = "") -> ModelError:
        return ModelError(code, message, hint=hint, place=place_of(node, self.file, self.first_line))


@dataclass(frozen=True, slots=True)
class Source:
    """One item of FROM: its alias, its columns in order, and the table it is, if it is one."""

    alias: str
    columns: Columns
    table: TableName | None = None

    def find(self, name: str) -> tuple[str, SparkType] | None:
        return next(((n, kind) for n, kind in self.columns if n.lower() == name.lower()), None)

    def typed(self, column: tuple[str, SparkType], node: exp.Expr) -> Typed:
        return Typed(f"{quote(self.alias)}.{quote(column[0])}", column[1], node)


@dataclass(slots=True)
class Scope:
    """The sources of one SELECT, what USING merged, its own aliases, lambda variables, and the query around it."""

    context: Context
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Typed] = field(default_factory=dict)
    aliases: dict[str, Typed] = field(default_factory=dict)
    variables: dict[str, SparkType] = field(default_factory=dict)
    parent: Scope | None = None

    def column(self, node: exp.Column) -> Typed:
        name, table = node.name, node.table
        if table:
            return self._qualified(node, name, table)
        found = self._plain(node, name)
        if found is not None:
            return found
        raise self._unknown(node, name, self._names())

    def find(self, node: exp.Column) -> Typed | None:
        """The column a bare name means here, or None."""
        return self._plain(node, node.name)

    def _plain(self, node: exp.Expr, name: str) -> Typed | None:
        if name.lower() in self.variables:
            return Typed(quote(f"lambda_{name.lower()}"), self.variables[name.lower()], node)
        if name.lower() in self.merged:
            merged = self.merged[name.lower()]
            return Typed(merged.sql, merged.type, node)
        found = [(source, column) for source in self.sources if (column := source.find(name))]
        if len(found) > 1:
            sources = " and ".join(source.alias for source, _ in found)
            raise self.context.wrong(
                node,
                "model.ambiguous_column",
                f"column '{name}' is in {sources}",
                hint=f"write {found[0][0].alias}.{name}",
            )
        if found:
            return found[0][0].typed(found[0][1], node)
        if name.lower() in self.aliases:
            alias = self.aliases[name.lower()]
            return Typed(alias.sql, alias.type, node, alias.constant)
        return self.parent._plain(node, name) if self.parent else None  # noqa: SLF001 - the same class

    def _qualified(self, node: exp.Column, name: str, table: str) -> Typed:
        source = self._source(table, node.text("db"))
        if source is not None:
            column = source.find(name)
            if column is None:
                raise self._unknown(node, name, [n for n, _ in source.columns], of=table)
            return source.typed(column, node)
        holder = self._plain(node, table) if not node.text("db") else None
        if holder is not None and holder.type.name == "struct":
            return field_of(holder, name, node, self.context)
        aliases = [source.alias for source in self.sources]
        raise self.context.wrong(
            node, "model.unknown_alias", f"'{table}' is no table of this query", hint=did_you_mean(table, aliases)
        )

    def _source(self, alias: str, layer: str) -> Source | None:
        for source in self.sources:
            if layer:
                if source.table == TableName(layer.lower(), alias.lower()):
                    return source
            elif source.alias.lower() == alias.lower():
                return source
        return self.parent._source(alias, layer) if self.parent else None  # noqa: SLF001 - the same class

    def stars(self, alias: str, node: exp.Expr) -> Iterator[tuple[str, Typed]]:
        """Every column `*` or `alias.*` means, in Spark's order: what USING merged comes first."""
        if not alias:
            for name, typed in self.merged.items():
                yield self._written(name), typed
        for source in self.sources:
            if alias and source.alias.lower() != alias.lower():
                continue
            for column in source.columns:
                if alias or column[0].lower() not in self.merged:
                    yield column[0], source.typed(column, node)

    def _written(self, folded: str) -> str:
        return next(n for source in self.sources for n, _ in source.columns if n.lower() == folded)

    def _names(self) -> list[str]:
        return [name for source in self.sources for name, _ in source.columns] + list(self.aliases)

    def _unknown(self, node: exp.Expr, name: str, known: list[str], of: str = "") -> ModelError:
        where = f" of {of}" if of else ""
        message = f"column '{name}'{where} does not exist"
        return self.context.wrong(node, "model.unknown_column", message, hint=did_you_mean(name, known))


def field_of(holder: Typed, name: str, node: exp.Expr, context: Context) -> Typed:
    """A struct's field."""
    for field_name, kind in zip(holder.type.fields, holder.type.items, strict=True):
        if field_name.lower() == name.lower():
            return Typed(f"struct_extract({holder.sql}, '{field_name}')", kind, node)
    raise context.wrong(
        node, "model.unknown_field", f"field '{name}' does not exist", hint=did_you_mean(name, holder.type.fields)
    )
