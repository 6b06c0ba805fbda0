"""What a table was made from: the versions of its inputs and the text that made it, kept with each commit.

Invariant: two equal texts mean the same content, so a step whose text has not changed has nothing to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

CODE_EPOCH = 1
"""Bumped whenever the same contract or model over the same rows gives other rows than before."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The text's sha256 and each input table's version."""

    text_sha256: str
    versions: Mapping[str, int]
    code: int = CODE_EPOCH

    def signature(self) -> str:
        fields = {"code": self.code, "text": self.text_sha256, "inputs": dict(sorted(self.versions.items()))}
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def parse(cls, signature: str) -> Inputs | None:
        """The inputs a signature tells; None when it is empty or was written by something else."""
        try:
            fields = json.loads(signature)
            return cls(fields["text"], fields["inputs"], fields["code"])
        except (ValueError, KeyError, TypeError):
            return None
