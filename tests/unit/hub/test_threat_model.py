"""The threat model names tests that exist, one at least for each threat."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "fleet-security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_threat_model_names_exists(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_each_threat_names_a_test() -> None:
    threats = TEXT.partition("## Threats")[2].partition("\n## ")[0].split("\n**")[1:]
    assert len(threats) >= 10
    for threat in threats:
        assert "::test_" in threat, threat[:60]
