"""One property of an ODCS schema object to a Column.

Invariant: every name and value is checked here but those that need the rest of the project (`cross_check`).
"""

from __future__ import annotations

import re
from typing import Literal

from afluente.core.nearest import did_you_mean
from afluente.project.contract import Bounds, Classification, Column, LogicalType, OnInvalid, OnMissing, Scalar
from afluente.project.custom_properties import COLUMN_PROPERTIES, custom_properties
from afluente.project.date_pattern import date_pattern_mistake
from afluente.project.fields import Fields
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.read_settings import note_timezone
from afluente.project.sql_type import logical_types_of, type_mistake
from afluente.project.yaml_node import Node

LOGICAL_TYPES: tuple[LogicalType, ...] = ("string", "integer", "number", "boolean", "date", "timestamp")
CLASSIFICATIONS: tuple[Classification, ...] = (
    "direct_identifier",
    "quasi_identifier",
    "sensitive",
    "internal",
    "public",
)
ON_INVALID: tuple[OnInvalid, ...] = ("quarantine", "set_null", "keep", "drop")
ON_MISSING: tuple[OnMissing, ...] = ("keep", "quarantine", "set_null", "drop", "default")
CASES: tuple[Literal["upper", "lower", "title"], ...] = ("upper", "lower", "title")

_NAME = re.compile(r"[^\s,;{}()=\"'`.]+(?: [^\s,;{}()=\"'`.]+)*")
_RESERVED = ("_source", "_source_row", "_ingested_at", "_run_id")
_LOCALE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
_PHYSICAL_OF_FORMAT = {
    "i8": "tinyint",
    "i16": "smallint",
    "i32": "int",
    "i64": "bigint",
    "f32": "float",
    "f64": "double",
}


def read_column(
    node: Node,
    mistakes: Mistakes,
    *,
    known: Known,
    position: int,
    partition: int,
    missing_tokens: tuple[str, ...],
) -> Column | None:
    """Read one property. `position` and `partition` count the keys before it, for those that give no position.

    None when it has no name, which the schema complains about.
    """
    native = Fields(node, mistakes, "a column")
    name = native.text("name")
    if not name:
        return None
    native.what = f"column {name!r}"
    _check_native(native, name)
    custom = custom_properties(node, COLUMN_PROPERTIES, mistakes, native.what)
    options = Fields(native.get("logicalTypeOptions") or _nothing(node), mistakes, native.what)
    logical_type = _logical_type(native)
    is_required, is_key = native.boolean("required"), native.boolean("primaryKey")
    on_missing, default = _on_missing(custom, logical_type, is_required=is_required or is_key)
    expression = native.text("transformLogic") or None
    if expression and (source := custom.get("from")):
        mistakes.add(
            "contract.conflict",
            f"{native.what} has both 'from' and transformLogic",
            source,
            hint="keep one",
            is_key=True,
        )
    return Column(
        name=name,
        logical_type=logical_type,
        source=custom.text("from", name),
        place=mistakes.place(node.mapping.get("name", node)),
        format=_format(native, custom, options, logical_type, known),
        physical_type=_physical_type(native, options, logical_type),
        required=is_required,
        unique=native.boolean("unique"),
        primary_key_position=_position(native, "primaryKeyPosition", position + 1) if is_key else 0,
        partition_position=_position(native, "partitionKeyPosition", partition + 1)
        if native.boolean("partitioned")
        else 0,
        classification=native.choice("classification", CLASSIFICATIONS, "internal"),
        description=native.text("description"),
        on_invalid=custom.choice("onInvalid", ON_INVALID, "quarantine"),
        on_missing=on_missing,
        default=default,
        missing_tokens=custom.texts("missingTokens") if "missingTokens" in custom else missing_tokens,
        locale=_locale(custom),
        formats=_date_formats(custom, options, logical_type),
        timezone=_timezone(custom, options),
        values=(values := _values(native, custom)),
        synonyms=_synonyms(custom, values),
        true_words=custom.texts("trueWords"),
        false_words=custom.texts("falseWords"),
        case=custom.choice("case", CASES, "upper") if custom.get("case") else None,
        repair_encoding=custom.boolean("repairEncoding"),
        state_column=custom.text("stateColumn") or None,
        pattern=_pattern(options),
        expression=expression,
        bounds=_bounds(options),
        extra=_extra(custom),
    )


def _nothing(node: Node) -> Node:
    return Node({}, node.line, node.column)


