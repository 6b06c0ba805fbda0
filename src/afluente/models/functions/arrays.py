"""Arrays, maps and structs. Order is kept as Spark keeps it; an index outside fails as in ANSI mode."""

from __future__ import annotations

from collections.abc import Sequence

from afluente.models.functions.signature import (
    Signature,
    element_type,
    first_type,
    plain_element,
    plain_items,
    scalar,
)
from afluente.models.spark_types import (
    BIGINT,
    BOOLEAN,
    INT,
    STRING,
    SparkType,
    array_of,
    quote,
    wider,
)
from afluente.models.typed import Typed, cast_sql, coerce, fail, let


def _array(arguments: Sequence[Typed]) -> str:
    inner = ", ".join(argument.sql for argument in arguments)
    return cast_sql(f"[{inner}]", array_of(arguments[0].type))


def _same_element(arguments: Sequence[Typed]) -> Typed | None:
    return coerce(arguments[1], arguments[0].type.items[0])


def _contains(arguments: Sequence[Typed]) -> str | None:
    wanted = _same_element(arguments)
    if wanted is None:
        return None
    return let(
        [arguments[0].sql, wanted.sql],
        lambda v: (
            f"CASE WHEN {v[0]} IS NULL OR {v[1]} IS NULL THEN NULL WHEN list_contains({v[0]}, {v[1]}) THEN TRUE "
            f"WHEN list_contains(list_transform({v[0]}, lambda element: element IS NULL), TRUE) THEN NULL ELSE FALSE END"
        ),
    )


def _position(arguments: Sequence[Typed]) -> str | None:
    wanted = _same_element(arguments)
    if wanted is None:
        return None
    return let(
        [arguments[0].sql, wanted.sql],
        lambda v: (
            f"CASE WHEN {v[0]} IS NULL OR {v[1]} IS NULL THEN NULL "
            f"ELSE CAST(coalesce(list_position({v[0]}, {v[1]}), 0) AS BIGINT) END"
        ),
    )


def _remove(arguments: Sequence[Typed]) -> str | None:
    wanted = _same_element(arguments)
    if wanted is None:
        return None
    kept = f"list_filter({arguments[0].sql}, lambda element: element IS NULL OR element <> {wanted.sql})"
    return f"CASE WHEN {wanted.sql} IS NOT NULL THEN {kept} END"


def _distinct(sql: str) -> str:
    return f"list_filter({sql}, lambda element, place: list_position({sql}, element) = place)"


def _union(arguments: Sequence[Typed]) -> str:
    return let(
        [f"list_concat({arguments[0].sql}, {arguments[1].sql})"], lambda v: _null_if_any(arguments, _distinct(v[0]))
    )


def _null_if_any(arguments: Sequence[Typed], sql: str) -> str:
    tests = " OR ".join(f"{argument.sql} IS NULL" for argument in arguments)
    return f"CASE WHEN {tests} THEN NULL ELSE {sql} END"


def _kept(arguments: Sequence[Typed], *, is_in: bool) -> str:
    test = "IS NOT NULL" if is_in else "IS NULL"
    return _null_if_any(
        arguments,
        f"list_filter({_distinct(arguments[0].sql)}, "
        f"lambda element: list_position({arguments[1].sql}, element) {test})",
    )


def _overlap(arguments: Sequence[Typed]) -> str:
    def has_null(sql: str) -> str:
        return f"list_contains(list_transform({sql}, lambda element: element IS NULL), TRUE)"

    def body(v: Sequence[str]) -> str:
        common = f"len(list_filter({v[0]}, lambda element: element IS NOT NULL AND list_contains({v[1]}, element))) > 0"
        unsure = f"len({v[0]}) > 0 AND len({v[1]}) > 0 AND ({has_null(v[0])} OR {has_null(v[1])})"
        return f"CASE WHEN {common} THEN TRUE WHEN {unsure} THEN NULL ELSE {v[0]} IS NULL OR {v[1]} IS NULL END"

    return let([arguments[0].sql, arguments[1].sql], lambda v: _null_if_any(arguments, body(v)))


def _at(arguments: Sequence[Typed], *, is_zero_based: bool, is_strict: bool) -> str:
    missing = fail("index is outside the array", arguments[0].type.items[0]) if is_strict else "NULL"

    def body(v: Sequence[str]) -> str:
        if is_zero_based:
            return (
                f"CASE WHEN {v[0]} IS NULL OR {v[1]} IS NULL THEN NULL WHEN {v[1]} < 0 OR {v[1]} >= len({v[0]}) "
                f"THEN {missing} ELSE {v[0]}[{v[1]} + 1] END"
            )
        return (
            f"CASE WHEN {v[0]} IS NULL OR {v[1]} IS NULL THEN NULL WHEN {v[1]} = 0 OR abs({v[1]}) > len({v[0]}) "
            f"THEN {missing} ELSE {v[0]}[{v[1]}] END"
        )

    return let([arguments[0].sql, arguments[1].sql], body)


