"""Expressions: each allowed node becomes DuckDB SQL with its Spark type.

Invariant: a node is translated from the types of its parts, or refused with its place; nothing passes as written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from sqlglot import exp

from afluente.models import casts, operators
from afluente.models.calls import Calls
from afluente.models.functions.arrays import at_index
from afluente.models.literals import interval, like_pattern, number, string
from afluente.models.scope import Scope, field_of
from afluente.models.spark_types import BOOLEAN, INT, STRING, VOID, SparkType, parse_type, text, wider
from afluente.models.typed import Typed, cast_sql, coerce, is_iso_date, is_iso_timestamp

if TYPE_CHECKING:
    from afluente.models.relations import Relation

_EXTRACT = {
    name.upper(): function
    for function, names in {
        "year": "year y years yr yrs",
        "quarter": "quarter qtr",
        "month": "month mon mons months",
        "weekofyear": "week w weeks",
        "day": "day d days",
        "dayofweek": "dayofweek dow",
        "dayofyear": "doy",
        "hour": "hour h hours hr hrs",
        "minute": "minute m min mins minutes",
        "extract second": "second s sec seconds secs",
    }.items()
    for name in names.split()
}


class Expressions:
    """Translates the expressions of one scope; `subquery` translates a query inside it."""

    def __init__(self, scope: Scope, subquery: Callable[[exp.Expr, Scope], Relation]) -> None:
        self.scope = scope
        self.context = scope.context
        self.subquery = subquery
        self.calls = Calls(self)

    def translate(self, node: exp.Expr) -> Typed:
        kind = type(node).__name__
        method = getattr(self, f"_{kind.lower()}", None)
        if method is None:
            if kind in operators.COMPARISONS:
                return self._comparison(node, kind)
            if kind in operators.ARITHMETIC:
                return self._arithmetic(node, kind)
            if kind in operators.BITWISE:
                return self._bitwise(node, kind)
            if kind in operators.LOGIC:
                return self._logic(node, kind)
            self.refuse(node, f"{kind} cannot stand here")
        translated: Typed = method(node)
        return translated

    def use(self, name: str) -> None:
        """Note that the model uses an allowed operator or function."""
        self.context.used.add(name)

    def refuse(self, node: exp.Expr, message: str, *, hint: str = "") -> NoReturn:
        self.context.refuse(node, message, hint=hint)

    def condition(self, node: exp.Expr) -> str:
        """A boolean, as WHERE, ON and HAVING need."""
        typed = self.translate(node)
        wanted = coerce(typed, BOOLEAN)
        if wanted is None:
            self.refuse(node, f"a condition is boolean, and this is {typed.type}")
        return wanted.sql

    def orderable(self, node: exp.Expr) -> str:
        """A key of ORDER BY: engines order arrays and structs with nulls in them differently."""
        typed = self.translate(node)
        if typed.type.name in ("array", "map", "struct"):
            self.refuse(node, f"ORDER BY {typed.type} is not allowed", hint="order by an element or a field")
        return typed.sql

    def _column(self, node: exp.Column) -> Typed:
        return self.scope.column(node)

    def _identifier(self, node: exp.Identifier) -> Typed:
        return self.scope.column(exp.Column(this=node))

    def _dot(self, node: exp.Dot) -> Typed:
        holder = self.translate(node.this)
        if holder.type.name != "struct":
            self.refuse(node, f"a field can be read of a struct, and this is {holder.type}")
        return field_of(holder, node.expression.name, node, self.context)

    def _literal(self, node: exp.Literal) -> Typed:
        return string(node) if node.is_string else number(node, self.context)

    def _rawstring(self, node: exp.RawString) -> Typed:
        return Typed(text(str(node.this)), STRING, node, str(node.this))

    def _boolean(self, node: exp.Boolean) -> Typed:
        return Typed("TRUE" if node.this else "FALSE", BOOLEAN, node)

    def _null(self, node: exp.Null) -> Typed:
        return Typed("NULL", VOID, node)

    def _paren(self, node: exp.Paren) -> Typed:
        inner = self.translate(node.this)
        return Typed(f"({inner.sql})", inner.type, node, inner.constant)

    def _interval(self, node: exp.Interval) -> Typed:
        found = interval(node)
        if found is None:
            self.refuse(node, "this interval is not allowed", hint="write INTERVAL 3 DAY: a whole number and one unit")
        self.use("INTERVAL")
        return found

    def _pair(self, node: exp.Expr) -> tuple[Typed, Typed]:
        return self.translate(node.this), self.translate(node.args["expression"])

    def _wrong_types(self, node: exp.Expr, name: str, *sides: Typed) -> NoReturn:
        kinds = " and ".join(str(side.type) for side in sides)
        self.refuse(node, f"{name} is not allowed between {kinds}", hint="CAST one side to the type you mean")

    def _comparison(self, node: exp.Expr, kind: str) -> Typed:
        left, right = self._pair(node)
        name = {"NullSafeEQ": "<=>"}.get(kind, operators.COMPARISONS[kind])
        self.use(name)
        sql = operators.compare(kind, left, right)
        return Typed(sql, BOOLEAN, node) if sql else self._wrong_types(node, name, left, right)

    def _arithmetic(self, node: exp.Expr, kind: str) -> Typed:
        left, right = self._pair(node)
        name = operators.ARITHMETIC[kind]
        self.use(name)
        found = operators.arithmetic(kind, left, right)
        return Typed(found[0], found[1], node) if found else self._wrong_types(node, name, left, right)

    def _bitwise(self, node: exp.Expr, kind: str) -> Typed:
        left, right = self._pair(node)
        self.use(operators.BITWISE[kind])
        found = operators.bitwise(kind, left, right)
        return (
            Typed(found[0], found[1], node) if found else self._wrong_types(node, operators.BITWISE[kind], left, right)
        )

    def _logic(self, node: exp.Expr, kind: str) -> Typed:
        left, right = self._pair(node)
        self.use(operators.LOGIC[kind])
        sql = operators.logic(kind, left, right)
        return Typed(sql, BOOLEAN, node) if sql else self._wrong_types(node, operators.LOGIC[kind], left, right)

    def _dpipe(self, node: exp.DPipe) -> Typed:
        return self.calls.named("concat", [self.translate(node.this), self.translate(node.expression)], node, used="||")

    def _bitwisenot(self, node: exp.BitwiseNot) -> Typed:
        inner = self.translate(node.this)
        self.use("~")
        return (
            Typed(f"(~{inner.sql})", inner.type, node)
            if inner.type.is_integral
            else self._wrong_types(node, "~", inner)
        )

    def _not(self, node: exp.Not) -> Typed:
        self.use("NOT")
        return Typed(f"(NOT {self.condition(node.this)})", BOOLEAN, node)

    def _neg(self, node: exp.Neg) -> Typed:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return number(node.this, self.context, sign="-", node=node)
        inner = self.translate(node.this)
        self.use("unary -")
        return self.calls.named("negative", [inner], node, used="unary -")

    def _is(self, node: exp.Is) -> Typed:
        inner, right = self.translate(node.this), node.expression
        if isinstance(right, exp.Null):
            self.use("IS NULL")
            return Typed(f"({inner.sql} IS NULL)", BOOLEAN, node)
        if isinstance(right, exp.Boolean) and inner.type == BOOLEAN:
            self.use("IS TRUE")
            return Typed(f"(({inner.sql}) IS NOT DISTINCT FROM {'TRUE' if right.this else 'FALSE'})", BOOLEAN, node)
        return self.refuse(node, "IS takes NULL, TRUE or FALSE")

    def _between(self, node: exp.Between) -> Typed:
        value, low, high = (self.translate(node.args[name]) for name in ("this", "low", "high"))
        self.use("BETWEEN")
        first, second = operators.compare("GTE", value, low), operators.compare("LTE", value, high)
        if first is None or second is None:
            self._wrong_types(node, "BETWEEN", value, low, high)
        return Typed(f"({first} AND {second})", BOOLEAN, node)

    def _in(self, node: exp.In) -> Typed:
        value = self.translate(node.this)
        self.use("IN")
        query = node.args.get("query")
        if query is not None:
            relation = self.subquery(query.this if isinstance(query, exp.Subquery) else query, self.scope)
            if len(relation.columns) != 1 or relation.columns[0][1] != value.type:
                self.refuse(
                    node, "IN takes a query of one column of the same type", hint="CAST the column of the query"
                )
            return Typed(f"({value.sql} IN ({relation.sql}))", BOOLEAN, node)
        items = [self.translate(item) for item in node.expressions]
        common = value.type
        for item in items:
            common = wider(common, item.type) or common
        fitted = [coerce(item, common) for item in (value, *items)]
        if any(item is None for item in fitted):
            self._wrong_types(node, "IN", value, *items)
        first, *others = [item.sql for item in fitted if item is not None]
        return Typed(f"({first} IN ({', '.join(others)}))", BOOLEAN, node)

    def _exists(self, node: exp.Exists) -> Typed:
        self.use("EXISTS")
        return Typed(f"EXISTS ({self.subquery(node.this, self.scope).sql})", BOOLEAN, node)

    def _subquery(self, node: exp.Subquery) -> Typed:
        relation = self.subquery(node.this, self.scope)
        if len(relation.columns) != 1:
            self.refuse(node, "a query used as a value has one column")
        self.use("scalar subquery")
        return Typed(f"({relation.sql})", relation.columns[0][1], node)

    def _case(self, node: exp.Case) -> Typed:
        operand = self.translate(node.this) if node.this is not None else None
        conditions: list[str] = []
        values: list[Typed] = []
        for branch in node.args["ifs"]:
            if operand is None:
                conditions.append(self.condition(branch.this))
            else:
                wanted = self.translate(branch.this)
                test = operators.compare("EQ", operand, wanted)
                conditions.append(test or self._wrong_types(branch, "CASE", operand, wanted))
            values.append(self.translate(branch.args["true"]))
        default = node.args.get("default")
        values.append(self.translate(default) if default is not None else Typed("NULL", VOID, node))
        self.use("CASE")
        fitted = self._common(values, node, "CASE")
        whens = " ".join(f"WHEN {test} THEN {value.sql}" for test, value in zip(conditions, fitted, strict=False))
        return Typed(f"CASE {whens} ELSE {fitted[-1].sql} END", fitted[-1].type, node)

    def _common(self, values: Sequence[Typed], node: exp.Expr, name: str) -> list[Typed]:
        kind = values[0].type
        for value in values[1:]:
            kind = wider(kind, value.type) or kind
        fitted = [coerce(value, kind) for value in values]
        if any(value is None for value in fitted):
            self._wrong_types(node, name, *values)
        return [value for value in fitted if value is not None]

    def _cast(self, node: exp.Cast) -> Typed:
        return self._converted(node, is_try=False)

    def _trycast(self, node: exp.TryCast) -> Typed:
        return self._converted(node, is_try=True)

    def _converted(self, node: exp.Cast | exp.TryCast, *, is_try: bool) -> Typed:
        inner = self.translate(node.this)
        try:
            wanted = parse_type(node.to.sql(dialect="spark"))
        except ValueError as failure:
            self.refuse(node, str(failure))
        return self.convert(inner, wanted, node, is_try=is_try)

    def convert(self, inner: Typed, wanted: SparkType, node: exp.Expr, *, is_try: bool = False) -> Typed:
        """`inner` cast to `wanted`, as CAST does."""
        if inner.type == STRING and (
            (wanted.name == "date" and is_iso_date(inner.constant))
            or (wanted.name == "timestamp" and is_iso_timestamp(inner.constant))
        ):
            return Typed(cast_sql(inner.sql, wanted), wanted, node)
        sql = casts.try_cast(inner, wanted) if is_try else casts.cast(inner, wanted)
        if sql is None:
            self.refuse(node, f"CAST from {inner.type} to {wanted} is not allowed")
        self.use(f"{'try_cast' if is_try else 'cast'} {inner.type.name} to {wanted.name}")
        return Typed(sql, wanted, node)

    def _extract(self, node: exp.Extract) -> Typed:
        function = _EXTRACT.get(node.name.upper())
        if function is None:
            self.refuse(node, f"EXTRACT({node.name}) is not allowed")
        return self.calls.named(function, [self.translate(node.expression)], node, used="extract")

    def _trim(self, node: exp.Trim) -> Typed:
        inner = coerce(self.translate(node.this), STRING)
        letters = coerce(self.translate(node.expression), STRING) if node.expression is not None else None
        if inner is None or (node.expression is not None and letters is None):
            self.refuse(node, "TRIM takes text")
        function = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
        self.use("trim")
        return Typed(f"{function}({inner.sql}, {letters.sql if letters else text(' ')})", STRING, node)

    def _like(self, node: exp.Like, escape: str = "\\") -> Typed:
        value, pattern = self._pair(node)
        if value.type != STRING or not isinstance(pattern.constant, str):
            self.refuse(
                node, "LIKE takes text and a pattern written in the model", hint="use startswith, contains or ="
            )
        if not like_pattern(pattern.constant, escape):
            self.refuse(node, "in LIKE the escape character stands before %, _ or itself")
        function = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        if function == "ILIKE":
            self.refuse(node, "ILIKE folds case differently in each engine", hint="use lower(x) LIKE 'pattern'")
        self.use("LIKE")
        negation = "NOT " if node.args.get("negate") else ""
        return Typed(f"({value.sql} {negation}LIKE {pattern.sql} ESCAPE {text(escape)})", BOOLEAN, node)

    _ilike = _like

    def _escape(self, node: exp.Escape) -> Typed:
        letter = self.translate(node.expression).constant
        if not isinstance(node.this, exp.Like) or not isinstance(letter, str) or len(letter) != 1:
            self.refuse(node, "ESCAPE takes one character, after LIKE")
        return self._like(node.this, letter)

    def _regexplike(self, node: exp.RegexpLike) -> Typed:
        return self.calls.named("rlike", list(self._pair(node)), node)

    def _bracket(self, node: exp.Bracket) -> Typed:
        holder = self.translate(node.this)
        key = self.translate(node.expressions[0])
        self.use("[]")
        if holder.type.name == "array" and key.type == INT:
            return Typed(at_index([holder, key]), holder.type.items[0], node)
        if holder.type.name == "map":
            return self.calls.named("element_at", [holder, key], node, used="[]")
        return self.refuse(node, f"[{key.type}] is not allowed on {holder.type}")

    def _anonymous(self, node: exp.Anonymous) -> Typed:
        return self.calls.call(node)

    def _filter(self, node: exp.Filter) -> Typed:
        return self.calls.filtered(node)

    def _window(self, node: exp.Window) -> Typed:
        return self.calls.window(node)
