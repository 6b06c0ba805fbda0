"""What a project's meaning depends on besides its data, as one digest: its files, the variables they name, this
version. Standard library only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from afluente import __version__

_FOLDERS = ("contracts", "models", "products")
_CATALOGUES = "*/catalogo.yaml"
_VARIABLE = re.compile(rb"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-[^{}]*)?\}")


def fingerprint(root: Path, *, environment: Mapping[str, str], typed_in: Path) -> str:
    """A hexadecimal digest; empty when a file cannot be read. Variables count by their values, not shown."""
    digest = hashlib.sha256(__version__.encode())
    try:
        paths = [root / "afluente.yaml", *(path for folder in _FOLDERS for path in _files(root / folder))]
        paths += sorted(root.glob(_CATALOGUES))
        variables: set[str] = set()
        for path in paths:
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(root)}\0{len(content)}\0".encode())
            digest.update(content)
            variables |= {name.decode() for name in _VARIABLE.findall(content)}
    except OSError:
        return ""
    for name in sorted(variables):
        digest.update(f"\0{name}={environment.get(name, chr(0))}".encode("utf-8", "surrogateescape"))
    if variables:
        digest.update(f"\0{typed_in}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except FileNotFoundError:
        return []