def at_index(arguments: Sequence[Typed]) -> str:
    """`a[i]`: from 0, failing outside."""
    return _at(arguments, is_zero_based=True, is_strict=True)


def _map_at(arguments: Sequence[Typed]) -> str | None:
    key = coerce(arguments[1], arguments[0].type.items[0])
    return f"{arguments[0].sql}[{key.sql}]" if key else None


def _slice(arguments: Sequence[Typed]) -> str | None:
    start, length = arguments[1].constant, arguments[2].constant
    if not isinstance(start, int) or not isinstance(length, int) or start < 1 or length < 0:
        return None
    return f"list_slice({arguments[0].sql}, {start}, {start + length - 1})"


def _sorted(arguments: Sequence[Typed]) -> str | None:
    if len(arguments) > 1 and arguments[1].sql not in ("TRUE", "FALSE"):
        return None
    is_ascending = len(arguments) == 1 or arguments[1].sql == "TRUE"
    order = "'ASC', 'NULLS FIRST'" if is_ascending else "'DESC', 'NULLS LAST'"
    return f"list_sort({arguments[0].sql}, {order})"


def _concat(arguments: Sequence[Typed]) -> str:
    joined = arguments[0].sql
    for argument in arguments[1:]:
        joined = f"list_concat({joined}, {argument.sql})"
    return _null_if_any(arguments, joined)


def _join(arguments: Sequence[Typed]) -> str:
    array = arguments[0].sql
    if len(arguments) > 2:
        array = f"list_transform({array}, lambda element: coalesce(element, {arguments[2].sql}))"
    return _null_if_any(arguments, f"coalesce(array_to_string({array}, {arguments[1].sql}), '')")


def _flatten_type(arguments: Sequence[Typed]) -> SparkType | None:
    inner = arguments[0].type.items[0]
    return inner if inner.name == "array" else None


def _flatten(arguments: Sequence[Typed]) -> str:
    sql = arguments[0].sql
    has_null = f"list_contains(list_transform({sql}, lambda element: element IS NULL), TRUE)"
    return f"CASE WHEN {has_null} THEN NULL ELSE flatten({sql}) END"


def _sequence(arguments: Sequence[Typed]) -> str | None:
    kind, has_step = arguments[0].type, len(arguments) > 2
    step = arguments[2].constant if has_step else 0
    if not isinstance(step, int) or (has_step and step == 0) or not kind.is_integral:
        return None

    def body(v: Sequence[str]) -> str:
        if not has_step:
            return f"generate_series({v[0]}, {v[1]}, CASE WHEN {v[0]} <= {v[1]} THEN 1 ELSE -1 END)"
        wrong = ">" if step > 0 else "<"
        return (
            f"CASE WHEN {v[0]} {wrong} {v[1]} THEN {fail('sequence boundaries: the step goes away from the end', array_of(kind))} "
            f"ELSE generate_series({v[0]}, {v[1]}, {step}) END"
        )

    return cast_sql(let([arguments[0].sql, arguments[1].sql], body), array_of(kind))


def _struct_type(arguments: Sequence[Typed]) -> SparkType | None:
    names = [argument.constant for argument in arguments[::2]]
    if not arguments or len(arguments) % 2 or not all(isinstance(name, str) for name in names):
        return None
    return SparkType("struct", items=tuple(a.type for a in arguments[1::2]), fields=tuple(map(str, names)))


def _struct(arguments: Sequence[Typed]) -> str:
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return f"struct_pack({', '.join(f'{quote(str(name.constant))} := {value.sql}' for name, value in pairs)})"


def _map_type(arguments: Sequence[Typed]) -> SparkType | None:
    if not arguments or len(arguments) % 2:
        return None
    key, value = arguments[0].type, arguments[1].type
    if any(a.type != key for a in arguments[::2]) or any(a.type != value for a in arguments[1::2]):
        return None
    return SparkType("map", items=(key, value))


def _map(arguments: Sequence[Typed]) -> str:
    keys = ", ".join(argument.sql for argument in arguments[::2])
    values = ", ".join(argument.sql for argument in arguments[1::2])
    return f"map([{keys}], [{values}])"


