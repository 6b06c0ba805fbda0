"""Contracts against the JSON schema of ODCS and the model of the standard's own library.

Invariant: every complaint stands at a line of the file, and quotes no value but a short name.
Heavy imports happen inside; a contract known from the cache never gets here.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afluente.core.errors import Problem
from afluente.core.nearest import did_you_mean
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node, to_json

if TYPE_CHECKING:
    from jsonschema import ValidationError  # type: ignore[import-untyped, unused-ignore]

CODE = "contract.schema"
_EXTRA_KEYS = ("unevaluatedProperties", "additionalProperties")
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def schema_problems(node: Node, mistakes: Mistakes) -> list[Problem]:
    """What the JSON schema, and then the library's model, complain about."""
    document = _with_metric(to_json(node))
    if not _is_finite(document):
        return [Problem(mistakes.place(node), CODE, "a contract holds finite numbers only")]
    found: dict[Problem, None] = {}
    for error in _leaves(_validator().iter_errors(document)):
        for problem in _problems_of(error, node, mistakes):
            found[problem] = None
    problems = list(found)
    return problems or _model_problems(document, node, mistakes)


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, float) or math.isfinite(value)


def _with_metric(document: Any) -> Any:
    """The document with the deprecated `rule` of library rules written `metric`, as the schema wants it."""
    if isinstance(document, list):
        return [_with_metric(item) for item in document]
    if not isinstance(document, dict):
        return document
    tidy = {key: _with_metric(item) for key, item in document.items()}
    for rule in quality if isinstance(quality := tidy.get("quality"), list) else ():
        if isinstance(rule, dict) and "rule" in rule and "metric" not in rule:
            rule["metric"] = rule.pop("rule")
    return tidy


@functools.cache
def _schema() -> dict[str, Any]:
    package = importlib.util.find_spec("open_data_contract_standard")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("open_data_contract_standard")
    schema: dict[str, Any] = json.loads(Path(package.origin).with_name("schema.json").read_text(encoding="utf-8"))
    return schema


@functools.cache
def _validator() -> Any:
    from jsonschema import Draft201909Validator, ValidationError
    from jsonschema.validators import extend  # type: ignore[import-untyped, unused-ignore]

    names_of: dict[int, tuple[object, set[str]]] = {}

    def unevaluated(_validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        """Keys no branch of the schema knows. jsonschema's own goes through every branch again for each object."""
        if wanted is False and isinstance(instance, dict):
            if id(schema) not in names_of:
                names_of[id(schema)] = (schema, _names(schema))
            if not names_of[id(schema)][1] >= instance.keys():
                yield ValidationError("unknown keys")

    return extend(Draft201909Validator, {"unevaluatedProperties": unevaluated})(_schema())


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The deepest complaints: of the branches of anyOf and oneOf, those of the branch that got furthest."""
    for error in errors:
        if not error.context:
            yield error
            continue
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        is_choice = error.validator == "oneOf" and all(
            inner.validator == "required" for inners in branches.values() for inner in inners
        )
        if is_choice:
            yield error
        else:
            best = max(branches.values(), key=lambda inners: max(len(inner.absolute_path) for inner in inners))
            yield from _leaves(best)


def _problems_of(error: ValidationError, root: Node, mistakes: Mistakes) -> Iterator[Problem]:
    if _is_told_elsewhere(error, root):
        return
    node = _node_at(root, error.absolute_path)
    at = _where(error.absolute_path)
    if error.validator in _EXTRA_KEYS:
        known = sorted(_names(error.schema))
        for key in error.instance:
            if key not in known:
                yield Problem(
                    mistakes.place(node.mapping.get(key, node), is_key=True),
                    CODE,
                    f"ODCS has no {key!r} {at}",
                    did_you_mean(key, known) if len(known) < 12 or _is_near(key, known) else "",
                )
        return
    if error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield Problem(mistakes.place(node, is_key=True), CODE, f"{key!r} is missing {at}", "ODCS requires it")
        return
    message, hint = _say(error, node)
    yield Problem(mistakes.place(node), CODE, f"{_name(error.absolute_path)} {message}", hint)


def _is_told_elsewhere(error: ValidationError, root: Node) -> bool:
    """Whether our own reading says the same better: operators, and what follows from an absent logicalType."""
    if error.schema == _schema()["$defs"]["DataQualityOperators"]:
        return True
    path = list(error.absolute_path)
    if "logicalTypeOptions" in path:
        path = path[: path.index("logicalTypeOptions")]
    is_conditional = "then" in error.absolute_schema_path
    return is_conditional and "properties" in path[:-1] and "logicalType" not in _node_at(root, path).mapping


def _say(error: ValidationError, node: Node) -> tuple[str, str]:
    wanted = error.validator_value
    match error.validator:
        case "type":
            names = [wanted] if isinstance(wanted, str) else list(wanted)
            return f"must be {' or '.join(_TYPES.get(name, name) for name in names)}, and is {node.kind}", ""
        case "enum":
            options = [str(option) for option in wanted]
            shown = f" is {node.raw!r}," if isinstance(node.value, str) and len(node.raw) <= 60 else " is"
            return f"{shown.strip()} none of what ODCS allows", did_you_mean(node.raw, options)
        case "pattern":
            return "is not written as ODCS wants it", ""
        case "oneOf" | "anyOf":
            return "fits none, or more than one, of the forms ODCS allows", ""
        case "not":
            return "holds what ODCS does not allow here", ""
        case "minItems":
            return f"has fewer than {wanted} items", ""
        case "maxItems":
            return f"has more than {wanted} items", ""
        case "uniqueItems":
            return "holds the same item twice", ""
        case _:
            return f"breaks the rule {error.validator} {wanted!r}", ""


def _is_near(key: str, known: list[str]) -> bool:
    return did_you_mean(key, known).startswith("did")


def _names(schema: Any) -> set[str]:
    """Every key an object of this schema may have."""
    if not isinstance(schema, Mapping):
        return set()
    names = set(schema.get("properties", ()))
    if "$ref" in schema:
        names |= _names(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    for word in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(word, ()):
            names |= _names(inner)
    for word in ("if", "then", "else"):
        names |= _names(schema.get(word))
    return names


def _node_at(root: Node, path: Iterable[str | int]) -> Node:
    """The node at a path, or the last one on the way that exists."""
    node = root
    for step in path:
        if isinstance(step, int):
            if step >= len(node.items):
                return node
            node = node.items[step]
        else:
            found = node.mapping.get(step)
            if found is None and step == "metric":
                found = node.mapping.get("rule")
            if found is None:
                return node
            node = found
    return node


def _name(path: Iterable[str | int]) -> str:
    steps = list(path)
    if not steps:
        return "the contract"
    keys = [step for step in steps if isinstance(step, str)]
    return f"an item of {keys[-1]!r}" if isinstance(steps[-1], int) and keys else repr(steps[-1])


def _where(path: Iterable[str | int]) -> str:
    steps = list(path)
    return f"in {_name(steps)}" if steps else "in a contract"


def _model_problems(document: Any, node: Node, mistakes: Mistakes) -> list[Problem]:
    """What the standard's own library refuses, so that a contract accepted here can be read by it."""
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError as Refused

    try:
        OpenDataContractStandard.model_validate(document)
    except Refused as refused:
        return [
            Problem(
                mistakes.place(_node_at(node, error["loc"])),
                CODE,
                f"{_name(error['loc'])}: {error['msg'].lower()}",
                "the library of the standard cannot read this",
            )
            for error in refused.errors(include_input=False, include_url=False)
        ]
    return []
