"""A notifier as a process of its own, to be killed: reads the events of the project in argv[1] and tells people.

The clock stands at argv[2] seconds after the test's beginning, so that a lease of a dead process is over.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from afluente.core.clock import SetClock
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.watch.events_to_alerts import read_events
from afluente.watch.notify import notify_due

BEGINNING = datetime(2026, 5, 18, 12, tzinfo=UTC)

if __name__ == "__main__":
    root = Path(sys.argv[1])
    clock = SetClock(BEGINNING + timedelta(seconds=float(sys.argv[2])))
    project = load_project(root, environment={}, typed_in=root)
    with Workspace(project, environment={}, clock=clock) as workspace:
        workspace.state
        print("ready", flush=True)
        read_events(workspace)
        notify_due(workspace)
