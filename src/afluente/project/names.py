"""Names of products, outputs, measures and deliveries, which end up in files' names and columns.

Invariant: a name that passes here can stand in a path, in a column and in a URL as it is.
"""

from __future__ import annotations

import re

from afluente.core.errors import Place
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
HINT = "lower-case letters, digits and _, beginning with a letter"


def read_name(fields: Fields, key: str = "name") -> str:
    """The name under a key that must be there; empty after a mistake was noted."""
    if not isinstance(fields.node.value, dict):
        return ""
    node = fields.require(key, hint=f"{key}: {HINT}")
    name = fields.text(key)
    if node is None or not name:
        return ""
    if not NAME.fullmatch(name):
        fields.mistakes.add("project.name", f"{name!r} in {key!r} of {fields.what} is not a name", node, hint=HINT)
        return ""
    return name


def is_new(name: str, names: set[str], place: Place, mistakes: Mistakes, where: str) -> bool:
    """Whether a name stands for the first time, noting when it does not; one that was not read passes."""
    if name and name in names:
        mistakes.add("product.duplicate_name", f"{name!r} stands twice in {where}", place, hint="rename one")
        return False
    names.add(name)
    return True
