"""One release of one file delivered by our connector: `python -m bench.ours.delivery FILE FOLDER PORT USER KEY HOST_KEY`.

Everything a delivery does is in the time: hashing our own file, fsync at the server, size checked, rename, manifest, `.ok`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

PREFIX = "bench-000001"


def deliver(file: Path, folder: str, port: int, user: str, key: Path, host_key: str) -> None:
    from afluente.core.clock import SystemClock
    from afluente.core.errors import Place
    from afluente.products.deliveries.delivery import DeliveryContext, Package, PackageFile
    from afluente.products.deliveries.registry import open_delivery
    from afluente.project.product import DeliverySettings
    from afluente.project.secret_reference import SecretReference

    options = {
        "host": "127.0.0.1",
        "port": port,
        "user": user,
        "private_key": SecretReference("file", str(key)),
        "host_key": host_key,
        "folder": folder,
    }
    settings = DeliverySettings("bench", "sftp", Place("bench"), options=options)
    context = DeliveryContext(key.parent, lambda wanted: Path(wanted.target).read_text(), SystemClock(), "en")
    sha256 = file.with_suffix(".sha256").read_text()
    manifest = file.with_suffix(".manifest.json")
    manifest.write_text(json.dumps({"files": [{"name": file.name, "sha256": sha256}]}))
    carried = PackageFile(file.name, file, sha256, file.stat().st_size)
    package = Package(
        "bench", "bench", "bench", "bench", 1, None, datetime.now(UTC), (carried,), manifest, None, PREFIX, None
    )
    delivery = open_delivery(settings, context)
    try:
        delivery.deliver(package, progress={}, save=lambda _: None)
    finally:
        delivery.close()


def write_hash(file: Path) -> None:
    """The hash that a release's manifest holds already when it is delivered."""
    with file.open("rb") as content:
        file.with_suffix(".sha256").write_text(hashlib.file_digest(content, "sha256").hexdigest())


if __name__ == "__main__":
    file, folder, port, user, key, host_key = sys.argv[1:]
    deliver(Path(file), folder, int(port), user, Path(key), host_key)