def _check_native(native: Fields, name: str) -> None:
    mistakes = native.mistakes
    at = native.get("name")
    if not _NAME.fullmatch(name):
        hint = "no spaces at the ends, and none of , ; . { } ( ) = or quotes"
        mistakes.add("contract.column_name", f"{name!r} cannot name a column", at, hint=hint)
    if name in _RESERVED:
        hint = f"give it another name and {{property: from, value: {name}}}"
        mistakes.add("contract.column_name", f"{name!r} is a name the platform keeps", at, hint=hint)
    physical = native.get("physicalName")
    if physical is not None and physical.value != name:
        hint = "leave physicalName out; the bronze column is given by {property: from, value: ...}"
        mistakes.add("contract.physical_name", f"{native.what} has another physicalName", physical, hint=hint)
    role = native.get("semanticType")
    if role is not None and role.value not in ("column", "dimension"):
        hint = "a format such as br.cpf stands in logicalTypeOptions.format or in the custom property semanticType"
        mistakes.add(
            "contract.semantic_type", f"{native.what} has a semanticType that is not executed", role, hint=hint
        )


def _logical_type(native: Fields) -> LogicalType:
    node = native.require("logicalType", hint=f"one of {', '.join(LOGICAL_TYPES)}")
    if node is None or not isinstance(node.value, str):
        return "string"
    return native.choice("logicalType", LOGICAL_TYPES, "string")


def _position(native: Fields, key: str, default: int) -> int:
    node = native.get(key)
    return default if node is None or node.value == -1 else native.integer(key, default, minimum=1)


def _format(native: Fields, custom: Fields, options: Fields, logical_type: LogicalType, known: Known) -> str | None:
    own = custom.get("semanticType")
    written = options.get("format") if logical_type in ("string", "boolean") else None
    if own is not None and written is not None and own.value != written.value:
        native.mistakes.add("contract.conflict", f"{native.what} has two formats", own, hint="keep one", is_key=True)
    chosen = own or written
    if chosen is None or not isinstance(chosen.value, str):
        return None
    formats = None if known.formats is None else tuple(known.formats)
    if formats is not None and chosen.value not in formats:
        native.mistakes.add(
            "project.unknown_format",
            f"{native.what} has format {chosen.value!r}, which does not exist",
            chosen,
            hint=did_you_mean(chosen.value, formats),
        )
    return chosen.value


def _physical_type(native: Fields, options: Fields, logical_type: LogicalType) -> str | None:
    node = native.get("physicalType")
    if node is None or not isinstance(node.value, str):
        if logical_type in ("integer", "number") and (written := options.get("format")) is not None:
            physical = _PHYSICAL_OF_FORMAT.get(written.raw)
            if physical is None:
                hint = f"give physicalType; known formats: {', '.join(_PHYSICAL_OF_FORMAT)}"
                native.mistakes.add(
                    "contract.physical_type",
                    f"{native.what} has a number format without a type here",
                    written,
                    hint=hint,
                )
            return physical
        return None
    if mistake := type_mistake(node.value):
        native.mistakes.add("contract.physical_type", f"{native.what}: {mistake[0]}", node, hint=mistake[1])
    elif logical_type not in logical_types_of(node.value):
        message = f"{native.what} is a {logical_type} and cannot be stored as {node.value}"
        native.mistakes.add("contract.physical_type", message, node, hint="change logicalType or physicalType")
    return node.value


def _on_missing(custom: Fields, logical_type: LogicalType, *, is_required: bool) -> tuple[OnMissing, Scalar | None]:
    node = custom.get("onMissing")
    if node is None:
        return ("quarantine" if is_required else "keep"), None
    if not isinstance(node.value, dict):
        choice = custom.choice("onMissing", ON_MISSING, "keep")
        if choice == "default":
            custom.mistakes.add(
                "contract.missing_default", f"{custom.what} gives no default", node, hint="onMissing: {default: ...}"
            )
        return choice, None
    inner = Fields(node, custom.mistakes, f"onMissing of {custom.what}")
    inner.only(("default",))
    default = inner.require("default", hint="{default: ...}")
    if default is None:
        return "keep", None
    value = default.value
    if isinstance(value, tuple | dict) or value is None or not _fits(value, logical_type):
        custom.mistakes.add(
            "contract.wrong_default", f"the default of {custom.what} is not of type {logical_type}", default
        )
        return "keep", None
    return "default", value


