"""Calls of functions, aggregates, window functions and functions that take a lambda.

Invariant: a call is translated from a signature of the table of functions, or refused naming what it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from sqlglot import exp

from afluente.core.nearest import nearest
from afluente.models.functions import FUNCTIONS
from afluente.models.functions.alternatives import ALTERNATIVES
from afluente.models.functions.signature import Signature
from afluente.models.operators import arithmetic
from afluente.models.spark_types import BOOLEAN, INT, SparkType, array_of, quote
from afluente.models.typed import Typed, cast_sql, tried

if TYPE_CHECKING:
    from afluente.models.expressions import Expressions

_UNORDERED = ("collect_list", "collect_set", "array_agg")
_ORDERING = (
    "sort_array",
    "array_sort",
    "size",
    "cardinality",
    "array_size",
    "array_min",
    "array_max",
    "array_contains",
)
TRIED = {"try_add": "Add", "try_subtract": "Sub", "try_multiply": "Mul", "try_divide": "Div"}
LAMBDAS = ("transform", "filter", "exists", "forall", "aggregate", "reduce")
_FRAME_SIDES = {"UNBOUNDED", "CURRENT ROW"}
_PATTERNS = (
    r"; a pattern holds no $ (\z is the end of the text), \b, lookaround, back-reference, possessive count"
    " or empty match"
)


class Calls:
    """The calls of one scope."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions

    def call(self, node: exp.Anonymous) -> Typed:
        name = str(node.this).lower()
        if name in LAMBDAS:
            return self._with_lambda(name, node)
        arguments, distinct = self._arguments(node)
        if name in TRIED:
            return self._tried(name, arguments, node)
        self._check_order(name, node)
        return self._apply(name, arguments, node, distinct=distinct)

    def _tried(self, name: str, arguments: Sequence[Typed], node: exp.Anonymous) -> Typed:
        found = arithmetic(TRIED[name], *arguments) if len(arguments) == 2 else None
        if found is None:
            self._refuse(
                node, f"{name}({', '.join(str(a.type) for a in arguments)}) is not allowed with these arguments"
            )
        self.expressions.use(name)
        _, kind = found

        def strict(given: Sequence[Typed]) -> str | None:
            computed = arithmetic(TRIED[name], *given)
            return computed[0] if computed else None

        return Typed(str(tried(arguments, strict)), kind, node)

    def named(self, name: str, arguments: Sequence[Typed], node: exp.Expr, used: str = "") -> Typed:
        """The call of a function that an operator stands for."""
        return self._apply(name, arguments, node, used=used)

    def _arguments(self, node: exp.Anonymous) -> tuple[list[Typed], str]:
        written = node.expressions
        if len(written) == 1 and isinstance(written[0], exp.Distinct):
            return [self.expressions.translate(item) for item in written[0].expressions], "DISTINCT "
        if len(written) == 1 and isinstance(written[0], exp.Star) and str(node.this).lower() == "count":
            return [Typed("1", INT, written[0])], ""
        return [self.expressions.translate(item) for item in written], ""

    def _check_order(self, name: str, node: exp.Expr) -> None:
        if name not in _UNORDERED:
            return
        parent = node.parent if not isinstance(node.parent, exp.Filter) else node.parent.parent
        if isinstance(parent, exp.Anonymous) and str(parent.this).lower() in _ORDERING:
            return
        if isinstance(parent, exp.Window) and parent.args.get("order") and name != "collect_set":
            return
        self._refuse(node, f"{name} gives its items in any order", hint=f"write sort_array({name}(...))")

    def _apply(
        self,
        name: str,
        arguments: Sequence[Typed],
        node: exp.Expr,
        *,
        used: str = "",
        over: str = "",
        distinct: str = "",
        nulls: str = "",
        is_window: bool = False,
    ) -> Typed:
        signatures = FUNCTIONS.get(name)
        if not signatures:
            near = nearest(name, FUNCTIONS)
            hint = ALTERNATIVES.get(name) or (f"did you mean '{near}'?" if near else "")
            self._refuse(node, f"function '{name}' is not in the list of allowed functions", hint=hint)
        for signature in signatures:
            found = self._match(
                signature, arguments, node, over=over, distinct=distinct, nulls=nulls, is_window=is_window
            )
            if found is not None:
                self.expressions.use(used or name)
                return found
        kinds = ", ".join(str(argument.type) for argument in arguments)
        ways = "; ".join(f"{name}({', '.join(signature.parameters)})" for signature in signatures)
        hint = f"allowed: {ways}; patterns, formats and counts stand as plain constants"
        if name.startswith(("regexp", "rlike")):
            hint += _PATTERNS
        return self._refuse(node, f"{name}({kinds}) is not allowed with these arguments", hint=hint)

    def _match(
        self,
        signature: Signature,
        arguments: Sequence[Typed],
        node: exp.Expr,
        *,
        over: str,
        distinct: str,
        nulls: str,
        is_window: bool,
    ) -> Typed | None:
        fitted = signature.match(arguments)
        if fitted is None:
            return None
        if signature.kind == "ranking" and not is_window:
            self._refuse(
                node, f"{signature.name} needs an order", hint="write it with OVER (PARTITION BY ... ORDER BY ...)"
            )
        if signature.kind == "scalar" and (is_window or over):
            self._refuse(node, f"{signature.name} is not an aggregate")
        if distinct and not signature.takes_distinct:
            self._refuse(node, f"DISTINCT is not allowed in {signature.name}")
        kind = signature.result_type(fitted)
        sql = signature.sql(fitted, over=over, distinct=distinct, nulls=nulls) if kind else None
        return Typed(sql, kind, node) if sql and kind else None

    def filtered(self, node: exp.Filter) -> Typed:
        """`aggregate(x) FILTER (WHERE c)`. In both engines x is evaluated on rows outside c too, and may fail there."""
        inner = node.this
        if not isinstance(inner, exp.Anonymous):
            self._refuse(node, "FILTER stands after an aggregate")
        condition = self.expressions.condition(node.expression.this)
        arguments, distinct = self._arguments(inner)
        name = str(inner.this).lower()
        self._check_order(name, inner)
        self.expressions.use("FILTER")
        return self._apply(name, arguments, node, over=f" FILTER (WHERE {condition})", distinct=distinct)

    def window(self, node: exp.Window) -> Typed:
        inner, nulls = node.this, ""
        if isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
            nulls = " IGNORE NULLS" if isinstance(inner, exp.IgnoreNulls) else ""
            inner = inner.this
        if not isinstance(inner, exp.Anonymous):
            self._refuse(node, "OVER stands after a function")
        name = str(inner.this).lower()
        arguments, distinct = self._arguments(inner)
        if distinct:
            self._refuse(node, "DISTINCT is not allowed with OVER")
        order = node.args.get("order")
        if any(s.kind == "ranking" for s in FUNCTIONS.get(name, ())) and order is None:
            self._refuse(node, f"{name} needs an order", hint="add ORDER BY inside OVER (...)")
        if nulls and name not in ("first_value", "last_value", "first", "last"):
            self._refuse(node, f"IGNORE NULLS is not allowed with {name}")
        self._check_order(name, inner)
        return self._apply(name, arguments, node, over=f" OVER ({self._over(node)})", nulls=nulls, is_window=True)

    def _over(self, node: exp.Window) -> str:
        parts: list[str] = []
        by = [self.expressions.translate(item).sql for item in node.args.get("partition_by") or []]
        if by:
            parts.append(f"PARTITION BY {', '.join(by)}")
        order = node.args.get("order")
        if order is not None:
            keys = [ordered(self.expressions.orderable(item.this), item) for item in order.expressions]
            parts.append(f"ORDER BY {', '.join(keys)}")
        spec = node.args.get("spec")
        if spec is not None:
            parts.append(self._frame(spec))
        self.expressions.use("OVER")
        return " ".join(parts)

    def _frame(self, spec: exp.WindowSpec) -> str:
        kind = str(spec.args.get("kind") or "").upper()
        if kind not in ("ROWS", "RANGE"):
            self._refuse(spec, f"a frame is ROWS or RANGE, not {kind}")
        sides = [self._side(spec, spec.args.get(name), spec.args.get(f"{name}_side")) for name in ("start", "end")]
        self.expressions.use(f"{kind} frame")
        return f"{kind} BETWEEN {sides[0]} AND {sides[1]}"

    def _side(self, spec: exp.WindowSpec, bound: object, side: object) -> str:
        if bound is None:
            return "CURRENT ROW"
        if isinstance(bound, str) and bound.upper() in _FRAME_SIDES:
            return bound.upper() if bound.upper() == "CURRENT ROW" else f"UNBOUNDED {str(side).upper()}"
        if isinstance(bound, exp.Literal) and not bound.is_string and str(bound.this).isdigit():
            return f"{bound.this} {str(side).upper()}"
        return self._refuse(spec, "a frame's bound is UNBOUNDED, CURRENT ROW or a whole number")

    def _with_lambda(self, name: str, node: exp.Anonymous) -> Typed:
        arguments = node.expressions
        array = self.expressions.translate(arguments[0]) if arguments else None
        if array is None or array.type.name != "array":
            self._refuse(node, f"{name} takes an array first")
        element = array.type.items[0]
        if name in ("aggregate", "reduce"):
            return self._reduce(name, array, element, node)
        if len(arguments) != 2 or not isinstance(arguments[1], exp.Lambda):
            self._refuse(node, f"{name} takes an array and one lambda")
        body, variables = self._lambda(arguments[1], [element, INT] if name == "transform" else [element])
        self.expressions.use(name)
        mapped = f"list_transform({array.sql}, lambda {variables}: {body.sql})"
        if name == "transform":
            return Typed(cast_sql(mapped, array_of(body.type)), array_of(body.type), node)
        if body.type != BOOLEAN:
            self._refuse(arguments[1], f"{name} takes a condition, and this is {body.type}")
        if name == "filter":
            return Typed(f"list_filter({array.sql}, lambda {variables}: coalesce({body.sql}, FALSE))", array.type, node)
        bare = mapped
        decided, otherwise = ("TRUE", "FALSE") if name == "exists" else ("FALSE", "TRUE")
        has_null = f"list_contains(list_transform({bare}, lambda answer: answer IS NULL), TRUE)"
        sql = (
            f"CASE WHEN {array.sql} IS NULL THEN NULL WHEN list_contains({bare}, {decided}) THEN {decided} "
            f"WHEN {has_null} THEN NULL ELSE {otherwise} END"
        )
        return Typed(sql, BOOLEAN, node)

    def _reduce(self, name: str, array: Typed, element: SparkType, node: exp.Anonymous) -> Typed:
        if len(node.expressions) != 3 or not isinstance(node.expressions[2], exp.Lambda):
            self._refuse(node, f"{name} takes an array, a start and one lambda")
        start = self.expressions.translate(node.expressions[1])
        body, variables = self._lambda(node.expressions[2], [start.type, element])
        if body.type != start.type or start.type != element:
            self._refuse(
                node, f"{name} starts with, takes and gives one type", hint="CAST the start to the array's type"
            )
        self.expressions.use(name)
        folded = f"list_reduce({array.sql}, lambda {variables}: {body.sql}, {start.sql})"
        return Typed(f"CASE WHEN {array.sql} IS NOT NULL THEN {folded} END", start.type, node)

    def _lambda(self, node: exp.Lambda, kinds: Sequence[SparkType]) -> tuple[Typed, str]:
        names = [parameter.name.lower() for parameter in node.expressions]
        if len(names) > len(kinds):
            self._refuse(node, f"this lambda takes at most {len(kinds)} names")
        scope = self.expressions.scope
        before = dict(scope.variables)
        scope.variables.update(zip(names, kinds, strict=False))
        body = self.expressions.translate(node.this)
        scope.variables.clear()
        scope.variables.update(before)
        if len(names) == 2 and kinds[1:] == [INT] and str(node.parent and node.parent.this).lower() == "transform":
            self._refuse(node, "transform with an index is not allowed", hint="use sequence() and element_at")
        return body, ", ".join(quote(f"lambda_{name}") for name in names)

    def _refuse(self, node: exp.Expr, message: str, *, hint: str = "") -> NoReturn:
        self.expressions.refuse(node, message, hint=hint)


def ordered(sql: str, item: exp.Ordered) -> str:
    """One ORDER BY key, with Spark's place for nulls: first when ascending, last when descending."""
    direction = "DESC" if item.args.get("desc") else "ASC"
    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
    return f"{sql} {direction} NULLS {nulls}"
