"""`${env:NAME}` in a project's files, replaced by the variable's text; `${env:NAME:-text}` when it may be unset.

Invariant: `raw` keeps what was written, so that what came from the environment can be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from afluente.core.nearest import nearest
from afluente.project.mistakes import Mistakes
from afluente.project.yaml_node import Node

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?")


def substitute(node: Node, environment: Mapping[str, str], mistakes: Mistakes) -> Node:
    """The tree with every variable replaced. A missing variable is a mistake and leaves an empty text."""
    value = node.value
    if isinstance(value, tuple):
        return replace(node, value=tuple(substitute(item, environment, mistakes) for item in value))
    if isinstance(value, dict):
        return replace(node, value={key: substitute(item, environment, mistakes) for key, item in value.items()})
    if not isinstance(value, str) or "${" not in value:
        return node
    return replace(node, value=_VARIABLE.sub(lambda found: _text_of(found[1], node, environment, mistakes), value))


def begins_with_variable(node: Node) -> bool:
    """Whether the text begins with what the environment gave."""
    return node.raw.startswith("${env:")


def _text_of(written: str, node: Node, environment: Mapping[str, str], mistakes: Mistakes) -> str:
    name = _NAME.fullmatch(written)
    if name is None:
        mistakes.add(
            "project.variable_unknown",
            f"'${{{written}}}' is not a variable",
            node,
            hint="variables are ${env:NAME} or ${env:NAME:-text}",
        )
        return ""
    if name[1] not in environment and name[2] is not None:
        return name[2]
    if name[1] not in environment:
        near = nearest(name[1], environment)
        hint = f"set it, as in {name[1]}=... afluente check" + (f"; or did you mean '{near}'?" if near else "")
        mistakes.add("project.variable_missing", f"the environment variable {name[1]} is not set", node, hint=hint)
        return ""
    return environment[name[1]]
