"""The watcher of one folder as a process, with a hurried rule. Arguments: the folder, the installed version's files."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.trial import TrialRule
from afluente_agent.update.watcher import Pace, Watcher

root, installed = Path(sys.argv[1]), Path(sys.argv[2])
seconds = json.loads(sys.argv[3])


def leave(code: str, /, **evidence: object) -> None:
    with (root / "facts.jsonl").open("a") as file:
        file.write(json.dumps({"code": code, **{name: str(value) for name, value in evidence.items()}}) + "\n")


watcher = Watcher(
    UpdateFolder(root),
    installed=[sys.executable, "-P", str(installed / "toy_agent" / "__main__.py")],
    installed_version="1.0.0",
    arguments=[],
    leave=leave,
    rule=TrialRule(**seconds, settle_seconds=0.3, most_exits=2),
    pace=Pace(poll_seconds=0.1, stop_seconds=5, first_wait_seconds=0.1, longest_wait_seconds=0.5),
)
signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
sys.exit(watcher.run())
