"""Diagnostics bundles, kept as they came: never unpacked here.

Invariant: a bundle's name is made by the hub; of a site the newest few stay; nothing is larger than the door lets in.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from afluente.core.ids import new_id
from afluente.fleet.refusal import Refusal
from afluente.fleet.sites import NAME

MOST_A_SITE = 10
GZIP = b"\x1f\x8b\x08"


def keep(folder: Path, site: str, content: bytes, *, at: datetime) -> str:
    """Write the bundle, readable by the hub's user only; its id. Refusal when it is no gzip."""
    if not content.startswith(GZIP):
        raise Refusal("bad_bundle", "o pacote de diagnóstico não é um gzip", "the bundle is not gzip")
    place = _place(folder, site)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    bundle = new_id(at)
    descriptor = os.open(place / f"{bundle}.gz", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    for old in sorted(place.glob("*.gz"))[:-MOST_A_SITE]:
        old.unlink(missing_ok=True)
    return bundle


def listed(folder: Path | None, site: str) -> list[str]:
    """The ids of a site's bundles, the newest first."""
    if folder is None:
        return []
    return sorted((path.stem for path in _place(folder, site).glob("*.gz")), reverse=True)


def path_of(folder: Path | None, site: str, bundle: str) -> Path:
    """Where a bundle stands; Refusal with status 404."""
    if folder is None or bundle not in listed(folder, site):
        raise Refusal("not_found", "este pacote não existe", "there is no such bundle", status=404)
    return _place(folder, site) / f"{bundle}.gz"


def _place(folder: Path, site: str) -> Path:
    if NAME.fullmatch(site) is None:
        raise Refusal("not_found", "este município não existe", "there is no such site", status=404)
    return folder / site
