"""What a table was made from: its input tables, their versions and the text that made it, kept with each commit.

Invariant: two equal texts mean the same content, so a step whose text has not changed has nothing to do. A table that
was deleted and made again is another table, whatever its version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from afluente.core.errors import RunError

CODE_EPOCH = 3
"""Bumped whenever the same contract or model over the same rows gives other rows than before."""


@dataclass(frozen=True, slots=True)
class Input:
    """One table as it was read: the identity its log gives it, and the version."""

    table_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The text's sha256, the project's time zone, and each input table by name."""

    text_sha256: str
    timezone: str
    tables: Mapping[str, Input]
    code: int = CODE_EPOCH

    def signature(self) -> str:
        tables = {name: [table.table_id, table.version] for name, table in sorted(self.tables.items())}
        fields = {"code": self.code, "text": self.text_sha256, "timezone": self.timezone, "inputs": tables}
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def parse(cls, signature: str) -> Inputs | None:
        """The inputs a signature tells; None when it is empty or was written by something else."""
        try:
            fields = json.loads(signature)
            tables = {name: Input(table_id, version) for name, (table_id, version) in fields["inputs"].items()}
            return cls(fields["text"], fields["timezone"], tables, fields["code"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def is_made_as(self, other: Inputs) -> bool:
        """Whether the same rows give the same table: text, time zone and code are equal."""
        return (self.text_sha256, self.timezone, self.code) == (other.text_sha256, other.timezone, other.code)

    def is_same(self, earlier: Inputs, table: str) -> bool:
        """Whether a table stands where it stood."""
        return table in earlier.tables and self.tables[table] == earlier.tables[table]

    def goes_on_from(self, earlier: Inputs, table: str) -> bool:
        """Whether a table is the one it was, at the same version or a later one."""
        before, now = earlier.tables.get(table), self.tables[table]
        return before is not None and before.table_id == now.table_id and before.version <= now.version

    def check_still_made_as(self, now: Inputs, step: str) -> None:
        """Raises RunError (retryable) when the project changed since the step was prepared."""
        if not self.is_made_as(now):
            raise stale_plan(step, "the project's files changed since it was prepared")


def stale_plan(step: str, why: str) -> RunError:
    """What was prepared cannot be done any more; the next attempt prepares anew."""
    return RunError("runs.plan_stale", f"step {step} has to be prepared again: {why}", hint="run again", retryable=True)


def step_gone(step: str) -> RunError:
    """A run that goes on after the project lost what one of its steps made."""
    return RunError(
        "runs.step_gone",
        f"step {step} was planned, and the project has nothing of that name any more",
        hint="run again: a new run is planned from the project as it is now",
    )
