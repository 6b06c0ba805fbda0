"""The deliveries of a product: whichever key is not common to all names the connector and holds its options.

Invariant: secrets inside the options are references; a delivery carries only outputs and formats that there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from afluente.core.nearest import did_you_mean
from afluente.project.fields import Fields
from afluente.project.known import Known
from afluente.project.mistakes import Mistakes
from afluente.project.names import is_new, read_name
from afluente.project.option import Option
from afluente.project.product import DeliverySettings, Format, Output
from afluente.project.read_options import Options
from afluente.project.read_output import written_names
from afluente.project.yaml_node import Node

_COMMON = ("name", "outputs", "formats")


def read_deliveries(
    product: Fields, outputs: Sequence[Output], options: Options, known: Known
) -> tuple[DeliverySettings, ...]:
    """Read `deliveries`, held against the outputs of the product and the connectors there are."""
    node = product.get("deliveries")
    if node is None:
        return ()
    if not isinstance(node.value, tuple):
        product.wrong("deliveries", node, "a list")
        return ()
    names: set[str] = set()
    written = written_names(product)
    read = [_delivery(item, product.mistakes, outputs, written, options, known) for item in node.items]
    return tuple(
        one for one in read if one is not None and is_new(one.name, names, one.place, product.mistakes, "deliveries")
    )


def _delivery(
    node: Node, mistakes: Mistakes, outputs: Sequence[Output], written: Collection[str], options: Options, known: Known
) -> DeliverySettings | None:
    fields = Fields(node, mistakes, "a delivery")
    name = read_name(fields)
    if not isinstance(node.value, dict):
        return None
    fields.what = f"delivery {name!r}" if name else fields.what
    connector, inner = _connector(fields, known)
    carried = _chosen_outputs(fields, outputs, written)
    return DeliverySettings(
        name=name,
        connector=connector,
        place=mistakes.place(node),
        outputs=tuple(one.name for one in carried),
        formats=_chosen_formats(fields, carried or outputs),
        options=_options(inner, fields, connector, options),
    )


def _connector(fields: Fields, known: Known) -> tuple[str, Node | None]:
    names = None if known.deliveries is None else sorted(known.deliveries)
    own = [key for key in fields.node.mapping if key not in _COMMON]
    if len(own) != 1:
        there = f"names {', '.join(map(repr, own))}" if own else "names no connector"
        hint = f"one of {', '.join(names)}" if names else "such as sftp, api, email or folder"
        fields.mistakes.add("product.connector", f"{fields.what} {there}, and not one", fields.node, hint=hint)
        return "", None
    connector, inner = own[0], fields.node.mapping[own[0]]
    if names is not None and connector not in names:
        fields.mistakes.add(
            "product.unknown_connector",
            f"{fields.what} goes by {connector!r}, which does not exist",
            inner,
            hint=did_you_mean(connector, names),
            is_key=True,
        )
        return "", inner
    return connector, inner


def _options(inner: Node | None, fields: Fields, connector: str, options: Options) -> Mapping[str, Option]:
    if inner is None or (inner.is_scalar and inner.value is None):
        return {}
    if not isinstance(inner.value, dict):
        fields.wrong(connector or "connector", inner, "a mapping of options")
        return {}
    return options.read(inner.mapping)


def _chosen_outputs(fields: Fields, outputs: Sequence[Output], written: Collection[str]) -> list[Output]:
    by_name = {one.name: one for one in outputs if one.name}
    chosen: list[Output] = []
    for name in fields.texts("outputs"):
        if name in by_name:
            chosen.append(by_name[name])
        elif name not in written:
            message = f"{fields.what} carries output {name!r}, which does not exist"
            hint = did_you_mean(name, written)
            fields.mistakes.add("product.unknown_output", message, fields.get("outputs"), hint=hint)
    return chosen


def _chosen_formats(fields: Fields, outputs: Sequence[Output]) -> tuple[Format, ...]:
    there = {written: None for one in outputs for written in one.formats}
    chosen: list[Format] = []
    for name in fields.texts("formats"):
        found = next((written for written in there if written == name), None)
        if found is not None:
            chosen.append(found)
        elif there:
            message = f"{fields.what} carries format {name!r}, in which no output of it is written"
            hint = did_you_mean(name, there)
            fields.mistakes.add("product.unknown_format", message, fields.get("formats"), hint=hint)
    return tuple(chosen)