def _fits(value: Scalar, logical_type: LogicalType) -> bool:
    match logical_type:
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _locale(custom: Fields) -> str | None:
    node = custom.get("locale")
    locale = custom.text("locale")
    if node is not None and isinstance(node.value, str) and not _LOCALE.fullmatch(locale):
        hint = "did you mean 'pt-BR'?" if locale.casefold().startswith("pt") else "such as pt-BR or en-US"
        custom.mistakes.add("contract.locale", f"{custom.what}: {locale!r} is not a locale", node, hint=hint)
    return locale or None


def _date_formats(custom: Fields, options: Fields, logical_type: LogicalType) -> tuple[str, ...]:
    is_time = logical_type in ("date", "timestamp")
    native = options.get("format") if is_time else None
    node = custom.get("formats")
    patterns = custom.texts("formats")
    nodes = [] if node is None else list(node.items) or [node]
    if native is not None and native.raw not in patterns:
        patterns, nodes = (native.raw, *patterns), [native, *nodes]
    for pattern, at in zip(patterns, nodes, strict=False):
        if mistake := date_pattern_mistake(pattern):
            custom.mistakes.add("contract.date_pattern", f"{custom.what}: {mistake[0]}", at, hint=mistake[1])
    return patterns


def _timezone(custom: Fields, options: Fields) -> str | None:
    for fields, key in ((custom, "timezone"), (options, "defaultTimezone")):
        node = fields.get(key)
        if node is not None and isinstance(node.value, str):
            note_timezone(node.value, custom.mistakes, node, custom.what)
            return node.value
        if node is not None:
            fields.wrong(key, node, "a text")
    return None


def _values(native: Fields, custom: Fields) -> tuple[str, ...]:
    listed, own = native.get("enum"), custom.get("values")
    if own is not None:
        if listed is not None:
            message = f"{custom.what} has both enum and 'values'"
            custom.mistakes.add("contract.conflict", message, own, hint="keep one", is_key=True)
        return custom.texts("values")
    found = [item.mapping.get("value") for item in (listed.items if listed else ())]
    return tuple(value.raw for value in found if value is not None and value.is_scalar)


def _synonyms(custom: Fields, values: tuple[str, ...]) -> dict[str, str]:
    synonyms = custom.text_pairs("synonyms")
    node = custom.get("synonyms")
    for received, meant in synonyms.items():
        if values and node is not None and meant not in values:
            custom.mistakes.add(
                "contract.synonym",
                f"{custom.what}: synonym {received!r} means {meant!r}, which is none of the values",
                node.mapping[received],
                hint=did_you_mean(meant, values),
            )
    return synonyms


def _pattern(options: Fields) -> str | None:
    node = options.get("pattern")
    if node is None or not isinstance(node.value, str):
        return None
    try:
        re.compile(node.value)
    except (re.error, OverflowError, RecursionError):
        options.mistakes.add("contract.pattern", f"{options.what}: the pattern is not a regular expression", node)
    return node.value


def _bounds(options: Fields) -> Bounds:
    read = {key: _bound(options, key) for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")}
    bounds = Bounds(
        minimum=read["minimum"],
        maximum=read["maximum"],
        exclusive_minimum=read["exclusiveMinimum"],
        exclusive_maximum=read["exclusiveMaximum"],
        multiple_of=options.number("multipleOf"),
        min_length=options.integer("minLength", 0) if options.get("minLength") else None,
        max_length=options.integer("maxLength", 0) if options.get("maxLength") else None,
    )
    _check_order(options, "minimum", "maximum")
    _check_order(options, "minLength", "maxLength")
    return bounds


def _bound(options: Fields, key: str) -> Scalar | None:
    node = options.get(key)
    if node is None or isinstance(node.value, tuple | dict):
        return None
    return node.value


def _check_order(options: Fields, low: str, high: str) -> None:
    lower, upper = options.get(low), options.get(high)
    if lower is None or upper is None:
        return
    a, b = lower.value, upper.value
    is_backwards = (isinstance(a, int | float) and isinstance(b, int | float) and a > b) or (
        isinstance(a, str) and isinstance(b, str) and a > b
    )
    if is_backwards:
        options.mistakes.add("contract.bounds", f"{options.what}: {low} is over {high}", upper, hint="swap them")


def _extra(custom: Fields) -> dict[str, Scalar]:
    node = custom.get("options")
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        custom.wrong("options", node, "a mapping")
        return {}
    read: dict[str, Scalar] = {}
    for key, item in node.mapping.items():
        if isinstance(item.value, tuple | dict) or item.value is None:
            custom.wrong("options", item, "a mapping of plain values")
        else:
            read[key] = item.value
    return read