def _appended(arguments: Sequence[Typed]) -> str | None:
    value = _same_element(arguments)
    return (
        f"CASE WHEN {arguments[0].sql} IS NOT NULL THEN list_append({arguments[0].sql}, {value.sql}) END"
        if value
        else None
    )


def _prepended(arguments: Sequence[Typed]) -> str | None:
    value = _same_element(arguments)
    return (
        f"CASE WHEN {arguments[0].sql} IS NOT NULL THEN list_prepend({value.sql}, {arguments[0].sql}) END"
        if value
        else None
    )


def concat_type(arguments: Sequence[Typed]) -> SparkType | None:
    found = arguments[0].type
    for argument in arguments[1:]:
        common = wider(found, argument.type)
        if common is None:
            return None
        found = common
    return found


def _repeat(arguments: Sequence[Typed]) -> str:
    kind = array_of(arguments[0].type)
    repeated = f"list_transform(generate_series(1, {arguments[1].sql}), lambda place: {arguments[0].sql})"
    return f"CASE WHEN {arguments[1].sql} IS NOT NULL THEN {cast_sql(repeated, kind)} END"


def _has_key(arguments: Sequence[Typed]) -> str | None:
    key = coerce(arguments[1], arguments[0].type.items[0])
    return f"list_contains(map_keys({arguments[0].sql}), {key.sql})" if key else None


SIGNATURES: tuple[Signature, ...] = (
    scalar("array", "common, common*", lambda a: array_of(a[0].type), _array),
    *(scalar(name, "array", INT, "CAST(len({0}) AS INTEGER)") for name in ("size", "cardinality", "array_size")),
    *(scalar(name, "map", INT, "CAST(cardinality({0}) AS INTEGER)") for name in ("size", "cardinality")),
    scalar("array_contains", "array, any", BOOLEAN, _contains),
    scalar("array_position", "array, any", BIGINT, _position),
    scalar("array_remove", "array, any", first_type, _remove),
    scalar("array_append", "array, any", first_type, _appended),
    scalar("array_prepend", "array, any", first_type, _prepended),
    scalar("array_compact", "array", first_type, "list_filter({0}, lambda element: element IS NOT NULL)"),
    scalar("array_distinct", "array", first_type, lambda a: let([a[0].sql], lambda v: _distinct(v[0]))),
    scalar("array_union", "common, common", first_type, lambda a: _union(a) if a[0].type.name == "array" else None),
    scalar(
        "array_intersect", "common, common", first_type, lambda a: _kept(a, is_in=True) if a[0].type.items else None
    ),
    scalar("array_except", "common, common", first_type, lambda a: _kept(a, is_in=False) if a[0].type.items else None),
    scalar("arrays_overlap", "common, common", BOOLEAN, lambda a: _overlap(a) if a[0].type.items else None),
    scalar("sort_array", "array", plain_items, _sorted),
    scalar("sort_array", "array, boolean", plain_items, _sorted),
    scalar("array_sort", "array", plain_items, "list_sort({0}, 'ASC', 'NULLS LAST')"),
    scalar("array_min", "array", plain_element, "list_min({0})"),
    scalar("array_max", "array", plain_element, "list_max({0})"),
    scalar("array_join", "array<string>, string", STRING, _join),
    scalar("array_join", "array<string>, string, string", STRING, _join),
    scalar("array_repeat", "any, int", lambda a: array_of(a[0].type), _repeat),
    scalar("element_at", "array, int", element_type, lambda a: _at(a, is_zero_based=False, is_strict=True)),
    scalar("element_at", "map, any", lambda a: a[0].type.items[1], _map_at),
    scalar("try_element_at", "array, int", element_type, lambda a: _at(a, is_zero_based=False, is_strict=False)),
    scalar("get", "array, int", element_type, lambda a: _at(a, is_zero_based=True, is_strict=False)),
    scalar("slice", "array, constant int, constant int", first_type, _slice),
    scalar("reverse", "array", first_type, "list_reverse({0})"),
    scalar("concat", "array, array*", concat_type, _concat),
    scalar("flatten", "array", _flatten_type, _flatten),
    scalar("sequence", "common, common", lambda a: array_of(a[0].type), _sequence),
    scalar("sequence", "common, common, constant int", lambda a: array_of(a[0].type), _sequence),
    scalar("named_struct", "any, any*", _struct_type, _struct),
    scalar("map", "any, any*", _map_type, _map),
    scalar("map_keys", "map", lambda a: array_of(a[0].type.items[0]), "map_keys({0})"),
    scalar("map_values", "map", lambda a: array_of(a[0].type.items[1]), "map_values({0})"),
    scalar("map_contains_key", "map, any", BOOLEAN, _has_key),
)
