"""What a partner's API has, compared with what was released."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from afluente.products.deliveries.delivery import Package


def received(folder: Path) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def assert_exactly_once(folder: Path, package: Package, outputs: set[str]) -> None:
    """Each chunk once, every row once and in order within the chunks' numbers, and one word that all were sent."""
    payloads = received(folder)
    parts = Counter((one.get("output"), one.get("chunk"), one.get("complete")) for one in payloads)
    assert set(parts.values()) == {1}, parts
    complete = [one for one in payloads if one.get("complete")]
    assert len(complete) == 1
    assert {one["output"] for one in complete[0]["outputs"]} == outputs
    for told in complete[0]["outputs"]:
        chunks = sorted((one for one in payloads if one.get("output") == told["output"]), key=lambda one: one["chunk"])
        assert [one["chunk"] for one in chunks] == list(range(1, told["chunks"] + 1))
        assert {one["chunks"] for one in chunks} == {told["chunks"]}
        rows = [row for one in chunks for row in one["rows"]]
        file = next(one for one in package.files if one.output == told["output"] and one.format == "jsonl")
        assert rows == [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
        assert len(rows) == told["rows"]
