"""The allow-list of syntax: every node and every clause a model may use.

Invariant: a tree that passes holds only nodes and arguments named here; functions, casts and argument types are
allowed one by one where they are translated (`functions/`, `casts.py`, `operators.py`). Whatever is not named is refused.
"""

from __future__ import annotations

from typing import NoReturn

from sqlglot import exp

from afluente.core.errors import ModelError
from afluente.models.parse import place_of

_BINARY = frozenset({"this", "expression"})
_UNARY = frozenset({"this"})

ALLOWED_NODES: dict[str, frozenset[str]] = {
    "Select": frozenset(
        [
            "with_",
            "expressions",
            "from_",
            "joins",
            "laterals",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "distinct",
        ]
    ),
    "Union": frozenset(["with_", "this", "expression", "distinct", "order", "limit", "offset"]),
    "Intersect": frozenset(["with_", "this", "expression", "distinct", "order", "limit", "offset"]),
    "Except": frozenset(["with_", "this", "expression", "distinct", "order", "limit", "offset"]),
    "With": frozenset({"expressions"}),
    "CTE": frozenset({"this", "alias"}),
    "Subquery": frozenset({"this", "alias"}),
    "From": _UNARY,
    "Table": frozenset({"this", "db", "alias"}),
    "TableAlias": frozenset({"this", "columns"}),
    "Join": frozenset({"this", "on", "using", "side", "kind"}),
    "Lateral": frozenset({"this", "view", "outer", "alias"}),
    "Where": _UNARY,
    "Group": frozenset({"expressions", "rollup", "cube", "grouping_sets"}),
    "Rollup": frozenset({"expressions"}),
    "Cube": frozenset({"expressions"}),
    "GroupingSets": frozenset({"expressions"}),
    "Having": _UNARY,
    "Order": frozenset({"expressions"}),
    "Ordered": frozenset({"this", "desc", "nulls_first"}),
    "Limit": frozenset({"expression"}),
    "Offset": frozenset({"expression"}),
    "Distinct": frozenset({"expressions"}),
    "Star": frozenset(),
    "Alias": frozenset({"this", "alias"}),
    "Column": frozenset({"this", "table", "db"}),
    "Dot": _BINARY,
    "Identifier": frozenset({"this", "quoted"}),
    "Literal": frozenset({"this", "is_string"}),
    "RawString": _UNARY,
    "Boolean": _UNARY,
    "Null": frozenset(),
    "Paren": _UNARY,
    "Tuple": frozenset({"expressions"}),
    "Anonymous": frozenset({"this", "expressions"}),
    "Lambda": frozenset({"this", "expressions"}),
    "Cast": frozenset({"this", "to"}),
    "TryCast": frozenset({"this", "to", "safe", "requires_string"}),
    "DataType": frozenset({"this", "expressions", "nested"}),
    "DataTypeParam": _UNARY,
    "ColumnDef": frozenset({"this", "kind"}),
    "Extract": _BINARY,
    "Trim": frozenset({"this", "expression", "position"}),
    "Interval": frozenset({"this", "unit"}),
    "Var": _UNARY,
    "Case": frozenset({"this", "ifs", "default"}),
    "If": frozenset({"this", "true"}),
    "In": frozenset({"this", "expressions", "query"}),
    "Exists": _UNARY,
    "Between": frozenset({"this", "low", "high"}),
    "Is": _BINARY,
    "Not": _UNARY,
    "Neg": _UNARY,
    "Like": frozenset({"this", "expression", "negate"}),
    "ILike": frozenset({"this", "expression", "negate"}),
    "Escape": _BINARY,
    "RegexpLike": _BINARY,
    "DPipe": frozenset({"this", "expression", "safe"}),
    "Div": frozenset({"this", "expression", "typed", "safe"}),
    "Bracket": frozenset({"this", "expressions"}),
    "Filter": _BINARY,
    "Window": frozenset({"this", "partition_by", "order", "spec", "over"}),
    "WindowSpec": frozenset({"kind", "start", "start_side", "end", "end_side"}),
    "IgnoreNulls": _UNARY,
    "RespectNulls": _UNARY,
    **dict.fromkeys(
        [
            "And",
            "Or",
            "Add",
            "Sub",
            "Mul",
            "Mod",
            "IntDiv",
            "EQ",
            "NEQ",
            "GT",
            "GTE",
            "LT",
            "LTE",
            "NullSafeEQ",
            "BitwiseAnd",
            "BitwiseOr",
            "BitwiseXor",
        ],
        _BINARY,
    ),
    "BitwiseNot": _UNARY,
}

_ALTERNATIVES = {
    "qualify": "put the window function in a subquery and filter its column with WHERE",
    "Pivot": "write one sum(CASE WHEN ... END) for each column",
    "TableSample": "a model must give the same rows every time; filter by a hash of the key",
    "windows": "write the window in each OVER (...)",
    "sort": "SORT BY, DISTRIBUTE BY and CLUSTER BY change nothing in a table; remove them",
    "distribute": "SORT BY, DISTRIBUTE BY and CLUSTER BY change nothing in a table; remove them",
    "cluster": "SORT BY, DISTRIBUTE BY and CLUSTER BY change nothing in a table; remove them",
    "Concat": "write a quote inside a string as \\', and join strings with ||",
    "CurrentDate": "a model is a function of its tables; use a date column, such as _ingested_at",
    "CurrentTimestamp": "a model is a function of its tables; use a time column, such as _ingested_at",
    "all": "GROUP BY ALL is not in every engine; name the columns",
    "except_": "name the columns you want",
    "Values": "put the rows in a table, or write SELECT ... UNION ALL SELECT ...",
}


def check(tree: exp.Expr, *, file: str, first_line: int) -> None:
    """Refuse (ModelError `model.not_allowed`) the first node or clause that is not in the allow-list."""
    for node in tree.walk(bfs=False):
        kind = type(node).__name__
        allowed = ALLOWED_NODES.get(kind)
        if allowed is None:
            refuse(
                node, f"{_spoken(kind)} is not in the list of allowed SQL", file=file, first_line=first_line, key=kind
            )
        for name, value in node.args.items():
            if value and value != [] and name not in allowed:
                what = f"{_spoken(name)} in {_spoken(kind)}"
                where = value if isinstance(value, exp.Expr) else node
                message = f"{what} is not in the list of allowed SQL"
                refuse(where, message, file=file, first_line=first_line, key=name)


def refuse(node: exp.Expr, message: str, *, file: str, first_line: int, key: str = "", hint: str = "") -> NoReturn:
    """Raise the refusal of a node, with the alternative that is known for it."""
    place = place_of(node, file, first_line)
    advice = hint or _ALTERNATIVES.get(key) or "docs/sql-functions.md lists what both engines are proved to agree on"
    raise ModelError("model.not_allowed", message, hint=advice, place=place)


def _spoken(name: str) -> str:
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in name.strip("_")).strip()
    return words.replace("_", " ").upper()
