"""The watcher of an agent's folder as a process, with a rule of seconds: `python -m ...hurried_watcher FOLDER`.

The installed version is the agent itself; a package of the demo is the same agent under another version's name.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from afluente_agent import __version__
from afluente_agent.clock_offset import HubClock
from afluente_agent.facts import Journal, leaver
from afluente_agent.settings import DataFolder, SettingsStore
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.trial import TrialRule
from afluente_agent.update.watcher import Pace, Watcher

RULE = TrialRule(reach_hub_seconds=240, hang_seconds=120, settle_seconds=0.5, most_exits=2)
PACE = Pace(poll_seconds=0.1, stop_seconds=5, first_wait_seconds=0.1, longest_wait_seconds=0.5)


def main(root: Path) -> int:
    offset = SettingsStore(DataFolder(root)).load().clock_offset_seconds
    journal = Journal(DataFolder(root).journal, clock=HubClock(time.time, offset_seconds=offset))
    watcher = Watcher(
        UpdateFolder(root),
        installed=[sys.executable, "-m", "afluente_agent"],
        installed_version=__version__,
        arguments=["run"],
        leave=leaver(lambda: journal),
        rule=RULE,
        pace=PACE,
    )
    signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
    return watcher.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
