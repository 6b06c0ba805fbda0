"""Tables that others wrote with features this room does not write.

Invariant: `obstacle` names a reason for every table on which our commits, or a plain reading of its files,
could be wrong.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable

_HARMLESS = {"timestampNtz", "appendOnly", "invariants"}
_ON = "true"


def obstacle(handle: DeltaTable) -> str:
    """Why a table is only read through a scan and never written; empty when it is one of ours."""
    protocol = handle.protocol()
    features = {*(protocol.reader_features or ()), *(protocol.writer_features or ())} - _HARMLESS
    if features:
        return f"it uses the table features {', '.join(sorted(features))}"
    settings = handle.metadata().configuration
    if settings.get("delta.columnMapping.mode", "none") != "none":
        return "it uses column mapping"
    for name, words in (
        ("delta.enableDeletionVectors", "deletion vectors"),
        ("delta.enableChangeDataFeed", "a change data feed"),
        ("delta.appendOnly", "append only"),
        ("delta.enableRowTracking", "row tracking"),
    ):
        if settings.get(name, "").lower() == _ON:
            return f"it is set to {words}"
    if any(name.startswith("delta.constraints.") for name in settings):
        return "it has check constraints"
    if any(field.get("metadata") for field in json.loads(handle.schema().to_json())["fields"]):
        return "its columns carry metadata such as generated values or invariants"
    return ""
