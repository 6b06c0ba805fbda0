"""The guardrails of a product.

Invariant: every option is one that its kind knows, of the type it wants.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, get_args

from afluente.core.nearest import did_you_mean
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.names import is_new, read_name
from afluente.project.product import Guardrail, GuardrailKind, OnBreach, Output
from afluente.project.read_output import written_names
from afluente.project.yaml_node import Node

KINDS: tuple[GuardrailKind, ...] = get_args(GuardrailKind)
ON_BREACH: tuple[OnBreach, ...] = get_args(OnBreach)

_Wanted = Literal["number", "whole", "text", "flag"]
OPTIONS: dict[GuardrailKind, dict[str, _Wanted]] = {
    "freshness": {"max_age_hours": "number"},
    "volume": {
        "max_change_percent": "number",
        "comparable_days": "whole",
        "min_rows": "whole",
        "max_rows": "whole",
        "z": "number",
    },
    "schema": {"allows_new_columns": "flag"},
    "contract": {},
    "anomaly": {"measure": "text", "z": "number", "state": "text"},
}
"""The options of each kind; `docs/products.md` says what each means."""

_REQUIRED: dict[GuardrailKind, tuple[str, str]] = {
    "freshness": ("max_age_hours", "max_age_hours: 36"),
    "anomaly": ("measure", "measure: receita"),
}
_COMMON = ("name", "kind", "on_breach", "output")


def read_guardrails(product: Fields, outputs: Sequence[Output]) -> tuple[Guardrail, ...]:
    """Read `guardrails`, held against the outputs of the product."""
    node = product.get("guardrails")
    if node is None:
        return ()
    if not isinstance(node.value, tuple):
        product.wrong("guardrails", node, "a list")
        return ()
    names: set[str] = set()
    written = written_names(product)
    read = [_guardrail(item, product.mistakes, outputs, written) for item in node.items]
    return tuple(
        one for one in read if one is not None and is_new(one.name, names, one.place, product.mistakes, "guardrails")
    )


def _guardrail(node: Node, mistakes: Mistakes, outputs: Sequence[Output], written: Collection[str]) -> Guardrail | None:
    fields = Fields(node, mistakes, "a guardrail")
    name = read_name(fields)
    if not isinstance(node.value, dict):
        return None
    fields.what = f"guardrail {name!r}" if name else fields.what
    kind_node = fields.require("kind", hint=f"one of {', '.join(KINDS)}")
    kind = fields.choice("kind", KINDS, "freshness")
    fields.require("on_breach", hint="on_breach: hold, or warn")
    on_breach = fields.choice("on_breach", ON_BREACH, "hold")
    output = fields.text("output")
    if output and output not in written:
        message = f"{fields.what} watches output {output!r}, which does not exist"
        mistakes.add("product.unknown_output", message, fields.get("output"), hint=did_you_mean(output, written))
    options: dict[str, str | int | float | bool] = {}
    if kind_node is not None and kind_node.value in KINDS:
        options = _options(fields, kind)
        if kind == "anomaly":
            _check_measure(fields, str(options.get("measure", "")), outputs)
    return Guardrail(name, kind, on_breach, mistakes.place(node), output, options)


def _options(fields: Fields, kind: GuardrailKind) -> dict[str, str | int | float | bool]:
    wanted = OPTIONS[kind]
    fields.only((*_COMMON, *wanted))
    if kind in _REQUIRED:
        key, hint = _REQUIRED[kind]
        fields.require(key, hint=hint)
    read: dict[str, str | int | float | bool] = {}
    for key, what in wanted.items():
        if fields.get(key) is None:
            continue
        match what:
            case "text":
                read[key] = fields.text(key)
            case "flag":
                read[key] = fields.boolean(key)
            case "whole":
                read[key] = fields.integer(key, 0)
            case "number":
                number = fields.number(key)
                if number is not None and number <= 0:
                    message = f"{key!r} of {fields.what} is {number:g}, not above 0"
                    fields.mistakes.add("project.wrong_value", message, fields.get(key))
                elif number is not None:
                    read[key] = number
    return read


def _check_measure(fields: Fields, measure: str, outputs: Sequence[Output]) -> None:
    output = fields.text("output")
    watched = [one for one in outputs if one.name == output or not output]
    if watched and not any(one.period_column for one in watched):
        message = f"{fields.what} watches an output without a period, which has no course to leave"
        fields.mistakes.add("product.no_period", message, fields.node, hint="output: one with a period")
    names = {one.name for output in watched for one in output.measures}
    if measure and watched and measure not in names:
        message = f"{fields.what} watches measure {measure!r}, which no output of it has"
        fields.mistakes.add(
            "product.unknown_measure", message, fields.get("measure"), hint=did_you_mean(measure, names)
        )
