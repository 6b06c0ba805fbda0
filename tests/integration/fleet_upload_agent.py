"""An agent that reads COUNT lists and sends them all: `fleet_upload_agent.py FOLDER COUNT`.

The ports of the hubs stand in FOLDER/ports; each committed transmission is written to FOLDER/committed.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import time
from pathlib import Path

from afluente_agent.spool.bounds import SpoolLimits
from afluente_agent.spool.recovery import recover
from afluente_agent.upload import Pace, send
from tests.fleet_world.spool_world import PLENTY, listed, open_spool, packed_list
from tests.fleet_world.upload_world import Clocks, new_client

LIMITS = SpoolLimits(segment_bytes=1 << 15, record_bytes=1 << 12)
ROWS = 1500


def work(folder: Path, count: int) -> None:
    spool = open_spool(folder, limits=LIMITS, free_bytes=PLENTY)
    recovered = recover(spool)
    if recovered.quarantined:
        sys.exit(3)
    log = folder / "committed"
    done = len(log.read_text().splitlines()) if log.exists() else 0
    while done < count or spool.waiting():
        if done < count:
            with spool.new_sink() as sink:
                content = packed_list(ROWS, seed=done)
                sink.write(content)
                start = sink.commit(listed(ROWS))
            with log.open("a") as file:
                file.write(f"{start.id} {hashlib.sha256(content).hexdigest()}\n")
                file.flush()
                os.fsync(file.fileno())
            done += 1
        port = random.choice((folder / "ports").read_text().split())
        clock = Clocks(at=time.time())
        pace = Pace(
            now=time.time, monotonic=time.monotonic, sleep=lambda s: time.sleep(min(s, 0.05)), chunk_bytes=20_000
        )
        with new_client(f"http://127.0.0.1:{port}", clock) as client:
            sent = send(spool, client, pace)
        if sent.refused:
            sys.exit(4)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
