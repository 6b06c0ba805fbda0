"""A catalogue kept as files: `catalogo.yaml` and, beside it, the SQL of each list.

Invariant: a file outside the folder is never read; what is given back is a catalogue by the agent's own reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from afluente.fleet.catalogue_check import check_catalogue
from afluente.fleet.refusal import FleetError
from afluente.state.json_value import Json

FILE = "catalogo.yaml"
_SQL_FILE = re.compile(r"[a-z][a-z0-9_]{0,57}\.sql")


def read_catalogue_files(folder: Path) -> Mapping[str, Json]:
    """The content to publish as a catalogue: `documents.publish(kind="catalogue", content=...)`. FleetError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load((folder / FILE).read_text(encoding="utf-8"))
        whole = json.loads(json.dumps(content))
    except (OSError, YAMLError, TypeError, ValueError) as error:
        raise _unreadable(FILE) from error
    lists = whole.get("lists") if isinstance(whole, dict) else None
    if not isinstance(lists, list) or not all(isinstance(one, dict) for one in lists):
        raise _unreadable(FILE)
    found: dict[str, Json] = {"lists": [{**one, "sql": _sql(folder, one.get("sql"))} for one in lists]}
    check_catalogue(json.dumps({**found, "name": "default", "version": 1}))
    return found


def _sql(folder: Path, name: object) -> list[Json]:
    if not isinstance(name, str) or not _SQL_FILE.fullmatch(name):
        raise _unreadable("a list's sql")
    try:
        return cast("list[Json]", (folder / name).read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise _unreadable(name) from error


def _unreadable(what: str) -> FleetError:
    return FleetError(
        "fleet.catalogue_files",
        f"the catalogue cannot be read: {what} is missing or not what it should be",
        pt=f"o catálogo não pode ser lido: {what} falta ou não é o que deveria ser",
        hint="see examples/transmissor/catalogo",
    )
