"""Queries: SELECT, joins, grouping, set operations, CTEs and LATERAL VIEW, each with its output columns and types.

Invariant: every output column has one name and one Spark type, and an order is always written with its place for nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName
from afluente.models import operators
from afluente.models.calls import ordered
from afluente.models.expressions import Expressions
from afluente.models.scope import Columns, Context, Scope, Source
from afluente.models.spark_types import INT, SparkType, quote, wider
from afluente.models.typed import Typed, cast_sql

_SET_OPERATIONS = {"Union": "UNION", "Intersect": "INTERSECT", "Except": "EXCEPT"}
_GROUPINGS = {"Rollup": "ROLLUP", "Cube": "CUBE", "GroupingSets": "GROUPING SETS"}
_JOINS = {"": "INNER JOIN", "INNER": "INNER JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}


@dataclass(frozen=True, slots=True)
class Relation:
    """A translated query and its output columns."""

    sql: str
    columns: Columns


Ctes = Mapping[str, Columns]


class Relations:
    """Translates the queries of one model."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def query(self, node: exp.Expr, ctes: Ctes, parent: Scope | None = None) -> Relation:
        if isinstance(node, exp.Subquery) and not node.alias:
            return self.query(node.this, ctes, parent)
        prefix, known = self._with(node, ctes, parent)
        if isinstance(node, exp.SetOperation):
            relation = self._set_operation(node, known, parent)
        elif isinstance(node, exp.Select):
            relation = self._select(node, known, parent)
        else:
            self.context.refuse(node, f"{node.key.upper()} cannot stand here")
        return Relation(prefix + relation.sql, relation.columns)

    def _with(self, node: exp.Expr, ctes: Ctes, parent: Scope | None) -> tuple[str, Ctes]:
        clause = node.args.get("with_")
        known = dict(ctes)
        if clause is None:
            return "", known
        parts: list[str] = []
        for cte in clause.expressions:
            relation = self._renamed(self.query(cte.this, known, parent), cte.args["alias"])
            known[cte.alias.lower()] = relation.columns
            parts.append(f"{quote(cte.alias)} AS ({relation.sql})")
        self.context.used.add("WITH")
        return f"WITH {', '.join(parts)} ", known

    def _renamed(self, relation: Relation, alias: exp.TableAlias) -> Relation:
        names = [column.name for column in alias.args.get("columns") or []]
        if not names:
            return relation
        if len(names) != len(relation.columns):
            raise self.context.wrong(
                alias, "model.alias_columns", f"{len(names)} names for {len(relation.columns)} columns"
            )
        listed = ", ".join(quote(name) for name in names)
        columns = tuple(zip(names, (kind for _, kind in relation.columns), strict=True))
        return Relation(f"SELECT * FROM ({relation.sql}) AS renamed({listed})", columns)

    def _set_operation(self, node: exp.SetOperation, ctes: Ctes, parent: Scope | None) -> Relation:
        left, right = self.query(node.this, ctes, parent), self.query(node.expression, ctes, parent)
        if len(left.columns) != len(right.columns):
            counts = f"{len(left.columns)} and {len(right.columns)}"
            raise self.context.wrong(node, "model.union_columns", f"the two sides have {counts} columns")
        columns: list[tuple[str, SparkType]] = []
        for (name, first), (_, second) in zip(left.columns, right.columns, strict=True):
            common = wider(first, second)
            if common is None:
                self.context.refuse(
                    node.expression, f"column '{name}' is {first} above and {second} below", hint="CAST one"
                )
            columns.append((name, common))
        keyword = _SET_OPERATIONS[type(node).__name__]
        keyword += "" if node.args.get("distinct") else " ALL"
        self.context.used.add(keyword)
        final = tuple(columns)
        sql = f"({_widened(left, final)}) {keyword} ({_widened(right, final)})"
        tail = self._order_of_outputs(node, final)
        return Relation(f"SELECT * FROM ({sql}) AS united{tail}", final)

    def _order_of_outputs(self, node: exp.Expr, columns: Columns) -> str:
        order = node.args.get("order")
        parts: list[str] = []
        if order is not None:
            scope = Scope(self.context, [Source("united", columns)])
            parts = [self._order_key(item, Expressions(scope, self._subquery), columns) for item in order.expressions]
        return self._tail(node, parts)

    def _select(self, node: exp.Select, ctes: Ctes, parent: Scope | None) -> Relation:
        scope = Scope(self.context, parent=parent)
        expressions = Expressions(scope, lambda query, around: self.query(query, ctes, around))
        sql_from = self._from(node, scope, ctes, expressions)
        where = node.args.get("where")
        sql_where = f" WHERE {expressions.condition(where.this)}" if where is not None else ""
        items = self._items(node, scope, expressions)
        names = [name.lower() for name, _ in items]
        for name in names:
            if names.count(name) > 1:
                raise self.context.wrong(
                    node, "model.repeated_column", f"column '{name}' comes twice", hint="give an alias"
                )
        distinct = node.args.get("distinct")
        columns = tuple((name, typed.type) for name, typed in items)
        selected = ", ".join(f"{_typed_null(typed)} AS {quote(name)}" for name, typed in items)
        group = self._group(node, items, expressions)
        self._refuse_shadowed(node, items, scope)
        having = node.args.get("having")
        sql_having = f" HAVING {expressions.condition(having.this)}" if having is not None else ""
        order = node.args.get("order")
        keys = [self._order_key(item, expressions, columns) for item in order.expressions] if order is not None else []
        head = f"SELECT {'DISTINCT ' if distinct is not None else ''}{selected}"
        for clause, name in ((distinct, "DISTINCT"), (where, "WHERE"), (having, "HAVING"), (order, "ORDER BY")):
            if clause is not None:
                self.context.used.add(name)
        return Relation(f"{head}{sql_from}{sql_where}{group}{sql_having}{self._tail(node, keys)}", columns)

    def _subquery(self, query: exp.Expr, around: Scope) -> Relation:
        return self.query(query, {}, around)

    def _items(self, node: exp.Select, scope: Scope, expressions: Expressions) -> list[tuple[str, Typed]]:
        items: list[tuple[str, Typed]] = []
        for index, item in enumerate(node.expressions):
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                items += list(scope.stars(item.table if isinstance(item, exp.Column) else "", item))
                continue
            typed = expressions.translate(item.this if isinstance(item, exp.Alias) else item)
            if typed.type.name == "interval":
                self.context.refuse(item, "an interval cannot be a column")
            name = item.alias_or_name or f"_col{index}"
            items.append((name, typed))
            if isinstance(item, exp.Alias):
                scope.aliases[name.lower()] = typed
        return items

    def _refuse_shadowed(self, node: exp.Select, items: list[tuple[str, Typed]], scope: Scope) -> None:
        """In HAVING and inside ORDER BY, Spark takes an alias before a column of the same name."""
        plain = Scope(self.context, scope.sources, scope.merged)
        places: list[exp.Expr] = [node.args["having"]] if node.args.get("having") is not None else []
        order = node.args.get("order")
        places += (
            [item.this for item in order.expressions if not isinstance(item.this, exp.Column)]
            if order is not None
            else []
        )
        given = {name.lower(): typed.sql for name, typed in items}
        for column in (column for place in places for column in place.find_all(exp.Column) if not column.table):
            found = plain.find(column)
            if found is not None and given.get(column.name.lower(), found.sql) != found.sql:
                message = f"'{column.name}' is both a column and another output's alias"
                self.context.refuse(column, message, hint="give the output another alias, or write table.column")

    def _group(self, node: exp.Select, items: list[tuple[str, Typed]], expressions: Expressions) -> str:
        group = node.args.get("group")
        if group is None:
            return ""
        self.context.used.add("GROUP BY")
        written = list(group.expressions)
        for name in ("rollup", "cube", "grouping_sets"):
            written += group.args.get(name) or []
        parts: list[str] = []
        for item in written:
            keyword = _GROUPINGS.get(type(item).__name__)
            if keyword is None:
                parts.append(self._group_key(item, items, expressions))
                continue
            if not item.expressions:
                self.context.refuse(item, f"WITH {keyword} is not allowed", hint=f"write GROUP BY {keyword} (a, b)")
            self.context.used.add(keyword)
            inner = ", ".join(self._group_key(part, items, expressions) for part in item.expressions)
            parts.append(f"{keyword} ({inner})")
        return f" GROUP BY {', '.join(parts)}"

    def _group_key(self, item: exp.Expr, items: list[tuple[str, Typed]], expressions: Expressions) -> str:
        if isinstance(item, exp.Tuple):
            return f"({', '.join(self._group_key(part, items, expressions) for part in item.expressions)})"
        if isinstance(item, exp.Paren):
            return f"({self._group_key(item.this, items, expressions)})"
        if isinstance(item, exp.Literal):
            place = int(item.this) if not item.is_string and str(item.this).isdigit() else 0
            if not 1 <= place <= len(items):
                self.context.refuse(item, "GROUP BY takes columns, expressions or the number of an output column")
            return items[place - 1][1].sql
        return expressions.translate(item).sql

    def _order_key(self, item: exp.Ordered, expressions: Expressions, columns: Columns) -> str:
        key = item.this
        if isinstance(key, exp.Literal) and not key.is_string and str(key.this).isdigit():
            place = int(key.this)
            if not 1 <= place <= len(columns) or columns[place - 1][1].items:
                self.context.refuse(key, f"ORDER BY {place} is none of the {len(columns)} columns, or is nested")
            return ordered(quote(columns[place - 1][0]), item)
        if isinstance(key, exp.Column) and not key.table:
            found = next((name for name, kind in columns if name.lower() == key.name.lower() and not kind.items), None)
            if found is not None:
                return ordered(quote(found), item)
        return ordered(expressions.orderable(key), item)

    def _tail(self, node: exp.Expr, keys: list[str]) -> str:
        sql = f" ORDER BY {', '.join(keys)}" if keys else ""
        for name in ("limit", "offset"):
            clause = node.args.get(name)
            if clause is None:
                continue
            value = clause.expression
            if not isinstance(value, exp.Literal) or not str(value.this).isdigit():
                self.context.refuse(clause, f"{name.upper()} takes a whole number")
            if not keys and not self.context.any_rows:
                self.context.refuse(clause, f"{name.upper()} without ORDER BY gives any rows", hint="add ORDER BY")
            self.context.used.add(name.upper())
            sql += f" {name.upper()} {value.this}"
        return sql

    def _from(self, node: exp.Select, scope: Scope, ctes: Ctes, expressions: Expressions) -> str:
        clause = node.args.get("from_")
        if clause is None:
            return ""
        sql, source = self._item(clause.this, ctes, scope)
        self._add(scope, source, clause.this)
        sql = f" FROM {sql}"
        for join in node.args.get("joins") or []:
            sql += self._join(join, scope, ctes, expressions)
        for lateral in node.args.get("laterals") or []:
            sql += self._lateral(lateral, scope, expressions)
        return sql

    def _add(self, scope: Scope, source: Source, node: exp.Expr) -> None:
        if any(other.alias.lower() == source.alias.lower() for other in scope.sources):
            raise self.context.wrong(node, "model.repeated_alias", f"'{source.alias}' names two tables", hint="use AS")
        scope.sources.append(source)

    def _item(self, node: exp.Expr, ctes: Ctes, scope: Scope) -> tuple[str, Source]:
        if isinstance(node, exp.Table):
            return self._table(node, ctes)
        if isinstance(node, exp.Subquery):
            relation = self.query(node.this, ctes, scope.parent)
            alias_node = node.args.get("alias")
            if isinstance(alias_node, exp.TableAlias):
                relation = self._renamed(relation, alias_node)
            alias = node.alias or f"subquery_{len(scope.sources)}"
            return f"({relation.sql}) AS {quote(alias)}", Source(alias, relation.columns)
        return self.context.refuse(node, f"{node.key.upper()} cannot stand in FROM")

    def _table(self, node: exp.Table, ctes: Ctes) -> tuple[str, Source]:
        name, layer = node.name, node.text("db")
        alias = node.alias or name
        if node.args.get("alias") is not None and node.args["alias"].args.get("columns"):
            self.context.refuse(node, "names for a table's columns are not allowed", hint="give aliases in SELECT")
        if not layer:
            if name.lower() in ctes:
                return f"{quote(name)} AS {quote(alias)}", Source(alias, ctes[name.lower()])
            hint = did_you_mean(name, [str(table) for table in self.context.schemas])
            raise self.context.wrong(node, "model.unknown_table", f"table '{name}' has no layer", hint=hint)
        table = TableName(layer.lower(), name.lower())
        schema = self.context.schemas.get(table)
        if schema is None:
            hint = did_you_mean(str(table), [str(known) for known in self.context.schemas])
            raise self.context.wrong(node, "model.unknown_table", f"table '{table}' does not exist", hint=hint)
        self.context.tables.add(table)
        return f"{quote(table.view)} AS {quote(alias)}", Source(alias, tuple(schema.items()), table)

    def _join(self, join: exp.Join, scope: Scope, ctes: Ctes, expressions: Expressions) -> str:
        side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
        on, using = join.args.get("on"), join.args.get("using") or []
        if kind not in ("", "INNER", "CROSS", "OUTER", "SEMI", "ANTI") or side not in _JOINS:
            self.context.refuse(join, f"{side} {kind} JOIN is not allowed")
        sql, source = self._item(join.this, ctes, scope)
        before = list(scope.sources)
        self._add(scope, source, join)
        is_half = kind in ("SEMI", "ANTI")
        keyword = f"{kind} JOIN" if is_half else _JOINS[side]
        if on is None and not using:
            if side or is_half or kind == "INNER":
                self.context.refuse(join, f"{keyword} needs ON or USING")
            self.context.used.add("CROSS JOIN")
            return f" CROSS JOIN {sql}"
        self.context.used.add(f"LEFT {keyword}" if is_half else keyword)
        conditions = [expressions.condition(on)] if on is not None else []
        conditions += [self._using(name, scope, before, source, side or kind) for name in using]
        if is_half:
            scope.sources.remove(source)
        return f" {keyword} {sql} ON {' AND '.join(conditions)}"

    def _using(self, name: exp.Expr, scope: Scope, before: list[Source], source: Source, side: str) -> str:
        inner = Scope(self.context, before, dict(scope.merged))
        left = inner.column(exp.Column(this=name.copy()))
        right = Scope(self.context, [source]).column(exp.Column(this=name.copy()))
        test = operators.compare("EQ", left, right)
        if test is None or left.type != right.type:
            self.context.refuse(name, f"USING joins {left.type} with {right.type}", hint="use ON with a CAST")
        kept = {"RIGHT": right.sql, "FULL": f"coalesce({left.sql}, {right.sql})"}.get(side, left.sql)
        scope.merged[name.name.lower()] = Typed(kept, left.type, name)
        self.context.used.add("USING")
        return str(test)

    def _lateral(self, node: exp.Lateral, scope: Scope, expressions: Expressions) -> str:
        call = node.this
        name = str(call.this).lower() if isinstance(call, exp.Anonymous) else ""
        if name not in ("explode", "posexplode") or not node.args.get("view") or len(call.expressions) != 1:
            self.context.refuse(node, "LATERAL VIEW takes explode(array) or posexplode(array)")
        array = expressions.translate(call.expressions[0])
        if array.type.name != "array":
            self.context.refuse(node, f"{name} takes an array, and this is {array.type}")
        alias = node.args["alias"]
        names = [column.name for column in alias.args.get("columns") or []]
        kinds = [array.type.items[0]] if name == "explode" else [INT, array.type.items[0]]
        names = names or (["col"] if name == "explode" else ["pos", "col"])
        if len(names) != len(kinds):
            self.context.refuse(node, f"{name} gives {len(kinds)} columns")
        position = f"CAST(generate_subscripts({array.sql}, 1) - 1 AS INTEGER) AS {quote(names[0])}, "
        head = position if name == "posexplode" else ""
        query = f"(SELECT {head}unnest({array.sql}) AS {quote(names[-1])}) AS {quote(alias.name)}"
        self._add(scope, Source(alias.name, tuple(zip(names, kinds, strict=True))), node)
        self.context.used.add(f"LATERAL VIEW{' OUTER' if node.args.get('outer') else ''} {name}")
        return f" LEFT JOIN LATERAL {query} ON TRUE" if node.args.get("outer") else f" CROSS JOIN LATERAL {query}"


def _typed_null(typed: Typed) -> str:
    return cast_sql(typed.sql, typed.type) if typed.type.name == "void" else typed.sql


def _widened(relation: Relation, columns: Columns) -> str:
    if relation.columns == columns:
        return relation.sql
    inner = ", ".join(
        f"{cast_sql(quote(old), kind)} AS {quote(name)}"
        for (old, _), (name, kind) in zip(relation.columns, columns, strict=True)
    )
    return f"SELECT {inner} FROM ({relation.sql}) AS branch"
