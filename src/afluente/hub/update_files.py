"""The folder of updates, served as it stands: TUF metadata and targets, whole or by range.

Invariant: no name reaches outside of the folder, by dots, by links or by how it is encoded.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.responses import FileResponse

from afluente.fleet.refusal import Refusal

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}")
_MOST_PARTS = 8


def update_file(folder: Path | None, name: str) -> FileResponse:
    """The file's answer; Refusal with status 404."""
    parts = name.split("/")
    if folder is None or len(parts) > _MOST_PARTS or any(_NAME.fullmatch(part) is None for part in parts):
        raise _missing()
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise _missing()
    return FileResponse(path, media_type="application/octet-stream", headers={"Cache-Control": "no-cache"})


def _missing() -> Refusal:
    return Refusal("not_found", "esta atualização não existe", "there is no such update", status=404)
