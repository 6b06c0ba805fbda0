"""Names of tables (`layer.name`) and the description of a data file. Nothing here opens anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LAYERS = ("bronze", "silver", "gold", "quarantine", "repairs")
RELEASE = "release"
"""The layer in the name of what a release gives, for contracts: it is none of the lake's."""
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,126}")


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table of the lake. `layer` is one of LAYERS, or RELEASE in a contract; `name` is lower-case ASCII."""

    layer: str
    name: str

    @classmethod
    def parse(cls, text: str, *, layers: Collection[str] = LAYERS) -> TableName:
        """Read `layer.name` of these layers; ValueError says what is wrong with the text."""
        layer, dot, name = text.partition(".")
        if not dot:
            raise ValueError(f"{text!r} is not written layer.name")
        if layer not in layers:
            raise ValueError(f"{text!r}: layer {layer!r} is none of {', '.join(layers)}")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{text!r}: a table's name is lower-case letters, digits and _")
        return cls(layer, name)

    @property
    def view(self) -> str:
        """The name under which an engine registers a snapshot of this table."""
        return f"{self.layer}__{self.name}"

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file an engine or a reader wrote, before anybody committed it.

    `path` is the physical path relative to the table's folder, with `/`, not URL-encoded. `stats` is Delta's
    statistics as JSON text (numRecords, minValues, maxValues, nullCount). A partition value of None is null.
    """

    path: str
    size_bytes: int
    rows: int
    stats: str
    partition_values: Mapping[str, str | None] = field(default_factory=dict)
