"""A loader as a process of its own: `fleet_loading_process.py FOLDER DSN`. Loads, keeps in bronze and compacts until it is killed."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path

from afluente.core.clock import SystemClock
from afluente.fleet.bronze_keeper import BronzeKeeper, KeeperSettings
from afluente.fleet.central import Central
from afluente.fleet.loading import Loader, LoaderSettings
from afluente.lake.lake import Lake
from afluente.state.database import open_state
from tests.unit.fleet.loading.fleet_loading_world import plain_files


async def main(folder: Path, dsn: str) -> None:
    clock = SystemClock()
    settings = LoaderSettings(lease_seconds=1, first_retry_seconds=0.1, longest_retry_seconds=1, poll_seconds=0.1)
    lake = Lake(str(folder / "lake"), project_name="t")
    with open_state("sqlite:///state.db", folder) as database:
        async with Central(dsn) as central:
            loader = Loader(
                database, central, clock=clock, open_landed=plain_files(folder / "landing"), settings=settings,
                into_bronze=True,
            )  # fmt: skip
            keeper = BronzeKeeper(
                database, lake, clock=clock, open_landed=plain_files(folder / "landing"),
                settings=KeeperSettings(batch_transmissions=4, age_seconds=0.2, lease_seconds=0.3, compact_files=3,
                                        compact_seconds=0.5),
            )  # fmt: skip
            threading.Thread(target=keep, args=(keeper,), daemon=True).start()
            print("ready", flush=True)
            await loader.run(asyncio.Event())


def keep(keeper: BronzeKeeper) -> None:
    while True:
        keeper.keep_due()
        keeper.compact_due()
        time.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
