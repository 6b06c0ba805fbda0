"""A process that sends one release to an API and keeps its progress in a file; made to be killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from afluente.core.clock import SystemClock
from afluente.products.deliveries.api.deliver import Api
from tests.integration.products_delivery_package import make_context, make_package, make_settings


def main(root: Path, url: str, rows: int) -> None:
    package = make_package(root / "release", {"vendas_mes": rows})
    kept = root / "progress.json"

    def save(progress: Mapping[str, object]) -> None:
        part = kept.with_suffix(".part")
        part.write_text(json.dumps(progress))
        part.replace(kept)

    settings = make_settings("api", {"url": url, "chunk_rows": 5, "backoff_seconds": 0.02, "max_attempts": 50})
    api = Api(settings, make_context(root, {}, clock=SystemClock()))
    print("ready", flush=True)
    api.deliver(package, progress=json.loads(kept.read_text()) if kept.exists() else {}, save=save)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
